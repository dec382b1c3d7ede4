"""One step of a training: forward, loss, backward, update, hold."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from lotterylab import rng
from lotterylab.calling.exact_norms import exact_norms, has_running_statistics
from lotterylab.errors import UsageError
from lotterylab.gates import GATE, HEAT
from lotterylab.network import Network
from lotterylab.training.held import Pruned
from lotterylab.training.recipe import Recipe
from lotterylab.training.slots import UPDATES, by_slot, flat
from lotterylab.training.watch import Evaluation, Means, evaluate
from lotterylab.types import Batch, Checkpoint, Mask, State

if TYPE_CHECKING:
    from lotterylab.data.loader import Loader


class Stepper:
    """A ``Stepper`` holds the tensors of a training and moves them, one batch a step.

    Args:
        net: the network as a pure function.
        recipe: its optimizer, its loss and whether the mask is held.
        begin: where the training begins; its tensors are copied.
        mask: the mask to hold, or None.
        loader: the batches; its seed is that of dropout, with the step, and the training runs where its images are.
        channels_last: the memory layout of 4-d tensors.
        frozen: the values at which the mask holds the weights that it removes; None is 0.
    """

    def __init__(
        self,
        net: Network,
        recipe: Recipe,
        begin: Checkpoint,
        mask: Mask | None,
        *,
        loader: Loader,
        channels_last: bool,
        frozen: State | None = None,
    ) -> None:
        self.net, self.recipe, self.loader, self.seed = net, recipe, loader, loader.seed
        device = self.device = loader.dataset.train.images.device
        self.state: dict[str, Tensor] = in_layout(begin.state, channels_last, device)
        self.slots = by_slot(
            {name: _laid_out(tensor.to(device), channels_last) for name, tensor in begin.optimizer.items()}
        )
        self.updates = int(begin.optimizer.get(UPDATES, begin.step))
        self.params = {name: self.state[name].requires_grad_() for name in net.trainable}
        self.gradients: dict[str, Tensor] = {}
        self.held: dict[str, Pruned] = {}
        if recipe.hold and mask is not None:
            self.held = _pruned(mask, self.params)
        self.frozen = {name: _laid_out((frozen or {})[name].to(device), channels_last) for name in self.held if frozen}
        self.exact = channels_last and device.type == "cpu" and has_running_statistics(begin.state)

    def __call__(self, batch: Batch, *, step: int, lr: float) -> tuple[Tensor, Tensor]:
        """Update the parameters by one batch; return the loss before the update, ``()``, and the logits (B, K)."""
        _seed_forward(self.seed, step, self.device)
        with exact_norms() if self.exact else nullcontext():
            logits, state = self.net.forward(cast(State, self.state), batch.inputs, True)
        self.state = cast(dict[str, Tensor], state)
        loss = self.recipe.loss(logits, batch.targets, self.net, self.params)
        if self.recipe.gate:
            gates = [self.state[GATE + name] for name in self.net.prunable]
            loss = loss + self.recipe.gate.added_loss(gates, self.state.get(HEAT, 1.0))
        self.gradients = _gradients(loss, self.params)
        for optimizer, gradients in self._groups():
            moved, moved_slots = _select(gradients, self.params, self.slots)
            optimizer.update_(moved, gradients, moved_slots, lr=lr, step=self.updates)
        self.hold()
        self.updates += 1
        return loss.detach(), logits.detach()

    def run(
        self, step: int, end: int, rate: Callable[[int], float], means: Means, every: int | None
    ) -> Iterator[tuple[int, Batch, Tensor]]:
        """Train from a step to the end of its epoch, or to ``end``.

        Args:
            step: the number of steps before.
            end: the step to stop at.
            rate: the learning rate of each step.
            means: get the losses and hits.
            every: is not needed here, where the caller sees every step.

        Yields:
            The number of steps so far, the batch, and its loss before the update.
        """
        epoch, within = divmod(step, self.loader.steps_per_epoch)
        for batch in self.loader.batches(epoch, start=within):
            loss, logits = self(batch, step=step, lr=rate(step))
            step += 1
            means.add(loss, logits, batch.targets)
            yield step, batch, loss
            if step == end:
                return

    def score(self, name: str) -> Evaluation:
        """Evaluate the network on a split."""
        return evaluate(self.net, self.state, self.loader, name)

    def _groups(self) -> Iterator[tuple[Any, dict[str, Tensor]]]:
        """Yield each optimizer with the gradients that it follows: gates may be without weight decay."""
        gate, optimizer = self.recipe.gate, self.recipe.optimizer
        if gate is None:
            yield optimizer, self.gradients
            return
        if idle := [name for name in self.params if name.startswith(GATE) and name not in self.gradients]:
            raise UsageError(
                f"{type(gate).__name__}: no path from the inputs to the loss uses '{idle[0].removeprefix(GATE)}', so "
                "its gate learns nothing. Remove the layer, or use it."
            )
        gates = {name: gradient for name, gradient in self.gradients.items() if name.startswith(GATE)}
        weights = {name: gradient for name, gradient in self.gradients.items() if name not in gates}
        yield optimizer, weights
        yield (optimizer if gate.decays else replace(optimizer, weight_decay=0.0)), gates

    def put(self, state: Mapping[str, Tensor], optimizer: Mapping[str, Tensor], mask: Mask | None) -> None:
        """Write tensors of state and optimizer in the place of those of the same names, and hold another mask."""
        with torch.no_grad():
            for name, tensor in state.items():
                self.state[name].copy_(tensor)
            for key, tensor in optimizer.items():
                slot, _, name = key.partition("/")
                self.slots[slot][name].copy_(tensor)
        if mask is not None and self.recipe.hold:
            self.held = _pruned(mask, self.params)
        self.hold()

    def hold(self) -> None:
        """Set pruned weights to +0.0 or to their frozen values, and their optimizer state to +0.0."""
        with torch.no_grad():
            for name, positions in self.held.items():
                if name in self.frozen:
                    positions.put_(self.params[name], self.frozen[name])
                else:
                    positions.zero_(self.params[name])
                for slot in self.slots.values():
                    positions.zero_(slot[name])

    def detached(self) -> State:
        """Return the state outside autograd's graph, not copied."""
        return cast(State, {name: tensor.detach() for name, tensor in self.state.items()})

    def checkpointed(self) -> tuple[State, dict[str, Tensor]]:
        """Return the state and the flat optimizer state, as a checkpoint holds them."""
        return self.detached(), counted(self.recipe, self.slots, self.updates)


def counted(recipe: Any, slots: Mapping[str, Mapping[str, Tensor]], updates: int) -> dict[str, Tensor]:
    """Return the optimizer's state for a checkpoint, with its count of updates if its rule uses the count."""
    return {**flat(slots), **({UPDATES: torch.tensor(updates)} if recipe.optimizer.counts else {})}


def _gradients(loss: Tensor, params: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return gradients of the parameters that the loss depends on; the others stay unchanged, as in torch.optim."""
    gradients = torch.autograd.grad(loss, list(params.values()), allow_unused=True)
    return {name: gradient for name, gradient in zip(params, gradients, strict=True) if gradient is not None}


def _select(
    names: Collection[str], params: dict[str, Tensor], slots: dict[str, dict[str, Tensor]]
) -> tuple[dict[str, Tensor], dict[str, dict[str, Tensor]]]:
    """Return the parameters of these names and their slots, without copying."""
    if len(names) == len(params):
        return params, slots
    selected = {slot: {name: tensors[name] for name in names} for slot, tensors in slots.items()}
    return {name: params[name] for name in names}, selected


def _seed_forward(seed: int, step: int, device: torch.device) -> None:
    """Seed the device's global torch generator, from which dropout layers draw in the forward pass."""
    number = rng.key(seed, "forward", step) & (2**63 - 1)
    generator = torch.default_generator if device.type == "cpu" else torch.cuda.default_generators[device.index or 0]
    generator.manual_seed(number)


def _pruned(mask: Mask, params: Mapping[str, Tensor]) -> dict[str, Pruned]:
    """Return the pruned positions of each trained tensor that lost entries; the others need no work in a step."""
    pruned = {name: kept for name, kept in mask.items() if name in params and not bool(kept.all())}
    return {name: Pruned(kept.to(params[name].device)) for name, kept in pruned.items()}


def in_layout(state: Mapping[str, Tensor], channels_last: bool, device: torch.device | None = None) -> State:
    """Return a copy of a state in the memory layout of a training, by which torch chooses kernels."""
    return State({name: _laid_out(tensor.to(device or tensor.device), channels_last) for name, tensor in state.items()})


def _laid_out(tensor: Tensor, channels_last: bool) -> Tensor:
    layout = torch.channels_last if channels_last and tensor.dim() == 4 else torch.contiguous_format
    return tensor.detach().clone(memory_format=layout)
