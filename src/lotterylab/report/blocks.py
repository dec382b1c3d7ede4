"""The building blocks of the page: sections, tables, figures, folded parts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from lotterylab.report.grid import Grid
from lotterylab.report.markup import Child, Html, tag

DIGITS = 4
PIXELS = 96 / 72  # CSS pixels in a point of the drawing
PLACE = re.compile("<!--drawing (.*?)-->")  # no text of a page can match, because its "<" is escaped


def section(anchor: str, title: str, *children: Child) -> Html:
    """Return a section with a heading and an id for links."""
    return tag("section", tag("h2", title), *children, id=anchor)


def sentence(text: str) -> Html | None:
    """Return a paragraph that states a result."""
    return tag("p", text, class_="lead") if text else None


def note(text: Child) -> Html | None:
    """Return a smaller paragraph that explains how to read something."""
    return tag("p", text, class_="note") if text else None


def table(head: Sequence[Child], rows: Iterable[Sequence[Child]], *, kind: str = "", name: str = "") -> Html:
    """Return a table in a scrolling box; children of rows are contents of cells, or whole cells (``cell``)."""
    body = (tag("tr", [child if _is_cell(child) else tag("td", child) for child in row]) for row in rows)
    return tag(
        "div",
        tag(
            "table",
            tag("thead", tag("tr", [child if _is_cell(child) else tag("th", child, scope="col") for child in head])),
            tag("tbody", body),
            class_=kind or None,
            id=name or None,
        ),
        class_="scroll",
        tabindex=0,
        role="region",
        aria_label=f"table: {name or 'numbers'}",
    )


def cell(
    *children: Child, value: float | int | str | None = None, kind: str = "", label: str = "", anchor: str = ""
) -> Html:
    """Return one cell.

    ``value``: the value for sorting.  ``label``: its column's name, for a table that becomes a list.  ``anchor``: its
    row's name for links.
    """
    return tag("td", *children, data_value=value, class_=kind or None, data_label=label or None, id=anchor or None)


def heading(text: str) -> Html:
    """Return the head of a column of numbers."""
    return tag("th", text, scope="col", class_="number")


def number(value: float | int | None, digits: int = DIGITS) -> Html:
    """Return a cell with a rounded number to read and the exact number for sorting."""
    if value is None:
        return cell("", kind="number")
    return cell(spell(value, digits), value=repr(value), kind="number")


def spell(value: float | int, digits: int = DIGITS) -> str:
    """Return an integer as it is, and another number with ``digits`` decimals."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"


def folded(title: Child, *children: Child, open_: bool = False, anchor: str = "") -> Html:
    """Return a part that opens when its title is clicked, or when a link leads into it."""
    return tag("details", tag("summary", title), *children, open=open_, id=anchor or None)


def pairs(items: Iterable[tuple[str, Child]]) -> Html:
    """Return a list of names and values."""
    return tag("dl", [(tag("dt", name), tag("dd", value)) for name, value in items])


def badge(word: str, mark: str, kind: str) -> Html:
    """Return a word on a coloured ground, with a mark so that the colour is not needed."""
    return tag("span", tag("span", mark, aria_hidden="true"), f" {word}", class_=f"badge {kind}")


def figure(grid: Grid, *below: Child) -> Html:
    """Return the drawing with its sentence above, and its caption and ``below`` below.

    ``with_drawings`` puts the drawing in its place.
    """
    drawing = tag("div", Html(f"<!--drawing {grid.name}-->"), class_="drawing")
    files = f"Files: figures/{grid.name}.svg and .png."
    return tag(
        "figure",
        tag("h3", grid.title),
        sentence(grid.sentence),
        drawing,
        tag("figcaption", f"{grid.caption} {files}"),
        *below,
        id=f"figure-{grid.name}",
    )


def with_drawings(html: Html, drawings: Mapping[str, str]) -> Html:
    """Return the page with each drawing in the place that ``figure`` has left for it."""
    return Html(PLACE.sub(lambda place: drawings[place[1]], html))


def inline(grid: Grid, svgs: Sequence[str]) -> str:
    """Return the SVG elements, one for wide and one for narrow screens; the style sheet chooses."""
    kinds = ("wide", "narrow")[: len(svgs)] if len(svgs) > 1 else ("",)
    return "".join(_inline(grid, svg, kind) for kind, svg in zip(kinds, svgs, strict=True))


def _inline(grid: Grid, svg: str, kind: str) -> str:
    """Return an SVG element with ids that are unique on the page, and a text for readers who cannot see it."""
    prefix = f"{grid.name}{kind and f'.{kind}'}."
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    seen: Counter[str] = Counter()

    def own(place: re.Match[str]) -> str:
        seen[place[1]] += 1  # two images of one figure that look alike have one id in the drawing
        return f'id="{prefix}{place[1]}{"." * (seen[place[1]] - 1)}"'

    body = re.sub(r'\bid="([^"]*)"', own, body)
    body = re.sub(r'href="#', f'href="#{prefix}', body)
    body = re.sub(r"url\(#", f"url(#{prefix}", body)
    label = tag("title", f"{grid.title}. {grid.sentence}")
    end = body.index(">") + 1
    opening = re.sub(r' (?:width|height)="[^"]*"', "", body[: end - 1])  # the view box has the shape
    points = float(re.findall(r'viewBox="0 0 ([\d.]+)', opening)[0])
    return f'{opening} role="img" class="{kind}" style="max-width:{points * PIXELS:.0f}px">{label}{body[end:]}'


def _is_cell(child: Child) -> bool:
    return isinstance(child, Html) and child.startswith(("<td", "<th"))
