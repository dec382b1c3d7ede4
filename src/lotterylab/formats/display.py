"""Small pictures in text and HTML, for what shows itself in a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from lotterylab.formats.text import shown

SHORT = 20  # letters of a cell that is not broken into lines
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEFT, _RIGHT = "text-align:left;padding:2px 8px", "text-align:right;padding:2px 8px;font-variant-numeric:tabular-nums"


def bar(share: float, width: int = 20) -> str:
    """Return a bar of ``width`` letters, filled to a share of it in steps of an eighth of a letter.

    Args:
        share: from 0 to 1; what is kept is never drawn as nothing, nor what lacks something as full.
        width: letters.

    Examples:
        >>> bar(0.5, 4), bar(1.0, 4), bar(0.0001, 4)
        ('██  ', '████', '▏   ')
    """
    most = 8 * width
    eighths = round(share * most)
    if 0 < share < 1:
        eighths = min(max(eighths, 1), most - 1)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(width)


def html_bar(share: float) -> str:
    """Return a bar as HTML that follows the page's own colour, light or dark.

    Args:
        share: from 0 to 1.

    Examples:
        >>> html_bar(0.25)[-44:]
        'width:25.00%;background:#4477aa"></div></div>'
    """
    frame = "width:8em;height:0.8em;border:1px solid currentColor;border-radius:2px"
    return f'<div style="{frame}"><div style="height:100%;width:{100 * share:.2f}%;background:#4477aa"></div></div>'


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str = "", left: int = 1) -> str:
    """Return a table as HTML, which a narrow screen scrolls; cells that begin with "<div" are taken as HTML.

    Args:
        head: the columns' names.
        rows: the cells, as text.
        caption: a sentence above the table.
        left: the number of columns, from the first, whose text is aligned on the left.

    Examples:
        >>> html_table(["layer"], [["<fc>"]]).count("&lt;fc&gt;")
        1
    """
    styles = [_LEFT if place < left else _RIGHT for place in range(len(head))]
    above = f"<p>{escape(shown(caption, most=None))}</p>" if caption else ""
    titles = "".join(f'<th style="{style}">{escape(name)}</th>' for name, style in zip(head, styles, strict=True))
    lines = "".join(
        "<tr>"
        + "".join(f'<td style="{style}">{_cell(cell)}</td>' for cell, style in zip(row, styles, strict=True))
        + "</tr>"
        for row in rows
    )
    return f'{above}<div style="overflow-x:auto"><table><tr>{titles}</tr>{lines}</table></div>'


def _cell(cell: str) -> str:
    if cell.startswith("<div"):
        return cell
    text = escape(shown(cell, most=None))
    return f'<span style="white-space:nowrap">{text}</span>' if len(cell) <= SHORT else text
