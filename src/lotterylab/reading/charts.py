"""The kinds of figures and tables that a study may ask for."""

from __future__ import annotations

from dataclasses import dataclass

from lotterylab.reading.lines import Labels, Line
from lotterylab.reading.rows import Read


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A ``Chart`` is a figure of lines over an axis, with one panel for each value of a label.

    ``y``, ``x``: metrics, "part.name"; "kept" is the share of the weights that the mask keeps, on a logarithmic axis.
    ``panels``: the label that tells panels apart.  ``level``: a line that has one value, drawn over the whole panel.
    """

    name: str
    title: str
    lines: tuple[Line, ...]
    y: str
    y_axis: str
    x: str = "kept"
    x_axis: str = "weights that are kept, fraction"
    panels: str = "protocol"
    level: Line | None = None


@dataclass(frozen=True, kw_only=True)
class LayerChart:
    """A ``LayerChart`` is a figure over the layers of a network, with one panel for each activation.

    ``metric``: one that holds a number for each layer by its name.  ``within``: labels of the rows that are shown.
    """

    name: str
    title: str
    metric: str
    y_axis: str
    lines: tuple[Line, ...]
    within: Labels
    log: bool = False


@dataclass(frozen=True, kw_only=True)
class HistogramChart:
    """A ``HistogramChart`` shows hidden units: one panel for each activation and line, one curve for each layer.

    ``metrics``: the part of a row that has "histogram", "low" and "high" by layer.  ``within``: labels of the rows.
    """

    name: str
    title: str
    metrics: str
    x_axis: str
    lines: tuple[Line, ...]
    within: Labels


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
