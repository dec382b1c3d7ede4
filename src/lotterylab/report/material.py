"""Everything that the sections of the page draw from, gathered once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lotterylab.auditing.alarms import Alarm
from lotterylab.plan.plan import Plan
from lotterylab.reading.questions import Verdict
from lotterylab.reading.rows import Rows
from lotterylab.report.arms import Arms
from lotterylab.report.blocks import figure, inline, with_drawings
from lotterylab.report.context import ReportContext
from lotterylab.report.figures import FigureFolder
from lotterylab.report.grid import Grid
from lotterylab.report.markup import Child, Html
from lotterylab.report.tidy import Gap, Number, Point, Trial, cost_numbers, numbers, points, trials, write
from lotterylab.studies.contrasts import Contrast, MethodContrast, between_methods, contrasts
from lotterylab.studies.published import METHODS, Comparison, published_comparison
from lotterylab.studies.verdicts import verdicts

PUBLISHED_ON = "cifar10"


@dataclass(frozen=True, kw_only=True)
class Material:
    """A study's results in all the forms that a section asks for.

    ``comparisons`` is empty where the data or the protocol are not those of the published study: its values say
    nothing about others.
    ``classes``: of the data, for the level of chance.
    """

    study: Plan
    results: Rows
    alarms: Sequence[Alarm]
    context: ReportContext
    figures: FigureFolder
    numbers: Sequence[Number]
    points: Sequence[Point]
    trials: Sequence[Trial]
    arms: Arms
    classes: int
    verdicts: Sequence[Verdict] = ()
    contrasts: Sequence[Contrast] = ()
    method_contrasts: Sequence[MethodContrast] = ()
    comparisons: Sequence[Comparison] = ()
    gaps: Sequence[Gap] = ()

    @property
    def tables(self) -> dict[str, tuple[type[Any], Sequence[Any]]]:
        """The files of numbers beside the page: what a line of each is, and its lines."""
        return {
            "results.csv": (Number, self.numbers),
            "curves.csv": (Point, self.points),
            **({"rates.csv": (Trial, self.trials)} if self.trials else {}),
            **({"differences.csv": (Gap, self.gaps)} if self.gaps else {}),
        }

    def write_tables(self, folder: Path) -> None:
        """Write them; those of an earlier report that there is nothing for now go."""
        for name in ("rates.csv", "differences.csv"):
            if name not in self.tables:
                (folder / name).unlink(missing_ok=True)
        for name, (kind, lines) in self.tables.items():
            write(folder / name, lines, kind)

    def planned(self, protocol: str) -> bool:
        """Whether the study has rows of a protocol."""
        return any(row.labels["protocol"] == protocol for row in self.study.rows)

    @property
    def climbs(self) -> bool:
        """Whether the study has rungs of the ladder."""
        return any(str(row.labels["protocol"]).startswith("ladder ") for row in self.study.rows)

    @property
    def judged(self) -> bool:
        """Whether the study has something to say on the published one: its protocol, or a verdict that was reached."""
        return self.planned("as-published") or any(one.verdict != "not run" for one in self.verdicts)

    def show(self, grid: Grid, *below: Child) -> Html:
        """A figure of the page, with a place for its drawing, which ``made`` puts there."""
        self.figures.add(grid)
        return figure(grid, *below)

    def made(self, folder: Path, makers: Iterable[Callable[[], Html]]) -> list[Html]:
        """The sections of the page; all figures and tables are in their files then.

        The tables are written while another process draws the figures.
        """
        with self.figures:
            sections = [make() for make in makers]
            self.write_tables(folder)
        drawings = {name: inline(grid, self.figures.svg(name)) for name, grid in self.figures.grids.items()}
        return [with_drawings(one, drawings) for one in sections]


def gather(study: Plan, results: Rows, alarms: Sequence[Alarm], folder: Path, context: ReportContext) -> Material:
    """All that any study has, from the results; reads nothing from any store."""
    found, curves = [*numbers(results), *cost_numbers(results)], points(results)
    return Material(
        study=study,
        results=results,
        alarms=alarms,
        context=context,
        figures=FigureFolder(folder),
        numbers=found,
        points=curves,
        trials=trials(results),
        arms=Arms(found, curves),
        classes=_spec(study).classes,
    )


def of_activations(material: Material) -> Material:
    """With what the activation study alone has: verdicts, contrasts, and the published values beside ours."""
    results = material.results
    same = _spec(material.study).name == PUBLISHED_ON and material.planned("as-published")
    comparisons = published_comparison(results) if same else []
    return replace(
        material,
        verdicts=verdicts(results),
        contrasts=contrasts(results),
        method_contrasts=between_methods(results),
        comparisons=[replace(one, method=METHODS[one.method]) for one in comparisons],
    )


def _spec(study: Plan) -> Any:
    return study.rows[0].nodes["train"].data.spec  # type: ignore[attr-defined]
