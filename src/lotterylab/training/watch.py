"""What is measured while a network trains: means over an epoch, accuracy on watched splits, the best moment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lotterylab.network import Network
from lotterylab.training.recipe import Recipe
from lotterylab.types import State

if TYPE_CHECKING:
    from lotterylab.data.loader import Loader

UNFINISHED = "unfinished_epoch"  # the sums of an epoch in whose middle a training was stopped


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Accuracy and mean loss on a split; ``exact`` leaves out the images that are listed as approximate."""

    accuracy: float
    exact: float
    loss: float


def evaluate(net: Network, state: Mapping[str, Tensor], loader: Loader, split: str) -> Evaluation:
    """The network in evaluation mode on a whole split, without augmentation."""
    images = loader.split(split)
    right, loss_sum = [], torch.zeros((), dtype=torch.float64, device=images.labels.device)
    with torch.no_grad():
        for batch in loader.evaluation_batches(split):
            logits, _ = net.forward(cast(State, state), batch.inputs, False)
            right.append(logits.argmax(1) == batch.targets)
            loss_sum += cross_entropy(logits, batch.targets, reduction="sum").double()
    correct = torch.cat(right)
    exact = correct[~images.approximate.to(correct.device)]
    return Evaluation(
        accuracy=int(correct.sum()) / len(correct),
        exact=int(exact.sum()) / len(exact) if len(exact) else math.nan,
        loss=float(loss_sum) / len(correct),
    )


class Means:
    """Loss and accuracy over an epoch, summed on the device; goes on from the sums of an epoch that was broken off."""

    def __init__(self, sums: Mapping[str, float] | None, device: torch.device) -> None:
        before = sums or {"loss": 0.0, "correct": 0, "seen": 0}
        self.loss = torch.tensor(before["loss"], dtype=torch.float32, device=device)
        self.correct = torch.tensor(before["correct"], dtype=torch.int64, device=device)
        self.seen = int(before["seen"])

    def add(self, loss: Tensor, logits: Tensor, targets: Tensor) -> None:
        """One batch."""
        self.seen += len(targets)
        self.loss += loss.detach() * len(targets)
        self.correct += (logits.detach().argmax(1) == targets).sum()

    def sums(self) -> dict[str, float]:
        """Exactly what ``__init__`` takes."""
        return {"loss": float(self.loss), "correct": int(self.correct), "seen": self.seen}


class Watch:
    """The metrics of a training as they grow, and the state of its best moment."""

    def __init__(self, recipe: Recipe, kept: dict[str, State], metrics: dict[str, Any]) -> None:
        self.recipe, self.kept, self.metrics = recipe, kept, metrics
        self.by_steps = recipe.watch_every

    def end_epoch(self, means: Means, epoch: int) -> None:
        """Write down the means of an epoch, and whether it diverged."""
        loss = float(means.loss) / means.seen
        self._append("train_loss", loss if math.isfinite(loss) else None)
        self._append("train_accuracy", int(means.correct) / means.seen)
        if not math.isfinite(loss):
            self.metrics["diverged_epoch"] = epoch + 1

    def look(self, net: Network, state: Mapping[str, Tensor], loader: Loader, step: int) -> None:
        """Evaluate the watched splits, and keep the state if it is the best so far."""
        for split in self.recipe.watch:
            found = evaluate(net, state, loader, split)
            self._append(f"{split}_accuracy", found.accuracy)
            if self.by_steps or self.recipe.pick == f"{split}-loss":
                self._append(f"{split}_loss", found.loss if math.isfinite(found.loss) else None)
        if self.by_steps:
            self._append("watched_steps", step)
        if self.recipe.pick and self._is_best():
            self.kept["best"] = cast(State, {name: tensor.detach().clone() for name, tensor in state.items()})
            self.metrics["best_epoch"] = -(-step // loader.steps_per_epoch)
            if self.by_steps:
                self.metrics["best_step"] = step

    def _is_best(self) -> bool:
        by_loss = self.recipe.pick == "validation-loss"
        curve = self.metrics[f"{self.recipe.picked_split}_{'loss' if by_loss else 'accuracy'}"]
        if curve[-1] is None:
            return len(curve) == 1  # there is always a best one
        earlier = (value for value in curve[:-1] if value is not None)
        return all(curve[-1] < one if by_loss else curve[-1] > one for one in earlier)

    def _append(self, name: str, value: float | None) -> None:
        self.metrics[name] = [*self.metrics.get(name, []), value]
