"""The numbers of the end of a training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lotterylab.training.recipe import Recipe
from lotterylab.training.watch import Evaluation
from lotterylab.types import Checkpoint, State


def finals(
    last: Checkpoint, recipe: Recipe, score: Callable[[State, str], Evaluation], *, validated: bool
) -> dict[str, Any]:
    """Return the numbers of the final state; validation images that the training saw at its end are not read again.

    Args:
        last: the final checkpoint.
        recipe: the training.
        score: evaluates a state on a split.
        validated: whether there are validation images.
    """
    curves = last.metrics
    test = score(last.state, "test")
    numbers = {
        "train_accuracy": curves["train_accuracy"][-1] if "train_accuracy" in curves else None,  # no step was left
        "train_loss": curves["train_loss"][-1] if "train_loss" in curves else None,
        "test_accuracy": test.accuracy,
        "test_accuracy_exact": test.exact,
        "test_loss": _finite(test.loss),
        "test_reads": 1 + len(curves.get("test_accuracy", ())),
        "picked": recipe.pick or "",
    }
    if validated:
        seen = curves.get("validation_accuracy", ()) if recipe.watch_every is None else ()
        numbers["validation_accuracy"] = seen[-1] if seen else score(last.state, "validation").accuracy
    numbers |= {
        name: curves[name] for name in ("best_epoch", "best_step", "diverged_epoch", "stopped_step") if name in curves
    }
    if recipe.pick == "validation-loss":  # the early-stopping iteration has its own test accuracy
        numbers["best_test_accuracy"] = score(last.kept["best"], "test").accuracy
        numbers["test_reads"] += 1
    return numbers


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None
