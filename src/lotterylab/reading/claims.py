"""Claims that were made before the runs, and what the runs say of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from lotterylab.reading.deciding import LEVEL, Word
from lotterylab.reading.differences import Comparison, Difference, Hypothesis, adjusted, family, found_by, tests_of
from lotterylab.reading.rows import Rows, Sides
from lotterylab.statistics import Interval

Kind: TypeAlias = Literal["explanation", "published", "prediction"]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the runs say of a claim.

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
    """Something that was said before the runs.

    A claim with a ``source`` is a paper's, one with an ``explanation`` is our explanation of a published sentence, any
    other is our prediction.

    Args:
        key: its name on the page.
        text: the claim itself.
        judge: from the rows to a judgement.
        source: a key of references.bib.
        published: the published number, in words.
        does: what the protocol behind a published sentence does.
        explanation: what would follow from that; this is what is judged.
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
        """Whose claim it is."""
        return "explanation" if self.explanation else "published" if self.source else "prediction"


Judged: TypeAlias = Sequence[tuple[Claim, Judgement]]


def read(
    claims: Sequence[Claim], comparisons: Sequence[Comparison], results: Rows
) -> tuple[list[tuple[Claim, Judgement]], list[Difference]]:
    """Each claim with its judgement, and every difference.

    The tests of all claims and of all planned comparisons, equivalence included, are one family.  A claim whose
    adjusted p is not below 5 % cannot be said, so that a contrast has one verdict wherever it stands on the page.
    """
    differences = found_by(comparisons, results)
    judged = [(claim, claim.judge(results)) for claim in claims]
    tests = tests_of(one for one in differences if one.planned)
    for _, one in judged:
        if one.hypothesis is not None and one.p is not None:
            tests.setdefault(one.hypothesis, one.p)
    p_holm = family(tests)
    return [(claim, _corrected(one, p_holm)) for claim, one in judged], adjusted(differences, p_holm)


def _corrected(one: Judgement, p_holm: dict[Hypothesis, float]) -> Judgement:
    if one.hypothesis is None or one.p is None:
        return one
    p = p_holm[one.hypothesis]
    return replace(one, p_holm=p, word=one.word if p < LEVEL or one.word == "not run" else "cannot be said")
