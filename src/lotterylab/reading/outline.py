"""The reading of a study: its figures, comparisons, claims, doubts and conclusion.

An outline is a value beside the plan.  It is written before anything runs; its sentences are filled with the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lotterylab.reading.charts import Figure, NumberTable
from lotterylab.reading.claims import Claim
from lotterylab.reading.differences import Comparison, Difference
from lotterylab.reading.doubts import Doubt
from lotterylab.reading.published import Published
from lotterylab.reading.rows import Rows


@dataclass(frozen=True, kw_only=True)
class Outline:
    """An ``Outline`` says how a study is read.

    Args:
        charts: the figures, of any kind of ``reading/charts.py``; the first shows the answer.  By default the test
            accuracy over what is kept.
        tables: the tables of numbers.
        comparisons: the paired differences, planned or explored.
        claims: the claims of papers, and ours from before the run.
        conclude: a paragraph made from the numbers; by default each planned comparison that the headline lacks.
        headline: the answer in one sentence of at most 30 words; by default the first planned comparison.
        would_change: the results that would change the conclusion.
        doubts: the reasons why the conclusion may be wrong.
        predicted: when our own claims were written.
        after_a_look: the choices that were made after results had been seen; "" for none.
        published: values of a paper that stand beside ours, if the data are ``published_on``.
    """

    charts: tuple[Figure, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    claims: tuple[Claim, ...] = ()
    conclude: Callable[[Rows, Sequence[Difference]], str] | None = None
    would_change: str = ""
    doubts: tuple[Doubt, ...] = field(default=())
    predicted: str = "Written into the study before anything ran."
    tables: tuple[NumberTable, ...] = ()
    headline: Callable[[Rows, Sequence[Difference]], str] | None = None
    after_a_look: Doubt = ""
    published: tuple[Published, ...] = ()
    published_on: str = ""
