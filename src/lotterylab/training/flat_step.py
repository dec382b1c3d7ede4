"""Steppers that compute many steps a call, and have all numbers of a network in one row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lotterylab.kernels.links import Links
from lotterylab.training.chain_layout import Layout
from lotterylab.training.slots import UPDATES, by_slot
from lotterylab.training.step import counted
from lotterylab.training.watch import Evaluation, Means, evaluation_of
from lotterylab.types import Batch, Checkpoint, Mask, Split, State

if TYPE_CHECKING:
    from lotterylab.data.loader import Loader
    from lotterylab.training.recipe import Recipe

STRETCH = 200  # steps, at the most, between two signs of life


def by_logits(split: Split, logits: Tensor) -> Evaluation:
    """Return the evaluation of a split by the logits of its images, (n, classes)."""
    loss = float(cross_entropy(logits.double(), split.labels, reduction="sum"))
    return evaluation_of(split, logits.argmax(1) == split.labels, loss)


class FlatStepper(ABC):
    """A ``FlatStepper`` trains a network, many steps a call.

    Args:
        links: the network.
        real: the C type of its numbers, "float" or "double".
        recipe: its optimizer and batch size.
        begin: where the training begins; pruned weights and their optimizer state are 0.
        mask: the mask; a weight that it does not name is kept whole.
        loader: the images and their order.
    """

    def __init__(self, links: Links, real: str, recipe: Recipe, begin: Checkpoint, mask: Mask, loader: Loader) -> None:
        self.recipe, self._loader = recipe, loader
        self._real = torch.float32 if real == "float" else torch.float64
        self._links, self.updates = links, int(begin.optimizer.get(UPDATES, begin.step))
        self._arrange(begin, mask)

    def _arrange(self, begin: Checkpoint, mask: Mask) -> None:
        """Give each number its place, for this mask."""
        self._layout = self._laid_out(begin, mask)
        self._params = self._layout.packed(begin.state)
        self._slots = {slot: self._layout.packed(tensors) for slot, tensors in by_slot(begin.optimizer).items()}
        self._gradient = torch.zeros_like(self._params)
        self._prepare()

    @abstractmethod
    def _laid_out(self, begin: Checkpoint, mask: Mask) -> Layout:
        """Return the place of each number."""

    @abstractmethod
    def _prepare(self) -> None:
        """Make what the steps need beside parameters, gradients and slots."""

    @abstractmethod
    def _advance(self, order: Tensor, rates: list[float], loss: float) -> tuple[float, int]:
        """Make a step for each rate; return ``loss`` with the losses of all images added one by one, and the hits."""

    @abstractmethod
    def score(self, name: str) -> Evaluation:
        """Evaluate the network on a split."""

    def run(
        self, step: int, end: int, rate: Callable[[int], float], means: Means, every: int | None
    ) -> Iterator[tuple[int, Batch | None, Tensor | None]]:
        """Train from a step to the end of its epoch, or to ``end``.

        Args:
            step: the number of steps before.
            end: the step to stop at.
            rate: the learning rate of each step.
            means: get the losses and hits.
            every: steps from one evaluation to the next; no stretch goes beyond one.

        Yields:
            The number of steps so far; no batch and no loss, since many steps are made at once.
        """
        for begin, stop, images, ends in self._stretches(step, end, every):
            loss, hits = self._advance(images, [rate(at) for at in range(begin, stop)], means.part)
            means.extend(loss, hits, len(images), ends=ends)
            self._loader.alive()
            yield stop, None, None

    def _stretches(self, step: int, end: int, every: int | None) -> Iterator[tuple[int, int, Tensor, bool]]:
        """Yield what is left of the stretches of an epoch.

        They end at the same steps wherever a training stops and goes on.

        Yields:
            The first step, the step behind the last one, the images, and whether the stretch ends there.
        """
        loader, size = self._loader, self._loader.batch_size
        epoch, within = divmod(step, loader.steps_per_epoch)
        first, last = step - within, step - within + loader.steps_per_epoch
        order, begin = loader.order(epoch), step - within
        while begin < min(end, last):
            stop = min(begin + STRETCH, last, begin - begin % every + every if every else last)
            start, here = max(begin, step), min(stop, end)
            if start < here:
                yield start, here, order[(start - first) * size : (here - first) * size], here == stop
            begin = stop

    def take(self, state: State) -> None:
        """Go on with another state, in which the same weights are pruned."""
        self._params.copy_(self._layout.packed(state))

    @property
    def state(self) -> State:
        """The state in the shapes of the network, a copy."""
        return cast(State, self._layout.whole(self._params))

    @property
    def slots(self) -> dict[str, dict[str, Tensor]]:
        """The optimizer state, a copy."""
        return {slot: self._layout.whole(packed) for slot, packed in self._slots.items()}

    def checkpointed(self) -> tuple[State, dict[str, Tensor]]:
        """Return the state and the flat optimizer state, as a checkpoint holds them."""
        return self.state, counted(self.recipe, self.slots, self.updates)
