"""The corrected protocol: what was expected of tickets against dense, random and reinitialised networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lotterylab.reading.questions import LEVEL, Verdict, Word, all_of, both, holds, shown
from lotterylab.reading.rows import Rows
from lotterylab.statistics import power_note
from lotterylab.studies.activations_predictions import EQUAL_ACCURACY
from lotterylab.studies.activations_questions import QUESTIONS
from lotterylab.studies.contrasts import PLANNED, Contrast, contrasts
from lotterylab.studies.protocols import CORRECTED

REINITIALISED_LOWER = (0.01, 0.03)  # "lower by 0.01 to 0.03 for ReLU at 0.9"


@dataclass(frozen=True, kw_only=True)
class _Sentence:
    """One sentence of the prediction: its contrast in each activation, its verdict, and whether it came true."""

    by_activation: Mapping[str, Contrast]
    word: Word
    came_true: bool | None

    def __str__(self) -> str:
        """The contrast, its interval in each activation, and the verdict."""
        method, sparsity, against = next(iter(self.by_activation.values())).key
        each = ", ".join(
            f"{name} {shown(one.interval)}{' with a side at chance' if one.at_chance else ''}"
            for name, one in self.by_activation.items()
        )
        return f"{method} at {sparsity:g} minus {against}: {each} ({self.word})."


def corrected(results: Rows) -> Verdict:
    """The whole prediction: confirmed if each of its sentences is, refuted if one is."""
    question = QUESTIONS["corrected"]
    activations = list(results.where(protocol=CORRECTED.name).by("activation"))
    planned = {(one.activation, one.key): one for one in contrasts(results) if one.key in PLANNED}
    wanted = [(name, plan) for plan in PLANNED for name in activations]
    n = min((planned[one].interval.n if one in planned else 0 for one in wanted), default=0)
    if n < 2:
        return question.unanswered("all planned contrasts of the corrected protocol", n)
    sentences = list(_sentences(*({name: planned[name, plan] for name in activations} for plan in PLANNED)))
    word = all_of(one.word for one in sentences)
    widest = max(planned.values(), key=lambda one: one.interval.sd or 0.0)
    note = f" Where the spread is largest, {widest.activation}: {power_note(widest.interval, EQUAL_ACCURACY)}"
    return question.answer(
        word,
        " ".join(map(str, sentences)) + (note if word == "cannot be said" else ""),
        n=n,
        as_predicted=both(*(one.came_true for one in sentences)),
    )


def _sentences(
    dense: Mapping[str, Contrast],
    magnitude: Mapping[str, Contrast],
    grasp: Mapping[str, Contrast],
    first_order: Mapping[str, Contrast],
    fresh: Mapping[str, Contrast],
) -> Iterator[_Sentence]:
    """The prediction's sentences, in its order, which is that of ``PLANNED``."""
    equal = all_of("cannot be said" if one.at_chance else one.equal for one in dense.values())
    yield _Sentence(by_activation=dense, word=equal, came_true=holds(equal))

    higher = all_of(_is_higher(one) for one in magnitude.values())
    yield _Sentence(by_activation=magnitude, word=higher, came_true=holds(higher))

    relu: Word = _is_higher(grasp["relu"]) if "relu" in grasp else "cannot be said"
    not_surely = _is_higher(grasp["sigmoid"]) != "confirmed" if "sigmoid" in grasp else None
    yield _Sentence(by_activation=grasp, word=relu, came_true=both(holds(relu), not_surely))

    lower = all_of(_is_lower(one) for one in first_order.values())
    yield _Sentence(by_activation=first_order, word=lower, came_true=holds(lower))

    judged = "sigmoid" in fresh and not fresh["sigmoid"].at_chance
    same: Word = fresh["sigmoid"].equal if judged else "cannot be said"
    better: Word = _is_higher(fresh["relu"]) if "relu" in fresh else "cannot be said"
    low, high = REINITIALISED_LOWER
    by_as_much = low <= fresh["relu"].interval.mean <= high if "relu" in fresh else None
    yield _Sentence(
        by_activation=fresh, word=all_of([same, better]), came_true=both(holds(same), holds(better), by_as_much)
    )


def _is_higher(one: Contrast) -> Word:
    """Whether the ticket is above its control by Holm's p; refuted where it is below, or equal within the margin."""
    return _differs(one, 1)


def _is_lower(one: Contrast) -> Word:
    return _differs(one, -1)


def _differs(one: Contrast, sign: int) -> Word:
    if one.at_chance:
        return "cannot be said"
    if one.p_holm is not None and one.p_holm < LEVEL:
        return "confirmed" if sign * one.interval.mean > 0 else "refuted"
    return "refuted" if one.equal == "confirmed" else "cannot be said"
