"""Rows 9 and 10: leads and jumps of training curves, which the published text attributes to pruning."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from lotterylab.engine.results import Result
from lotterylab.reading.claims import Judgement
from lotterylab.reading.deciding import Word, all_of, holds, is_above, is_below, is_equal
from lotterylab.reading.judging import unanswered
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import interval_text
from lotterylab.statistics import differences, power_note, t_interval
from lotterylab.studies.activations_predictions import EQUAL_ACCURACY, JUMP
from lotterylab.studies.protocols import AS_PUBLISHED, ladder

CURVE = "train.curves"
EPOCH = AS_PUBLISHED.schedule.at[0]  # 10: where the text sees the lead and the jump, and where the rate drops
TARGET = 0.8  # the target whose curves were published
WINDOW = 3  # epochs before and after a jump


def lead_of_the_pruned(results: Rows) -> Judgement:
    """Judge row 9: training accuracy of each pruned ReLU arm at epoch 10 minus the dense arm's, paired by seed.

    The target is the one nearest to 0.8; seeds with a run that diverged before are left out.  "Confirmed" if no method
    leads: its interval is below 0, or it is equal within the margin.  "Refuted" if both lead.  An interval that
    contains 0 does not confirm "noise"; it is undecided.
    """
    relu = results.where(protocol=AS_PUBLISHED.name, activation="relu")
    everything = relu.where(method=("magnitude", "first-order"))
    target = min(everything.levels, key=lambda sparsity: abs(sparsity - TARGET), default=TARGET)
    runs = relu.where(method="dense") + everything.where(sparsity=target)
    whole = runs.having(_at_epoch)  # the seeds whose runs all reached the epoch
    dense, pruned = whole.where(method="dense").per_seed(_at_epoch), whole.where(sparsity=target)
    leads = {
        method: differences(pruned.where(method=method).per_seed(_at_epoch), dense)
        for method in ("magnitude", "first-order")
    }
    fewest = min(map(len, leads.values()))
    if fewest < 2:
        return unanswered(f"as-published ReLU curves of {EPOCH} epochs", fewest)
    words = [_leads(values) for values in leads.values()]
    word: Word = "cannot be said"
    if len(set(words)) == 1 and words[0] != "cannot be said":
        word = "refuted" if words[0] == "confirmed" else "confirmed"
    intervals = {method: t_interval(values) for method, values in leads.items()}
    mean = t_interval(differences(pruned.per_seed(_at_epoch), dense))
    each = ", ".join(f"{method} {interval_text(interval)}" for method, interval in intervals.items())
    note = _too_short(runs)
    note += f" {power_note(mean, EQUAL_ACCURACY)}" if word == "cannot be said" else ""
    return Judgement(
        word=word,
        measured=f"Lead over the dense run at epoch {EPOCH}, target {target:g}: {each}; mean of both "
        f"{interval_text(mean)}.{note}",
        n=mean.n,
        interval=mean,
        came_true=None
        if word == "cannot be said"
        else any(not (interval.above(0.0) or interval.below(0.0)) for interval in intervals.values()),
    )


def _too_short(runs: Rows) -> str:
    """Return how many runs diverged before the compared epoch; their seeds are left out."""
    trained = [row for row in runs if _curve(row)]
    lost = sum(_at_epoch(row) is None for row in trained)
    return f" {lost} of {len(trained)} runs diverged before; that seed is left out of all." if lost else ""


def _leads(lead: list[float]) -> Word:
    """Return "confirmed" if a method leads, "refuted" if it is behind or equal."""
    word = is_above(t_interval(lead), 0.0)
    return "refuted" if word == "cannot be said" and is_equal(lead, EQUAL_ACCURACY) == "confirmed" else word


def _at_epoch(row: Result) -> float | None:
    curve = _curve(row)
    return curve[EPOCH - 1] if len(curve) >= EPOCH else None


def _curve(row: Result) -> Sequence[float]:
    return (row.metric(CURVE) or {}).get("train_accuracy", ())


def jump_moves_with_the_rate(results: Rows) -> Judgement:
    """Judge row 10: the jump of the dense tanh curve at epoch 10, and its place if the rate drops later (rung 6)."""
    moved = ladder()[5]  # rung r has the index r - 1
    published = results.where(protocol=AS_PUBLISHED.name, activation="tanh", method="dense")
    repaired = results.where(protocol=moved.name, activation="tanh", method="dense").having(CURVE)
    fraction = moved.schedule.at[0]
    drop = fraction * max((len(_curve(row)) for row in repaired), default=0)
    jumps = {
        "as published at 10": published.per_seed(_jump(EPOCH)),
        f"drop moved, at {drop:g}": repaired.per_seed(_jump(drop)),
        "drop moved, at 10": repaired.per_seed(_jump(EPOCH)),
    }
    fewest = min(map(len, jumps.values()))
    if fewest < 2:
        return unanswered("dense tanh curves, as published and with the drop moved", fewest)
    if abs(drop - EPOCH) < WINDOW:
        return Judgement(
            word="cannot be said", measured=f"In so short a run the drop stays at epoch {drop:g}.", n=fewest
        )
    here, there, gone = intervals = [t_interval(values.values()) for values in jumps.values()]
    word = all_of([is_above(here, JUMP), is_above(there, JUMP), is_below(gone, JUMP)])
    each = ", ".join(f"{name} {interval_text(jump)}" for name, jump in zip(jumps, intervals, strict=True))
    return Judgement(
        word=word,
        measured=f"Mean training accuracy of {WINDOW} epochs after minus {WINDOW} before, dense tanh: {each}; "
        f"{JUMP:g} counts "
        f"as a jump.",
        n=fewest,
        interval=here,
        came_true=holds(word),
    )


def _jump(at: float) -> Callable[[Result], float | None]:
    """Return a reader of the mean of three whole epochs after ``at`` minus the mean of three whole epochs before."""

    def read(row: Result) -> float | None:
        curve, before, after = _curve(row), math.floor(at), math.ceil(at)
        if before < WINDOW or len(curve) < after + WINDOW:
            return None
        return (sum(curve[after : after + WINDOW]) - sum(curve[before - WINDOW : before])) / WINDOW

    return read
