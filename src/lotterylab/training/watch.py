"""Training measures means over each epoch and accuracy on watched splits, and keeps the best state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lotterylab.network import Network
from lotterylab.training.recipe import Recipe
from lotterylab.types import Split, State

if TYPE_CHECKING:
    from lotterylab.data.loader import Loader

UNFINISHED = "unfinished_epoch"  # the sums of an epoch that a training stopped inside of


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """An ``Evaluation`` has a split's accuracy and mean loss; ``exact`` is the accuracy without approximate images."""

    accuracy: float
    exact: float
    loss: float


def evaluate(net: Network, state: Mapping[str, Tensor], loader: Loader, split: str) -> Evaluation:
    """Evaluate the network on a whole split, in evaluation mode and without augmentation."""
    images = loader.split(split)
    hits, loss_sum = [], torch.zeros((), dtype=torch.float64, device=images.labels.device)
    with torch.no_grad():
        for batch in loader.evaluation_batches(split):
            logits, _ = net.forward(cast(State, state), batch.inputs, False)
            hits.append(logits.argmax(1) == batch.targets)
            loss_sum += cross_entropy(logits, batch.targets, reduction="sum").double()
    return evaluation_of(images, torch.cat(hits), float(loss_sum))


def evaluation_of(images: Split, hits: Tensor, loss: float) -> Evaluation:
    """Return the evaluation of a split's images: ``hits``, bool (n,), and the sum of their losses."""
    exact = hits[~images.approximate.to(hits.device)]
    return Evaluation(
        accuracy=int(hits.sum()) / len(hits),
        exact=int(exact.sum()) / len(exact) if len(exact) else math.nan,
        loss=loss / len(hits),
    )


class Means:
    """``Means`` sums loss and accuracy over an epoch on the device, from 0 or from the sums of an unfinished epoch."""

    def __init__(self, sums: Mapping[str, float] | None, device: torch.device) -> None:
        before = {"loss": 0.0, "correct": 0, "seen": 0, "part": 0.0, **(sums or {})}
        self.loss = torch.tensor(before["loss"], dtype=torch.float32, device=device)
        self.correct = torch.tensor(before["correct"], dtype=torch.int64, device=device)
        self.seen = int(before["seen"])
        self.part = before["part"]  # the losses of a stretch of steps that is not over, which are rounded at its end

    def add(self, loss: Tensor, logits: Tensor, targets: Tensor) -> None:
        """Add a batch."""
        self.seen += len(targets)
        self.loss += loss.detach() * len(targets)
        self.correct += (logits.detach().argmax(1) == targets).sum()

    def add_sums(self, loss: float, correct: int, seen: int) -> None:
        """Add several batches: the sum of the losses of their images, the number of hits and that of images."""
        self.seen += seen
        self.loss += loss
        self.correct += correct

    def extend(self, part: float, correct: int, seen: int, *, ends: bool) -> None:
        """Add steps of a stretch, so that a training that stops within it goes on to the same bits.

        Args:
            part: the sum of the losses of all images since the stretch began.
            correct, seen: the hits and images of these steps.
            ends: whether the stretch is over.
        """
        self.add_sums(part if ends else 0.0, correct, seen)
        self.part = 0.0 if ends else part

    def sums(self) -> dict[str, float]:
        """Return the sums so far, as ``__init__`` takes them."""
        return {"loss": float(self.loss), "correct": int(self.correct), "seen": self.seen, "part": self.part}


class Update(Protocol):
    """Something that trains: its state, and its score on a split."""

    @property
    def state(self) -> Mapping[str, Tensor]:
        """The state now."""
        ...

    def score(self, name: str) -> Evaluation:
        """Evaluate the state on a split."""
        ...


class Watch:
    """A ``Watch`` collects a training's metrics and keeps its best state."""

    def __init__(self, recipe: Recipe, kept: dict[str, State], metrics: dict[str, Any]) -> None:
        self.recipe, self.kept, self.metrics = recipe, kept, metrics
        self.by_steps = recipe.watch_every

    def end_epoch(self, means: Means, epoch: int) -> None:
        """Append the means of an epoch, and note an epoch whose loss is not finite as diverged."""
        loss = float(means.loss) / means.seen
        self._append("train_loss", loss if math.isfinite(loss) else None)
        self._append("train_accuracy", int(means.correct) / means.seen)
        if not math.isfinite(loss):
            self.metrics["diverged_epoch"] = epoch + 1

    def look(self, update: Update, step: int, per_epoch: int) -> None:
        """Evaluate the watched splits, and keep the state if it is the best so far."""
        for split in self.recipe.watch:
            score = update.score(split)
            self._append(f"{split}_accuracy", score.accuracy)
            if self.by_steps or self.recipe.pick == f"{split}-loss":
                self._append(f"{split}_loss", score.loss if math.isfinite(score.loss) else None)
        if self.by_steps:
            self._append("watched_steps", step)
        if self.recipe.pick and self._is_best():
            self.kept["best"] = cast(State, {name: tensor.detach().clone() for name, tensor in update.state.items()})
            self.metrics["best_epoch"] = -(-step // per_epoch)
            if self.by_steps:
                self.metrics["best_step"] = step

    def _is_best(self) -> bool:
        by_loss = self.recipe.pick == "validation-loss"
        curve = self.metrics[f"{self.recipe.picked_split}_{'loss' if by_loss else 'accuracy'}"]
        if curve[-1] is None:
            return len(curve) == 1  # the first state is kept in any case, so that a best state exists
        earlier = (value for value in curve[:-1] if value is not None)
        return all(curve[-1] < value if by_loss else curve[-1] > value for value in earlier)

    def _append(self, name: str, value: float | None) -> None:
        self.metrics[name] = [*self.metrics.get(name, []), value]
