"""The numbers of the end of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lotterylab.engine.trainings import Trained


def finals(trained: Trained) -> dict[str, Any]:
    """Return the numbers of the final state; a split that the training evaluated at its end is not read again."""
    last, recipe = trained.last, trained.recipe
    curves = last.metrics
    test = trained.score(last.state, "test")
    numbers = {
        "train_accuracy": curves["train_accuracy"][-1] if "train_accuracy" in curves else None,  # no step was left
        "train_loss": curves["train_loss"][-1] if "train_loss" in curves else None,
        "test_accuracy": test.accuracy,
        "test_accuracy_exact": test.exact,
        "test_loss": _finite(test.loss),
        "test_reads": 1 + len(curves.get("test_accuracy", ())),
        "picked": recipe.pick or "",
    }
    if len(trained.loader.dataset.validation):
        seen = curves.get("validation_accuracy", ()) if recipe.watch_every is None else ()
        numbers["validation_accuracy"] = seen[-1] if seen else trained.score(last.state, "validation").accuracy
    numbers |= {
        name: curves[name] for name in ("best_epoch", "best_step", "diverged_epoch", "stopped_step") if name in curves
    }
    if recipe.pick == "validation-loss":  # the early-stopping iteration has its own test accuracy
        numbers["best_test_accuracy"] = trained.score(last.kept["best"], "test").accuracy
        numbers["test_reads"] += 1
    return numbers


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None
