"""Charts over the layers of a network: mean and interval over seeds, one panel for each activation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lotterylab.reading.charts import LayerChart
from lotterylab.reading.lines import Line
from lotterylab.reading.rows import Rows
from lotterylab.report.figure_parts import Drawn, layers_behind, spell_count
from lotterylab.report.grid import Grid, Look, Panel, Series
from lotterylab.report.sources import Sources
from lotterylab.statistics import t_interval

SHORTEST = 0.1  # of the mean: the lower end of a bar that would reach 0 on a logarithmic axis


def layer_chart(sources: Sources, wanted: LayerChart) -> Drawn:
    """Return the figure and the numbers behind it; None if no run of it is finished."""
    rows = Rows(row for row in sources.results.where(**wanted.within) if isinstance(row.metric(wanted.metric), dict))
    panels, seeds = [], set()
    for activation in dict.fromkeys(str(row.labels["activation"]) for row in rows):
        series = []
        for line in wanted.lines:
            of_line = line.rows(rows).where(activation=activation)
            seeds |= {int(row.labels["seed"]) for row in of_line}
            by_layer = of_line.by_layer(wanted.metric)
            if by_layer:
                layers = list(of_line[0].metric(wanted.metric))
                series.append(_series(by_layer, layers, line, sources.looks[line.name], log=wanted.log))
        if not series:  # every network diverged
            continue
        places = range(1, int(max(one.x[-1] for one in series)) + 1)
        panels.append(
            Panel(
                title=activation,
                x_label="layer",
                y_label=wanted.y_axis,
                series=tuple(series),
                ticks=tuple((float(place), str(place)) for place in places),
                log_y=wanted.log,
            )
        )
    if not panels:
        return None
    grid = Grid(
        name=wanted.name,
        title=wanted.title,
        sentence="",
        caption=f"Layers are counted from the input. Points: mean over seeds, {spell_count([seeds])}; bars: its 95 % t "
        f"interval{', down to a tenth of the mean at the most' if wanted.log else ''}.",
        rows=(tuple(panels),),
        panel_width=3.4,
    )
    return grid, layers_behind(sources.results, wanted, wanted.metric, wanted.metric, wanted.y_axis)


def _series(
    by_layer: Mapping[str, Sequence[float]], layers: Sequence[str], line: Line, look: Look, *, log: bool
) -> Series:
    means = [t_interval(values) for values in by_layer.values()]
    return Series(
        x=tuple(float(layers.index(layer) + 1) for layer in by_layer),
        y=tuple(interval.mean for interval in means),
        look=look,
        label=line.name,
        low=tuple(_bar(interval.low, interval.mean, log=log) for interval in means),
        high=tuple(interval.mean if interval.high is None else interval.high for interval in means),
    )


def _bar(low: float | None, mean: float, *, log: bool) -> float:
    """Return the lower end of a bar; on a logarithmic axis, which has no 0, it is at least ``SHORTEST`` of the mean."""
    if low is None:
        return mean
    return max(low, mean * SHORTEST) if log else low
