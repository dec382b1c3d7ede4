"""The data behind the figures of a page: its rows, and the one name and look of each line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lotterylab.reading.charts import Chart, Figure
from lotterylab.reading.differences import Difference
from lotterylab.reading.lines import Line
from lotterylab.reading.outline import Outline
from lotterylab.reading.published import Beside
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import called
from lotterylab.report.figure_style import looks
from lotterylab.report.grid import Look
from lotterylab.report.tidy import Trial

BY_DEFAULT = Chart(
    name="accuracy",
    title="Test accuracy over the kept weights",
    y="train.test_accuracy",
    y_axis="test accuracy, fraction",
    levels=(Line(name="dense", labels={"method": "dense", "control": ""}),),
)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """``Sources`` are the data of every chart.

    Args:
        results: the rows, each with its cost.
        classes: the number of classes of the data, for the accuracy of a guess.
        published: each published value beside ours; none if the data are not those of the paper.
        differences: each comparison at each level.
        trials: the trials of the learning rates.
    """

    results: Rows
    outline: Outline
    classes: int
    published: Sequence[Beside] = ()
    differences: Sequence[Difference] = ()
    trials: Sequence[Trial] = ()

    @property
    def charts(self) -> tuple[Figure, ...]:
        """Return the figures of the outline, or the default figure."""
        return self.outline.charts or (BY_DEFAULT,)

    @cached_property
    def arms(self) -> tuple[Line, ...]:
        """Return a line for each method and each of its controls, with the outline's names."""
        names: dict[tuple[Any, Any], str] = {}
        for line in (line for chart in self.charts for line in (*chart.lines, *chart.levels)):
            if set(line.labels) == {"method", "control"}:
                names.setdefault((line.labels["method"], line.labels["control"]), line.name)
        return tuple(
            Line(
                name=names.get((method, control)) or ", ".join(filter(None, (called(str(method)), str(control)))),
                labels={"method": method, "control": control},
            )
            for method, control in self.results.by("method", "control")
        )

    def name(self, labels: Mapping[str, Any]) -> str:
        """Return the name of a row's arm on this page, by its method and control."""
        method, control = labels["method"], labels.get("control", "")
        return self._names.get((method, control)) or ", ".join(filter(None, (called(str(method)), str(control))))

    @cached_property
    def _names(self) -> dict[tuple[Any, Any], str]:
        return {(line.labels["method"], line.labels["control"]): line.name for line in self.arms}

    @cached_property
    def looks(self) -> dict[str, Look]:
        """Return one look for each name of the page, no two alike."""
        lines = (line.name for chart in self.charts for line in (*chart.lines, *chart.levels))
        sides = (one.comparison.b.name for one in self.differences)
        controls = filter(None, self.results.labels("control"))
        curves = {line.name for line in self.arms if not line.labels["control"]}
        return looks((*lines, *(line.name for line in self.arms), *sides, *controls), curves)
