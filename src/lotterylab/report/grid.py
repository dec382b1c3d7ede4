"""A figure as a value: panels in rows and columns.  Its hash decides about redrawing, so it has everything drawn.

Coordinates are plain floats.  ``figure_draw`` draws; a ``Look`` of ``figure_style`` is the look of a series.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

Floats = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Look:
    """A ``Look`` is the colour, marker and line of a series; a hollow marker is an outline."""

    colour: str
    marker: str = ""
    line: str = "-"
    hollow: bool = False
    size: float = 5.0
    width: float = 1.4
    alpha: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Series:
    """A ``Series`` is points, joined or not.  ``label`` puts it into the legend, once for all panels.

    ``low``, ``high``: ends of the error bar of each point, equal to y without a bar; of x if ``across``.
    """

    x: Floats
    y: Floats
    look: Look
    label: str = ""
    low: Floats = ()
    high: Floats = ()
    across: bool = False


@dataclass(frozen=True, kw_only=True)
class Level:
    """A ``Level`` is a horizontal line over the whole panel, with its interval, if any, as a band."""

    y: float
    look: Look
    label: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Heat:
    """A ``Heat`` is a matrix in colours: ``values[row][column]`` is the square about y = row + 1 and x = column + 1.

    ``high``: the value of the darkest colour; ``low``: that of the lightest.  ``label``: the name of the colour bar.
    """

    values: tuple[Floats, ...]
    high: float
    label: str
    low: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A ``Panel`` is one pair of axes.  ``ticks``: the places and texts of the labels of the x axis."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    levels: tuple[Level, ...] = ()
    ticks: tuple[tuple[float, str], ...] = ()
    y_ticks: tuple[tuple[float, str], ...] = ()
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None
    log_x: bool = False
    log_y: bool = False
    marks: Floats = ()  # thin vertical lines
    heat: Heat | None = None


EMPTY = Panel(title="", x_label="", y_label="", series=())  # fills up the last row of a grid


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A ``Grid`` is a whole figure whose panels have all labels; drawing leaves out those that neighbours share.

    ``name``: the name of its files.  ``title``: its subject.  ``sentence``: its result, from the data.  ``caption``:
    how to read it, with n and the kind of interval.  ``rows``: panels, one tuple a row, all of one length.
    """

    name: str
    title: str
    sentence: str
    caption: str
    rows: tuple[tuple[Panel, ...], ...]
    panel_width: float = 3.3
    panel_height: float = 2.4

    @property
    def is_wide(self) -> bool:
        """Return whether it is too wide for a phone at its size."""
        return len(self.rows[0]) > 1 or self.panel_width > 4.0


def stacked(grid: Grid) -> Grid:
    """Return the same panels in one column, for a narrow screen."""
    return replace(grid, rows=tuple((panel,) for row in grid.rows for panel in row if not is_empty(panel)))


def is_empty(panel: Panel) -> bool:
    """Return whether a panel only fills up its row."""
    return not (panel.series or panel.heat or panel.levels)


def beside(grid: Grid) -> Grid:
    """Return the same panels without the labels that a panel to the left, above or below shares."""
    rows = grid.rows

    def alone(row: int, column: int) -> Panel:
        panel, left = rows[row][column], rows[row][0]
        above, below = rows[row - 1][column] if row else None, rows[row + 1][column] if row + 1 < len(rows) else None
        ticks = tuple((place, "") for place, _ in panel.y_ticks)
        return replace(
            panel,
            title="" if above and panel.title == above.title else panel.title,
            x_label="" if below and panel.x_label == below.x_label else panel.x_label,
            y_label="" if column and panel.y_label == left.y_label else panel.y_label,
            y_ticks=ticks if column and panel.y_ticks == left.y_ticks else panel.y_ticks,
        )

    return replace(
        grid, rows=tuple(tuple(alone(row, column) for column in range(len(rows[row]))) for row in range(len(rows)))
    )
