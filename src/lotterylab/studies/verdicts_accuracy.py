"""Rows 6 and 11: accuracies on the test set, by the split that picked the epoch and by activation."""

from __future__ import annotations

from lotterylab.engine.results import Result
from lotterylab.reading.claims import Judgement
from lotterylab.reading.deciding import LEVEL, Word, all_of, both, holds, is_below, is_equal
from lotterylab.reading.judging import unanswered
from lotterylab.reading.rows import PerSeed, Rows
from lotterylab.reading.words import interval_text
from lotterylab.statistics import differences, holm, p_value, paired, power_note, t_interval
from lotterylab.studies.activations_predictions import EQUAL_ACCURACY
from lotterylab.studies.protocols import AS_PUBLISHED, CORRECTED, ladder

ACCURACY = "train.test_accuracy"
PRUNED = ("magnitude", "first-order")
OPTIMISM = (0.01, 0.03)  # "the best test epoch lies above the last one by 0.01 to 0.03"
TANH_BELOW_RELU = (-0.06, -0.02)  # "lower than ReLU by 0.02 to 0.06, dense"


def selection_on_test(results: Rows) -> Judgement:
    """Judge row 6: last-epoch accuracy of the pruned runs, the epoch picked on test (rung 4) or validation (rung 5)."""
    rungs = ladder()[3:5]  # rung r has the index r - 1
    on_test, on_validation = (results.where(protocol=rung.name, method=PRUNED).per_seed(ACCURACY) for rung in rungs)
    change = differences(on_test, on_validation)
    if len(change) < 2:
        return unanswered("pruned runs of rungs 4 and 5 of the ladder", len(change))
    word, interval = is_equal(change, EQUAL_ACCURACY), t_interval(change)
    published = results.where(protocol=AS_PUBLISHED.name)
    optimism = {
        activation: t_interval(values.values())
        for activation in ("relu", "tanh")
        if (values := published.where(activation=activation).per_seed(_best_minus_last))
    }
    each = ", ".join(f"{activation} {interval_text(interval)}" for activation, interval in optimism.items())
    as_predicted = all(OPTIMISM[0] <= interval.mean <= OPTIMISM[1] for interval in optimism.values())
    note = f" {power_note(interval, EQUAL_ACCURACY)}" if word == "cannot be said" else ""
    return Judgement(
        word=word,
        measured=f"Picked on test minus picked on validation, last epoch: {interval_text(interval)} (equal "
        f"within {EQUAL_ACCURACY:g}: "
        f"{word}). Best test epoch minus the last, as published: {each or 'not run'}.{note}",
        n=len(change),
        interval=interval,
        came_true=both(holds(word), as_predicted if len(optimism) == 2 else None),
    )


def _best_minus_last(row: Result) -> float | None:
    curve = (row.metric("train.curves") or {}).get("test_accuracy")
    return max(curve) - curve[-1] if curve else None


def tanh_against_relu(results: Rows) -> Judgement:
    """Judge row 11: tanh minus ReLU for each method and target, paired by seed, as published; and dense, corrected.

    "Tanh is lower than both ReLU's" is false if tanh is higher in some arm (Holm over the arms), true if lower in all.
    """
    rows = results.where(protocol=AS_PUBLISHED.name, method=PRUNED)
    tanh, relu = (rows.where(activation=activation).per_seed(ACCURACY) for activation in ("tanh", "relu"))
    change = differences(tanh, relu)
    if len(change) < 2:
        return unanswered("all its as-published pruned runs of tanh and ReLU", len(change))
    arms = {
        arm: differences(*(of_arm.where(activation=name).per_seed(ACCURACY) for name in ("tanh", "relu")))
        for arm, of_arm in rows.by("method", "sparsity").items()
    }
    adjusted = holm({arm: p for arm, values in arms.items() if (p := p_value(values)) is not None})
    means = {arm: t_interval(values) for arm, values in arms.items()}
    higher = [arm for arm, p in adjusted.items() if p < LEVEL and means[arm].mean > 0]
    word: Word = "cannot be said"
    if higher:
        word = "confirmed"
    elif all_of(is_below(interval, 0.0) for interval in means.values()) == "confirmed":
        word = "refuted"
    interval, spread = t_interval(change), t_interval([relu[seed] for seed in relu if seed in tanh])
    dense = _corrected_dense(results)
    below = [arm for arm, interval in means.items() if interval.below(0.0)]
    return Judgement(
        word=word,
        measured=f"Tanh minus ReLU as published: {interval_text(interval)} over all arms, decidedly higher in "
        f"{len(higher)} of {len(arms)} "
        f"and lower in {len(below)}; ReLU's sd over seeds is {spread.sd:.3f}. Dense at the chosen rates: "
        f"{interval_text(dense) if dense else 'not run'}.{_without_diverged(rows, tanh, relu)}",
        n=interval.n,
        interval=interval,
        came_true=both(
            None if word == "cannot be said" else False,
            TANH_BELOW_RELU[0] <= dense.mean <= TANH_BELOW_RELU[1] if dense and dense.n > 1 else None,
        ),
    )


def _without_diverged(rows: Rows, tanh: PerSeed, relu: PerSeed) -> str:
    """Return how many runs diverged, and the difference without their seeds."""
    lost = rows.diverged
    seeds = lost.seeds
    others = differences(*({seed: side[seed] for seed in side if seed not in seeds} for side in (tanh, relu)))
    if not lost or not others:
        return ""
    left = interval_text(t_interval(others))
    return f" {len(lost)} of {len(rows)} runs diverged; without their seeds it is {left}."


def _corrected_dense(results: Rows):
    rows = results.where(protocol=CORRECTED.name, method="dense", control="")
    tanh, relu = (rows.where(activation=activation).per_seed(ACCURACY) for activation in ("tanh", "relu"))
    return paired(tanh, relu) if set(tanh) & set(relu) else None
