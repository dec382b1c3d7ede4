"""Tickets of a user's own loop show themselves in a notebook: a sentence, a figure, a table and the alarms."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape

from lotterylab.auditing.alarms import Alarm
from lotterylab.auditing.shown import ShownAlarms
from lotterylab.formats.display import html_table
from lotterylab.formats.text import shown
from lotterylab.reading.loops import answer, differences_of
from lotterylab.reading.rows import Rows
from lotterylab.report.grid import Grid
from lotterylab.report.loop_page import MEANING, arms_of, figure_of, head_of, texts


def loop_html(rows: Rows, alarms: Sequence[Alarm]) -> str:
    """Return a piece of HTML that needs no style sheet and no file.

    Args:
        rows: the rows of ``tickets``, as they are in the store.
        alarms: their alarms.
    """
    grid = figure_of(rows)
    arms = (texts(arm) for arm in arms_of(rows, differences_of(rows)))
    parts = (
        f"<p><strong>{escape(shown(answer(rows), most=None))}</strong></p>",
        _image(grid) if grid else "",
        html_table(head_of(rows), arms, left=2),
        f"<p>{MEANING}</p>",
        ShownAlarms(alarms)._repr_html_(),
    )
    return "".join(parts)


def _image(grid: Grid) -> str:
    """Return the drawing as an image, on white also where the notebook is dark."""
    from lotterylab.report.figure_draw import draw

    _, png, *_ = draw(grid)
    words = escape(shown(f"{grid.title}. {grid.sentence}", most=None))
    source = f"data:image/png;base64,{b64encode(png).decode()}"
    return f'<img alt="{words}" style="width:36em;max-width:100%" src="{source}">'
