"""The data behind figures, made of rows alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lotterylab.engine.results import Result
from lotterylab.reading.charts import Figure
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows
from lotterylab.report.grid import Grid
from lotterylab.report.sections.figures import drawn
from lotterylab.report.sources import Sources


def some_sources(rows: Iterable[Result], *charts: Figure, **known: Any) -> Sources:
    """Sources of a study that asks for these charts."""
    return Sources(results=Rows(rows), outline=Outline(charts=charts), classes=10, **known)


def grid_of(wanted: Figure, rows: Iterable[Result], **known: Any) -> Grid | None:
    """The figure, or None."""
    found = drawn(some_sources(rows, wanted, **known), wanted)
    return None if found is None else found[0]
