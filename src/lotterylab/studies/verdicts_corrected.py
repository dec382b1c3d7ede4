"""The corrected protocol: the predictions for tickets against dense, random and reinitialised networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lotterylab.reading.caveats import twice_chance
from lotterylab.reading.claims import Judgement
from lotterylab.reading.deciding import Word, all_of, both, holds, is_within
from lotterylab.reading.differences import Difference, adjusted, found_by
from lotterylab.reading.judging import unanswered
from lotterylab.reading.rows import Rows, in_common, mean
from lotterylab.reading.words import interval_text
from lotterylab.statistics import power_note
from lotterylab.studies.activations_comparisons import ACCURACY, AGAINST_CONTROLS, PLANNED
from lotterylab.studies.activations_predictions import EQUAL_ACCURACY, LEFT_CHANCE
from lotterylab.studies.protocols import CORRECTED

REINITIALISED_LOWER = (0.01, 0.03)  # "lower by 0.01 to 0.03 for ReLU at 0.9"


@dataclass(frozen=True, kw_only=True)
class _Sentence:
    """A ``_Sentence`` of the prediction has its contrast in each activation, its verdict, and whether it came true."""

    by_activation: Mapping[str, Difference]
    word: Word
    came_true: bool | None

    def __str__(self) -> str:
        """Return the contrast, its interval in each activation, and the verdict."""
        first = next(iter(self.by_activation.values()))
        each = ", ".join(
            f"{name} {interval_text(contrast.interval)}{' with a side at chance' if at_chance(contrast) else ''}"
            for name, contrast in self.by_activation.items()
        )
        return f"{first.comparison.key} at {first.sparsity:g}: {each} ({self.word})."


def corrected(results: Rows) -> Judgement:
    """Judge the whole prediction: it is confirmed if each of its sentences is, refuted if one is."""
    activations = list(results.where(protocol=CORRECTED.name).by("activation"))
    contrasts = adjusted(found_by(AGAINST_CONTROLS, results.where(protocol=CORRECTED.name)))
    planned = {(one.panel, (one.comparison.key, one.sparsity)): one for one in contrasts if one.planned}
    keys = [(f"{method} minus {against}", sparsity) for method, sparsity, against in PLANNED]
    wanted = [(name, key) for key in keys for name in activations]
    n = min((planned[key].interval.n if key in planned else 0 for key in wanted), default=0)
    if n < 2:
        return unanswered("all planned contrasts of the corrected protocol", n)
    sentences = list(_sentences(*({name: planned[name, key] for name in activations} for key in keys)))
    word = all_of(sentence.word for sentence in sentences)
    widest = max(planned.values(), key=lambda contrast: contrast.interval.sd or 0.0)
    note = f" The spread is largest for {widest.panel}: {power_note(widest.interval, EQUAL_ACCURACY)}"
    return Judgement(
        word=word,
        measured=" ".join(map(str, sentences)) + (note if word == "cannot be said" else ""),
        n=n,
        came_true=both(*(sentence.came_true for sentence in sentences)),
    )


def _sentences(
    dense: Mapping[str, Difference],
    magnitude: Mapping[str, Difference],
    grasp: Mapping[str, Difference],
    first_order: Mapping[str, Difference],
    fresh: Mapping[str, Difference],
) -> Iterator[_Sentence]:
    """Yield the prediction's sentences in its order, which is that of ``PLANNED``."""
    equal = all_of(map(_is_equal, dense.values()))
    yield _Sentence(by_activation=dense, word=equal, came_true=holds(equal))

    higher = all_of(map(_is_higher, magnitude.values()))
    yield _Sentence(by_activation=magnitude, word=higher, came_true=holds(higher))

    relu: Word = _is_higher(grasp["relu"]) if "relu" in grasp else "cannot be said"
    unsure = _is_higher(grasp["sigmoid"]) != "confirmed" if "sigmoid" in grasp else None
    yield _Sentence(by_activation=grasp, word=relu, came_true=both(holds(relu), unsure))

    lower = all_of(map(_is_lower, first_order.values()))
    yield _Sentence(by_activation=first_order, word=lower, came_true=holds(lower))

    same: Word = _is_equal(fresh["sigmoid"]) if "sigmoid" in fresh else "cannot be said"
    better: Word = _is_higher(fresh["relu"]) if "relu" in fresh else "cannot be said"
    low, high = REINITIALISED_LOWER
    by_as_much = low <= fresh["relu"].interval.mean <= high if "relu" in fresh else None
    yield _Sentence(
        by_activation=fresh, word=all_of([same, better]), came_true=both(holds(same), holds(better), by_as_much)
    )


def _is_higher(contrast: Difference) -> Word:
    """Return "confirmed" if the ticket is above its control by Holm's p, "refuted" if it is below or equal."""
    return _differs(contrast, 1)


def _is_lower(contrast: Difference) -> Word:
    return _differs(contrast, -1)


def _differs(contrast: Difference, sign: int) -> Word:
    if at_chance(contrast) or contrast.outcome == "open":
        return "cannot be said"
    return "confirmed" if contrast.outcome == ("more" if sign > 0 else "less") else "refuted"


def _is_equal(contrast: Difference) -> Word:
    """Return "confirmed" if both are equal within the margin, "refuted" if they differ by more than it."""
    if at_chance(contrast) or contrast.outcome == "open":
        return "cannot be said"
    if contrast.outcome == "equal":
        return "confirmed"
    return "refuted" if is_within(contrast.interval, contrast.comparison.margin) == "refuted" else "cannot be said"


def at_chance(difference: Difference) -> bool:
    """Return whether a side has not left chance in the mean: the difference then only shows who left it first."""
    chance = twice_chance(row for _, rows in difference.rows for row in rows) or LEFT_CHANCE
    sides = in_common(*(rows.per_seed(ACCURACY) for _, rows in difference.rows))
    return any(mean(side) < chance for side in sides)
