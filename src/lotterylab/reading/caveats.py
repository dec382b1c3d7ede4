"""Caveats leave a comparison undecided whatever its interval: runs diverged, ended early or stayed at chance."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from lotterylab.engine.results import Result
from lotterylab.plan.nodes import Data, Train
from lotterylab.reading.costs import trainings
from lotterylab.reading.rows import Read, Rows, Sides, mean

BEST_STEP = "train.best_step"  # the early-stopping iteration
ACCURACIES = ("train.test_accuracy", "train.best_test_accuracy", "train.validation_accuracy")


def caveat(sides: Sides, read: Read, values: Collection[float], *, pairs: Iterable[Sides] = ()) -> str:
    """Return the caveats of a comparison as sentences that each begin with a space, or "".

    ``values``: the differences that are judged.  ``pairs``: the sides that are compared with each other, if not all of
    them are compared together.
    """
    chance = (at_chance(pair, read) for pair in (pairs or (sides,)))
    return diverged_runs(sides) + cut_short(sides, read) + "".join(chance) + no_spread(values)


def unequal_training(sides: Sides) -> str:
    """Return a sentence if a dense network was trained for fewer epochs in all than the other side; otherwise "".

    A ticket may be better than such a network only because finding its mask was training too.
    """
    epochs = {name: _epochs(rows) for name, rows in sides}
    dense = [name for name, rows in sides if rows and set(rows.labels("method")) == {"dense"}]
    if len(dense) != 1 or None in epochs.values() or len(epochs) != 2:
        return ""
    (other,) = (name for name in epochs if name != dense[0])
    fewer, more = epochs[dense[0]], epochs[other]
    if fewer is None or more is None or fewer >= 0.99 * more:
        return ""
    return f" In all, {dense[0]} was trained for {fewer:,.0f} epochs and {other} for {more:,.0f}."


def _epochs(rows: Rows) -> float | None:
    """Return the epochs of a finished run and of all runs behind it: those that were made, or else by the plan."""
    made = [cost for row in rows.trained if (cost := row.metric("cost.epochs")) is not None]
    if made:
        return sum(made) / len(made)
    runs = [run for row in rows.trained if isinstance(run := row.nodes.get("train"), Train)]
    return sum(steps / run.steps_per_epoch for run, steps in trainings(runs[0]).items()) if runs else None


def diverged_runs(sides: Sides) -> str:
    """Return how many runs diverged: they stopped early, so their accuracy is not that of a trained network."""
    rows = [row for _, side in sides for row in side]
    lost = {name: len(side.diverged) for name, side in sides}
    of_sides = ", ".join(name for name, count in lost.items() if count)
    return f" {sum(lost.values())} of {len(rows)} runs diverged ({of_sides})." if of_sides else ""


def cut_short(sides: Sides, read: Read) -> str:
    """Return how many runs ended while their validation loss still fell, so have no early-stopping iteration."""
    if read != BEST_STEP:
        return ""
    runs = [(name, row.records["train"].metrics) for name, side in sides for row in side if "train" in row.records]
    ended = [name for name, m in runs if m["best_step"] == m.get("from_step", 0) + m["steps"]]
    if not ended:
        return ""
    return f" {len(ended)} of {len(runs)} runs ended while it was still falling ({', '.join(dict.fromkeys(ended))})."


def at_chance(sides: Sides, read: Read) -> str:
    """Return a caveat if no side has left chance: a difference between untrained networks decides nothing."""
    if read not in ACCURACIES:
        return ""
    bound = max((twice_chance(side) for _, side in sides), default=0.0)
    means = [mean(values) for _, side in sides if (values := side.per_seed(read))]
    if not means or max(means) >= bound:
        return ""
    return f" Not above {bound:g}, twice chance: {', '.join(name for name, _ in sides)}."


def no_spread(values: Collection[float]) -> str:
    """Return a caveat if the differences are equal in every seed, and not 0: they have no spread to be judged by."""
    alike = len(values) > 1 and len(set(values)) == 1 and 0.0 not in values
    return " The difference is the same in every seed: there is no spread to judge it by." if alike else ""


def twice_chance(rows: Iterable[Result]) -> float:
    """Return twice the accuracy of a guess: 0.2 for ten classes, 0 if no row has a training on known classes."""
    runs = (row.nodes.get("train") for row in rows)
    return 2 / min((c for run in runs if isinstance(run, Train) for c in _classes(run.data)), default=float("inf"))


def _classes(data: object) -> tuple[int, ...]:
    return (data.spec.classes,) if isinstance(data, Data) else ()
