"""Drawing of a ``Grid`` as SVG and PNG, with the same bytes for the same grid and version of matplotlib."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import accumulate, pairwise
from textwrap import fill
from typing import TYPE_CHECKING, Any, cast

from lotterylab.report.figure_style import RC
from lotterylab.report.grid import Grid, Level, Look, Panel, Series, beside, is_empty, stacked

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 160
WIDE, NARROW = 4.6, 3.8  # inches: the least width of a figure, and the width of a phone
LEGEND_HEIGHT = 0.26  # inches for one line of the legend
LEGEND_KEY = 0.75  # inches for an entry's line and the gaps about it
FINE = 0.1  # of the axis: labels of more digits, of which fewer fit side by side
LETTER = 0.072  # inches, of the legend's font on average


def draw(grid: Grid) -> tuple[bytes, ...]:
    """Return SVG and PNG of the grid; a wide grid also has an SVG with its panels below each other."""
    import matplotlib

    with matplotlib.rc_context(cast(Any, RC)):
        figure = _figure(grid)
        files = [_file(figure, "svg"), _file(figure, "png")]
        if grid.is_wide:
            files.append(_file(_figure(grid, narrow=True), "svg"))
    return tuple(files)


def _file(figure: Figure, kind: str) -> bytes:
    """Return a file; ``savefig`` would draw the figure twice, once for a layout that it has already."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    data = io.BytesIO()
    if kind == "svg":
        FigureCanvasSVG(figure).print_svg(data, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    else:
        figure.set_dpi(DPI)  # of which an SVG makes 72
        FigureCanvasAgg(figure).print_png(data, metadata={"Software": None})
    return data.getvalue()


def _figure(grid: Grid, *, narrow: bool = False) -> Figure:
    from matplotlib.figure import Figure

    grid = stacked(grid) if narrow else beside(grid)
    rows, columns = len(grid.rows), len(grid.rows[0])
    width = NARROW if narrow else max(WIDE, columns * grid.panel_width + 0.5)
    entries = _legend_entries(grid)
    legend_columns = _legend_columns(list(entries), width)
    legend = LEGEND_HEIGHT * -(-len(entries) // legend_columns) + 0.15
    size = (width, rows * grid.panel_height + legend + 0.3)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.07, h_pad=0.07)  # type: ignore[union-attr]
    axes = figure.subplots(rows, columns, squeeze=False)
    for row, panels in enumerate(grid.rows):
        for column, panel in enumerate(panels):
            _panel(axes[row][column], panel, int((width / columns - 0.6) / LETTER))
        _colour_bar(figure, list(axes[row]), panels)
    handles = [_handle(look) for look in entries.values()]
    if handles:
        place = "outside upper center" if narrow else "outside lower center"  # the lower end may be screens away
        figure.legend(handles, list(entries), loc=place, ncols=legend_columns, frameon=False, handlelength=2.8)
    figure.get_layout_engine().execute(figure)  # type: ignore[union-attr]
    figure.set_layout_engine("none")  # arranged once, not once more for each file
    return figure


def _colour_bar(figure: Figure, axes: list[Axes], panels: Sequence[Panel]) -> None:
    """Draw one colour bar beside a row of panels, whose colours mean the same."""
    heat = next((panel.heat for panel in panels if panel.heat), None)
    if heat is not None:
        bar = figure.colorbar(next(one.images[0] for one in axes if one.images), ax=axes, pad=0.02, aspect=14)
        bar.set_label(heat.label)
        bar.outline.set_linewidth(0.5)  # type: ignore[operator]


def _panel(axes: Axes, panel: Panel, letters: int) -> None:
    """Draw a panel; ``letters``: the number that fits below the axes in one line."""
    if is_empty(panel):
        axes.set_axis_off()
        return
    axes.set_title(panel.title, loc="left", fontweight="bold")
    axes.set_xlabel(fill(panel.x_label, letters))
    axes.set_ylabel(panel.y_label)
    if panel.log_x:
        axes.set_xscale("log")
    if panel.log_y:
        axes.set_yscale("log")
    if panel.heat:
        ends = 0.5, len(panel.heat.values) + 0.5
        colours = {"cmap": "viridis_r", "vmin": panel.heat.low, "vmax": panel.heat.high}
        axes.imshow(panel.heat.values, **colours, origin="lower", extent=(*ends, *ends), interpolation="none")
        axes.grid(visible=False)
    for where in panel.marks:
        axes.axvline(where, color="#9a9a9a", linewidth=0.7, linestyle=(0, (4, 3)), zorder=1)
    for level in panel.levels:
        _level(axes, level)
    for series in panel.series:
        _series(axes, series)
    for ticks, axis in ((panel.ticks, axes.xaxis), (panel.y_ticks, axes.yaxis)):
        if ticks:
            axis.set_ticks([where for where, _ in ticks], labels=[text for _, text in ticks])
            axis.set_minor_locator(_no_ticks())
    if panel.x_limits:
        axes.set_xlim(*panel.x_limits)
        if panel.x_limits[1] - panel.x_limits[0] < FINE and not panel.ticks and not panel.log_x:
            axes.xaxis.set_major_locator(_few_ticks())
    if panel.y_limits:
        axes.set_ylim(*panel.y_limits)


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=4, steps=(1, 2, 5, 10))


def _no_ticks() -> Any:
    from matplotlib.ticker import NullLocator

    return NullLocator()


def _style(look: Look) -> dict[str, Any]:
    return {
        "color": look.colour,
        "marker": look.marker or "None",
        "linestyle": look.line or "None",
        "linewidth": look.width,
        "markersize": look.size,
        "markerfacecolor": "none" if look.hollow else look.colour,
        "markeredgecolor": look.colour,
        "markeredgewidth": 1.2 if look.hollow else 0.4,
        "alpha": look.alpha,
    }


def _series(axes: Axes, series: Series) -> None:
    style = _style(series.look)
    if not series.low:
        # not clipped: a large marker at the edge of the axes is drawn whole
        axes.plot(series.x, series.y, **style, clip_on=False, zorder=3 if series.look.alpha == 1 else 2)
        return
    centre = series.x if series.across else series.y
    below = [middle - low for middle, low in zip(centre, series.low, strict=True)]
    above = [high - middle for middle, high in zip(centre, series.high, strict=True)]
    bars = {"xerr" if series.across else "yerr": (below, above)}
    axes.errorbar(series.x, series.y, **bars, **style, elinewidth=0.9, capsize=2.2, zorder=3)


def _level(axes: Axes, level: Level) -> None:
    look = level.look
    axes.axhline(level.y, color=look.colour, linestyle=look.line, linewidth=look.width, zorder=1.5)
    if level.low is not None and level.high is not None:
        axes.axhspan(level.low, level.high, color=look.colour, alpha=0.1, linewidth=0, zorder=1)


def _legend_entries(grid: Grid) -> dict[str, Look]:
    """Return the look of each label, in the order of first appearance, series before levels."""
    panels = [panel for row in grid.rows for panel in row]
    labelled = [series for panel in panels for series in panel.series]
    labelled += [level for panel in panels for level in panel.levels]
    entries: dict[str, Look] = {}
    for item in labelled:
        if item.label:
            entries.setdefault(item.label, item.look)
    return entries


def _legend_columns(labels: Sequence[str], width: float) -> int:
    """Return the largest number of columns that fit, each as wide as its longest entry.

    Columns are filled from the top; the first ones may be longer by one.
    """
    for count in range(len(labels), 1, -1):
        short, longer = divmod(len(labels), count)
        ends = list(accumulate(short + (column < longer) for column in range(count)))
        columns = [labels[begin:end] for begin, end in pairwise([0, *ends])]
        if sum(LEGEND_KEY + LETTER * max(map(len, column)) for column in columns) <= width:
            return count
    return 1


def _handle(look: Look) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], **_style(look))
