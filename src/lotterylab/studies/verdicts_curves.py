"""Rows 9 and 10: leads and jumps of training curves, as published blamed on pruning."""

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
TARGET = 0.8  # the one whose curves were published
WINDOW = 3  # epochs before and after a jump


def lead_of_the_pruned(results: Rows) -> Judgement:
    """Row 9: training accuracy of each pruned ReLU arm at epoch 10 minus the dense one's, paired by seed.

    At the target nearest to 0.8, over the seeds of which no run diverged before.  Confirmed if no method leads: its
    interval is below 0, or it is equal within the margin.  Refuted if both lead.  An interval that holds 0 does not
    confirm "noise"; it does not tell.
    """
    relu = results.where(protocol=AS_PUBLISHED.name, activation="relu")
    everything = relu.where(method=("magnitude", "first-order"))
    target = min(everything.levels, key=lambda sparsity: abs(sparsity - TARGET), default=TARGET)
    runs = relu.where(method="dense") + everything.where(sparsity=target)
    whole = runs.having(_at_epoch)  # the seeds of which every run came so far
    dense, pruned = whole.where(method="dense").per_seed(_at_epoch), whole.where(sparsity=target)
    leads = {
        method: differences(pruned.where(method=method).per_seed(_at_epoch), dense)
        for method in ("magnitude", "first-order")
    }
    fewest = min(map(len, leads.values()))
    if fewest < 2:
        return unanswered(f"as-published ReLU curves of {EPOCH} epochs", fewest)
    words = [_leads(found) for found in leads.values()]
    word: Word = "cannot be said"
    if len(set(words)) == 1 and words[0] != "cannot be said":
        word = "refuted" if words[0] == "confirmed" else "confirmed"
    intervals = {method: t_interval(found) for method, found in leads.items()}
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
        else any(not (one.above(0.0) or one.below(0.0)) for one in intervals.values()),
    )


def _too_short(runs: Rows) -> str:
    """How many runs diverged before there was anything to compare; their seeds are left out."""
    trained = [row for row in runs if _curve(row)]
    lost = sum(_at_epoch(row) is None for row in trained)
    return f" {lost} of {len(trained)} runs diverged before; that seed is left out of all." if lost else ""


def _leads(found: list[float]) -> Word:
    """Whether a method leads; refuted where it is behind or equal."""
    word = is_above(t_interval(found), 0.0)
    return "refuted" if word == "cannot be said" and is_equal(found, EQUAL_ACCURACY) == "confirmed" else word


def _at_epoch(row: Result) -> float | None:
    curve = _curve(row)
    return curve[EPOCH - 1] if len(curve) >= EPOCH else None


def _curve(row: Result) -> Sequence[float]:
    return (row.metric(CURVE) or {}).get("train_accuracy", ())


def jump_moves_with_the_rate(results: Rows) -> Judgement:
    """Row 10: the jump of the dense tanh curve at epoch 10, and where it is once the rate drops elsewhere (rung 6)."""
    moved = ladder()[5]  # rung r stands at r - 1
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
    here, there, gone = (t_interval(found.values()) for found in jumps.values())
    word = all_of([is_above(here, JUMP), is_above(there, JUMP), is_below(gone, JUMP)])
    told = ", ".join(f"{where_} {interval_text(one)}" for where_, one in zip(jumps, (here, there, gone), strict=True))
    return Judgement(
        word=word,
        measured=f"Mean training accuracy of {WINDOW} epochs after minus {WINDOW} before, dense tanh: {told}; "
        f"{JUMP:g} counts "
        f"as a jump.",
        n=fewest,
        interval=here,
        came_true=holds(word),
    )


def _jump(at: float) -> Callable[[Result], float | None]:
    """Mean of three whole epochs after ``at`` epochs minus mean of three whole ones before."""

    def read(row: Result) -> float | None:
        curve, before, after = _curve(row), math.floor(at), math.ceil(at)
        if before < WINDOW or len(curve) < after + WINDOW:
            return None
        return (sum(curve[after : after + WINDOW]) - sum(curve[before - WINDOW : before])) / WINDOW

    return read
