"""Steps of the kernels into which interventions look, and which they change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from lotterylab.kernels.build import Library
from lotterylab.kernels.links import Links
from lotterylab.kernels.portable import Portable
from lotterylab.masks import algebra
from lotterylab.network import Network
from lotterylab.training import slots
from lotterylab.training.chain_step import ChainStepper
from lotterylab.training.conv_step import ConvStepper
from lotterylab.training.flat_step import FlatStepper
from lotterylab.training.portable_step import PortableStepper
from lotterylab.training.watch import Means
from lotterylab.types import Batch, Checkpoint, Mask, State

if TYPE_CHECKING:
    from lotterylab.data.loader import Loader
    from lotterylab.training.recipe import Recipe


class Gradients(Mapping[str, "Tensor"]):
    """``Gradients`` are those of one update by parameter.  The kernel leaves pruned weights out: torch computes the
    gradients of tensors that have some, the first time that one of them is asked for.

    Args:
        kept: the gradients, 0 at pruned weights.
        pruned: the names of the tensors with pruned weights.
        whole: returns all gradients, pruned weights included.
    """

    def __init__(self, kept: Mapping[str, Tensor], pruned: frozenset[str], whole: Callable[[], dict[str, Tensor]]):
        self.kept, self._pruned, self._compute = kept, pruned, whole

    def __getitem__(self, name: str) -> Tensor:
        return self._whole[name] if name in self._pruned else self.kept[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.kept)

    def __len__(self) -> int:
        return len(self.kept)

    @cached_property
    def _whole(self) -> dict[str, Tensor]:
        return self._compute()


class Opened(ChainStepper):
    """An ``Opened`` stepper is one whose numbers can be seen and changed between two steps.

    Args:
        library: the compiled kernel.
        links: the network.
        recipe: its optimizer, loss and batch size.
        begin: where the training begins; pruned weights and their optimizer state are 0.
        mask: the mask that is held first.
        loader: the images and their order.
        net: the same network, for gradients of pruned weights.
    """

    def __init__(
        self,
        library: Library,
        links: Links,
        recipe: Recipe,
        begin: Checkpoint,
        mask: Mask,
        loader: Loader,
        net: Network,
    ) -> None:
        self._net_of_torch = net
        self._seen: Gradients | None = Gradients({}, frozenset(), dict)
        self._last: tuple[Tensor, Batch]  # the parameters before the last update, and its batch
        super().__init__(library, links, recipe, begin, mask, loader)

    def _arrange(self, begin: Checkpoint, mask: Mask) -> None:
        super()._arrange(begin, mask)
        self._mask = mask
        self._pruned = frozenset(name for name, kept in mask.items() if not bool(kept.all()))

    @contextmanager
    def _looking(self, batch: Batch) -> Iterator[None]:
        """Make the step of a batch inside; its gradients are those that are seen afterwards."""
        before = self._params.clone() if self._pruned else self._params
        yield
        self._last, self._seen = (before, batch), None

    def _by_torch(self, parameters: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Return the gradients at these parameters, pruned weights included."""
        with torch.enable_grad():
            leaves = {name: tensor.requires_grad_() for name, tensor in parameters.items()}
            state = cast(State, {**self.state, **leaves})
            logits, _ = self._net_of_torch.forward(state, batch.inputs, True)
            loss = self.recipe.loss(logits, batch.targets, self._net_of_torch, leaves)
            return dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))

    @property
    def gradients(self) -> Gradients:
        """The gradients of the last update; empty before the first."""
        if self._seen is None:  # once a step: a change of the mask arranges the numbers anew
            before, batch = self._last
            kept, layout = self._layout.whole(self._gradient), self._layout
            self._seen = Gradients(kept, self._pruned, lambda: self._by_torch(layout.whole(before), batch))
        return self._seen

    def detached(self) -> State:
        """Return a copy of the state."""
        return self.state

    def put(self, state: Mapping[str, Tensor], optimizer: Mapping[str, Tensor], mask: Mask | None) -> None:
        """Write tensors of state and optimizer in the place of those of the same names, and hold another mask."""
        held = mask or self._mask
        moved = algebra.masked(cast(State, {**self.state, **state}), held)
        moved_slots = slots.masked({**slots.flat(self.slots), **optimizer}, held)
        if mask is not None:
            self._arrange(Checkpoint(step=0, state=moved, optimizer=moved_slots, kept={}, metrics={}), held)
            return
        self.take(moved)
        for slot, tensors in slots.by_slot(moved_slots).items():
            self._slots[slot].copy_(self._layout.packed(tensors))


class OpenConvStepper(Opened, ConvStepper):
    """An ``OpenConvStepper`` is a ``ConvStepper`` that is open."""

    def _learn(self, batch: Batch, rate: float, means: Means) -> Tensor:
        with self._looking(batch):
            return super()._learn(batch, rate, means)


class OpenChainStepper(Opened):
    """An ``OpenChainStepper`` is a ``ChainStepper`` that is open, and makes one step a call.

    Its sums of losses are rounded where those of a ``ChainStepper`` are, at the ends of its stretches.
    """

    def run(
        self, step: int, end: int, rate: Callable[[int], float], means: Means, every: int | None
    ) -> Iterator[tuple[int, Batch, Tensor]]:
        """Train from a step to the end of its epoch, or to ``end``.

        Yields:
            The number of steps so far, the batch, and its loss before the update.
        """
        epoch, within = divmod(step, self._loader.steps_per_epoch)
        batches = self._loader.batches(epoch, start=within)
        for begin, stop, images, ends in self._stretches(step, end, every):
            loss = means.part
            for at, order in zip(range(begin, stop), images.split(self._loader.batch_size), strict=True):
                batch, earlier = next(batches), loss
                with self._looking(batch):
                    loss, hits = self._advance(order, [rate(at)], earlier)
                means.extend(loss, hits, len(order), ends=ends and at + 1 == stop)
                yield at + 1, batch, torch.tensor((loss - earlier) / len(order))


def stepper(
    library: Library | Portable,
    links: Links,
    recipe: Recipe,
    begin: Checkpoint,
    mask: Mask,
    loader: Loader,
    net: Network,
) -> FlatStepper:
    """Return what computes the steps of a network with these links; without a compiler, of a chain alone."""
    if isinstance(library, Portable):
        return PortableStepper(links, library.real, recipe, begin, mask, loader)
    if recipe.interventions:
        opened = OpenConvStepper if links.blocks else OpenChainStepper
        return opened(library, links, recipe, begin, mask, loader, net)
    kind = ConvStepper if links.blocks else ChainStepper
    return kind(library, links, recipe, begin, mask, loader)
