"""The kinds of figures and tables that a study may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lotterylab.reading.lines import Line
from lotterylab.reading.rows import Asked, Read


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A ``Figure`` has what all kinds of charts share.

    Args:
        name: the name of its files.
        title: what it shows.
        section: the section of the page in which it stands.
        within: the labels of the rows that are shown.
        lines: what is drawn, under the names that the whole page uses.
        levels: lines of one value, drawn over the whole panel with the interval as a band.
    """

    name: str
    title: str
    section: str = "Figures"
    within: Mapping[str, Asked] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()
    levels: tuple[Line, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Chart(Figure):
    """A ``Chart`` draws lines over an axis: a number over sparsity, over what a ticket cost, or over another number.

    Without ``lines`` each method is one, and each of its controls.

    Args:
        y, x: metrics, "part.name".  "kept" is the fraction of weights that the mask keeps, on a logarithmic axis, and
            "sparsity" the one that was asked for.
            Or a function from a row to the number.
        panels, rows: the labels that tell apart panels side by side, and rows of panels; without ``panels`` there is
            one panel.
        controls: whether controls are drawn where ``lines`` does not say it.
        chance: whether the accuracy of a guess is drawn.
        asked: whether the line is drawn on which a mask has the sparsity that was asked for.
        published: the ``quantity`` of the published values that are laid over.
        floor: a second metric of the lines that are not controls, drawn below the first; ``floor_name``: its name.
        shared: whether all panels have one scale.
        log_x: whether the x axis is logarithmic; lines of one place then stand beside each other.
        law: the name of a power law ``y = a x^b``, least squares of log y on log x over the means of a panel, that is
            drawn through them.
    """

    y: str
    y_axis: str
    x: Read = "kept"
    x_axis: str = "kept weights, fraction"
    panels: str = "protocol"
    rows: str = ""
    controls: bool = True
    chance: bool = False
    asked: bool = False
    published: str = ""
    floor: str = ""
    floor_name: str = ""
    shared: bool = True
    log_x: bool = False
    law: str = ""


@dataclass(frozen=True, kw_only=True)
class DifferenceChart(Figure):
    """A ``DifferenceChart`` draws the paired differences of a ``family`` of comparisons beside 0."""

    family: str = ""
    x_axis: str = "difference"


@dataclass(frozen=True, kw_only=True)
class RungChart(Figure):
    """A ``RungChart`` follows a number over protocols that each change one thing more, with what each step changed.

    ``rungs``: the protocols in order, and what each changes.  Each line has a row of panels, one for each activation.
    ``folded``: whether the table of the steps opens only when it is asked for.
    """

    y: str
    y_axis: str
    rungs: tuple[tuple[str, str], ...]
    chance: bool = False
    folded: bool = False


@dataclass(frozen=True, kw_only=True)
class RateChart(Figure):
    """A ``RateChart`` shows the trials of each learning rate and the rate that was chosen, for each activation."""


@dataclass(frozen=True, kw_only=True)
class CurveChart(Figure):
    """A ``CurveChart`` shows the training curves of each method, dense and at the sparsity nearest to ``sparsity``.

    ``published``: the ``quantity`` of the published training accuracies of the last epoch that are laid over.
    """

    sparsity: float = 0.8
    published: str = ""


@dataclass(frozen=True, kw_only=True)
class DotChart(Figure):
    """A ``DotChart`` shows single seeds beside each other, one panel for each sparsity.

    ``groups``: the name of a group of dots, and the line of each; dots of lines with one name look alike.
    ``panels``: another label that tells panels apart, such as "protocol".
    """

    y: str
    y_axis: str
    groups: tuple[tuple[str, Line], ...]
    panels: str = "sparsity"

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", tuple(line for _, line in self.groups))


@dataclass(frozen=True, kw_only=True)
class LayerChart(Figure):
    """A ``LayerChart`` is a figure over the layers of a network, with one panel for each activation.

    ``metric``: one that holds a number for each layer by its name.
    """

    metric: str
    y_axis: str
    log: bool = False


@dataclass(frozen=True, kw_only=True)
class HistogramChart(Figure):
    """A ``HistogramChart`` shows hidden units: one panel for each activation and line, one curve for each layer.

    ``metrics``: the part of a row that has "histogram", "low" and "high" by layer.
    """

    metrics: str
    x_axis: str


@dataclass(frozen=True, kw_only=True)
class HeatChart(Figure):
    """A ``HeatChart`` shows the distance of each pair of a sequence of masks, as a mean over seeds.

    Each line has a panel for each value of the label ``panels``; each metric is a row of panels.
    [you2020drawing, figure 2]

    Args:
        metrics: the name of a row of panels, and the metric that has its "differing" and "entries": of an ``EarlyBird``
            ("train.early-bird-0.5") or of ``MaskDistances``.
        axis: the name of both axes, such as "epoch".
        panels: the label that tells apart panels side by side.
    """

    metrics: tuple[tuple[str, str], ...]
    axis: str
    panels: str = "activation"


@dataclass(frozen=True, kw_only=True)
class CrossedChart(Figure):
    """A ``CrossedChart`` shows a number of each pair of two crossed causes as a square, one panel for each protocol.

    Rows are the values of the label "method", columns those of "seed"; ``columns``: the name of the columns.
    """

    y: str
    y_axis: str
    columns: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An ``Entry`` is the mean of ``read`` over the seeds of a line at a sparsity, to ``digits`` decimals."""

    line: Line
    read: Read
    sparsity: float = 0.0
    digits: int = 3


@dataclass(frozen=True, kw_only=True)
class NumberTable:
    """A ``NumberTable`` is a table as a paper prints it: each row is a name and one entry, or words, for each column.

    ``columns``: the heads, that of the names first.  ``how``: how the table is read.
    """

    name: str
    title: str
    how: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Entry | str, ...]], ...]
