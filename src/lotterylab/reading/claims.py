"""Claims that were made before the runs, and their verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from lotterylab.plan.plan import Prediction
from lotterylab.reading.deciding import LEVEL, Word
from lotterylab.reading.differences import Comparison, Difference, Hypothesis, adjusted, family, found_by, tests_of
from lotterylab.reading.rows import Rows, Sides
from lotterylab.statistics import Interval

Kind: TypeAlias = Literal["explanation", "published", "prediction"]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A ``Judgement`` is the verdict of the runs on a claim, with the numbers behind it.

    Args:
        word: the verdict.
        measured: a sentence with numbers.
        n: the seeds that it rests on.
        interval: the number that decides, to ``digits`` decimals.
        rows: the name of each side, and the rows that its numbers are from.
        hypothesis: what is tested, with its p value ``p``; ``p_holm``: adjusted for the family of the page.
        on_text: the verdict on a published sentence itself, if ``word`` is on our explanation of it.
        came_true: whether our prediction came true; None if that cannot be said.
    """

    word: Word
    measured: str
    n: int
    interval: Interval | None = None
    digits: int = 3
    rows: Sides = ()
    hypothesis: Hypothesis | None = None
    p: float | None = None
    p_holm: float | None = None
    on_text: Word | None = None
    came_true: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A ``Claim`` is a statement that was made before the runs, with the function that judges it.

    A claim with a ``source`` is a paper's, a claim with an ``explanation`` is our explanation of a published sentence,
    and any other claim is our prediction.

    Args:
        key: its name on the page.
        text: the claim itself.
        judge: from the rows to a judgement.
        source: a key of references.bib.
        published: the published number, in words.
        does: what the protocol behind a published sentence does.
        explanation: the consequence of that; the verdict is on it.
        expected: what we predicted of the explanation.
    """

    key: str
    text: str
    judge: Callable[[Rows], Judgement]
    source: str = ""
    published: str = ""
    does: str = ""
    explanation: str = ""
    expected: str = ""

    @property
    def kind(self) -> Kind:
        """Return the kind of claim: our explanation of a published sentence, a paper's claim, or our prediction."""
        return "explanation" if self.explanation else "published" if self.source else "prediction"


BY_INTERVAL = "Confirmed by an interval over seeds."
OR_THE_OTHER_SIDE = "Confirmed by an interval over seeds; refuted by one on the other side."


def predictions(claims: Iterable[Claim], expected: str = BY_INTERVAL) -> tuple[Prediction, ...]:
    """Return our own claims, those without a source, as predictions of a plan.

    Args:
        claims: in the order of the page.
        expected: what confirms each of them, and what refutes it.
    """
    return tuple(Prediction(key=claim.key, claim=claim.text, expected=expected) for claim in claims if not claim.source)


def refutable(claims: Iterable[tuple[Claim, str]]) -> tuple[Prediction, ...]:
    """Return claims as predictions, each with what refutes it: "an interval above 0"."""
    return tuple(
        Prediction(key=claim.key, claim=claim.text, expected=f"{BY_INTERVAL} Refuted by {refuted}.")
        for claim, refuted in claims
    )


Judged: TypeAlias = Sequence[tuple[Claim, Judgement]]


def read(
    claims: Sequence[Claim], comparisons: Sequence[Comparison], results: Rows
) -> tuple[list[tuple[Claim, Judgement]], list[Difference]]:
    """Return each claim with its judgement, and every difference.

    The tests of all claims and of all planned comparisons, equivalence included, are one family.  A claim whose
    adjusted p is not below 5 % becomes "cannot be said", so that a contrast has one verdict everywhere on the page.
    """
    differences = found_by(comparisons, results)
    judged = [(claim, claim.judge(results)) for claim in claims]
    tests = tests_of(difference for difference in differences if difference.planned)
    for _, judgement in judged:
        if judgement.hypothesis is not None and judgement.p is not None:
            tests.setdefault(judgement.hypothesis, judgement.p)
    p_holm = family(tests)
    corrected = [(claim, _corrected(judgement, p_holm)) for claim, judgement in judged]
    return corrected, adjusted(differences, p_holm)


def _corrected(judgement: Judgement, p_holm: dict[Hypothesis, float]) -> Judgement:
    if judgement.hypothesis is None or judgement.p is None:
        return judgement
    p = p_holm[judgement.hypothesis]
    word = judgement.word if p < LEVEL or judgement.word == "not run" else "cannot be said"
    return replace(judgement, p_holm=p, word=word)
