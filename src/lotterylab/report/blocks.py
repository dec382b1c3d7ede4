"""The building blocks of the page: sections, tables, figures, folded parts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from lotterylab.report.grid import Grid
from lotterylab.report.markup import Child, Html, tag

DIGITS = 4
PIXELS = 96 / 72  # of CSS, in a point of the drawing
PLACE = re.compile("<!--drawing (.*?)-->")  # no text of a page looks so: its "<" would have been escaped


def section(anchor: str, title: str, *children: Child) -> Html:
    """A section with a heading that can be linked to."""
    return tag("section", tag("h2", title), *children, id=anchor)


def sentence(text: str) -> Html | None:
    """A paragraph that says what is to be seen."""
    return tag("p", text, class_="lead") if text else None


def note(text: Child) -> Html | None:
    """A smaller paragraph that says how to read something."""
    return tag("p", text, class_="note") if text else None


def table(head: Sequence[Child], rows: Iterable[Sequence[Child]], *, kind: str = "", name: str = "") -> Html:
    """A table in a box that it can scroll in.  Children of rows are cells' contents, or whole cells (``cell``)."""
    body = (tag("tr", [one if _is_cell(one) else tag("td", one) for one in row]) for row in rows)
    return tag(
        "div",
        tag(
            "table",
            tag("thead", tag("tr", [one if _is_cell(one) else tag("th", one, scope="col") for one in head])),
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
    """One cell; ``value`` is what it is sorted by, ``label`` its column's name where the table becomes a list,
    ``anchor`` its row's name for links."""
    return tag("td", *children, data_value=value, class_=kind or None, data_label=label or None, id=anchor or None)


def heading(text: str) -> Html:
    """The head of a column of numbers."""
    return tag("th", text, scope="col", class_="number")


def number(value: float | int | None, digits: int = DIGITS) -> Html:
    """A cell with a number to read, and the whole number behind it."""
    if value is None:
        return cell("", kind="number")
    return cell(spell(value, digits), value=repr(value), kind="number")


def spell(value: float | int, digits: int = DIGITS) -> str:
    """Integers as they are, others with so many decimals."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"


def folded(title: Child, *children: Child, open_: bool = False, anchor: str = "") -> Html:
    """A part that opens when its title is clicked, or when a link leads into it."""
    return tag("details", tag("summary", title), *children, open=open_, id=anchor or None)


def pairs(items: Iterable[tuple[str, Child]]) -> Html:
    """Names and what they are."""
    return tag("dl", [(tag("dt", name), tag("dd", value)) for name, value in items])


def badge(word: str, mark: str, kind: str) -> Html:
    """A word on a coloured ground, with a mark so that the colour is not needed."""
    return tag("span", tag("span", mark, aria_hidden="true"), f" {word}", class_=f"badge {kind}")


def figure(grid: Grid, *below: Child) -> Html:
    """The drawing, with what is to be seen above, how to read it and ``below`` below.

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
    """The page with each drawing, by the name of its figure, in the place that ``figure`` has left."""
    return Html(PLACE.sub(lambda place: drawings[place[1]], html))


def inline(grid: Grid, svgs: Sequence[str]) -> str:
    """The SVG elements alone, the first for a wide screen and the second for a narrow one; the style sheet chooses."""
    kinds = ("wide", "narrow")[: len(svgs)] if len(svgs) > 1 else ("",)
    return "".join(_inline(grid, svg, kind) for kind, svg in zip(kinds, svgs, strict=True))


def _inline(grid: Grid, svg: str, kind: str) -> str:
    """An SVG element with ids that no other figure of the page has and a text for those who cannot see it."""
    own = f"{grid.name}{kind and f'.{kind}'}."
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{own}', body)
    body = re.sub(r'href="#', f'href="#{own}', body)
    body = re.sub(r"url\(#", f"url(#{own}", body)
    label = tag("title", f"{grid.title}. {grid.sentence}")
    end = body.index(">") + 1
    opening = re.sub(r' (?:width|height)="[^"]*"', "", body[: end - 1])  # the view box says the shape
    points = float(re.findall(r'viewBox="0 0 ([\d.]+)', opening)[0])
    return f'{opening} role="img" class="{kind}" style="max-width:{points * PIXELS:.0f}px">{label}{body[end:]}'


def _is_cell(child: Child) -> bool:
    return isinstance(child, Html) and child.startswith(("<td", "<th"))
