"""A figure as a value: panels in rows and columns.  Whatever is drawn is in here, so that its hash says when to redraw.

Coordinates are plain floats.  Drawing is ``figure_draw``; how a series looks is said by a ``Look`` of ``figure_style``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

Floats = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Look:
    """Colour, marker and line of a series; a hollow marker is an outline."""

    colour: str
    marker: str = ""
    line: str = "-"
    hollow: bool = False
    size: float = 5.0
    width: float = 1.4
    alpha: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points, joined or not.  ``label`` puts it into the legend, once for all panels.

    ``low``, ``high``: ends of the error bar of each point, equal to y where there is none; of x if ``across``.
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
    """A horizontal line over the whole panel, with its interval as a band where it has one."""

    y: float
    look: Look
    label: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One pair of axes.  ``ticks``: where the x axis is labelled, and with what."""

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


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A whole figure, every panel of which has all its labels; drawing leaves out those that neighbours share.

    ``name``: of its files.  ``title``: what it shows.  ``sentence``: what is to be seen, from the data.
    ``caption``: how to read it, with n and the kind of interval.  ``rows``: panels, one tuple a row, all of one length.
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
        """Whether a telephone would have to make its letters smaller."""
        return len(self.rows[0]) > 1 or self.panel_width > 4.0


def stacked(grid: Grid) -> Grid:
    """Return the same panels in one column, for a narrow screen."""
    return replace(grid, rows=tuple((panel,) for row in grid.rows for panel in row))


def beside(grid: Grid) -> Grid:
    """Return the same panels without the labels that the panel to the left, above or below has already."""
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
