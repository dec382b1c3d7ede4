"""The material of the page's sections, gathered once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lotterylab.auditing.alarms import Alarm
from lotterylab.plan.plan import Plan
from lotterylab.reading.claims import Judged, read
from lotterylab.reading.costs import priced
from lotterylab.reading.doubts import is_at_scale
from lotterylab.reading.outline import Outline
from lotterylab.reading.published import beside
from lotterylab.reading.registered import changed_since, claims_digest
from lotterylab.reading.rows import Rows
from lotterylab.report.blocks import figure, inline, note, with_drawings
from lotterylab.report.context import ReportContext
from lotterylab.report.figures import FigureFolder
from lotterylab.report.grid import Grid
from lotterylab.report.markup import Child, Html, tag
from lotterylab.report.sources import Sources
from lotterylab.report.tidy import DIFFERENCE, Number, Point, Trial, numbers, paired, points, trials, wide, write


@dataclass(frozen=True, kw_only=True)
class Material(Sources):
    """``Material`` holds a study's results in all the forms that a section needs.

    Args:
        judged: each claim with its judgement.
        claims_changed: a sentence on runs that were made under other claims, or "".
        shown: the names of the figures that are on the page already.
    """

    study: Plan
    alarms: Sequence[Alarm]
    context: ReportContext
    figures: FigureFolder
    numbers: Sequence[Number]
    points: Sequence[Point]
    judged: Judged
    claims_changed: str = ""
    shown: set[str] = field(default_factory=set)

    @property
    def tables(self) -> dict[str, tuple[Sequence[str], Sequence[Any]]]:
        """Return the files of numbers beside the page: the fields of each, and its lines."""
        return {
            "results.csv": wide(self.numbers),
            "numbers.csv": (Number._fields, self.numbers),
            "curves.csv": (Point._fields, self.points),
            **({"rates.csv": (Trial._fields, self.trials)} if self.trials else {}),
            **({"differences.csv": (DIFFERENCE, paired(self.differences))} if self.differences else {}),
        }

    def write_tables(self, folder: Path) -> None:
        """Write the CSV files and delete optional ones left by an earlier report."""
        for name in ("rates.csv", "differences.csv"):
            if name not in self.tables:
                (folder / name).unlink(missing_ok=True)
        for name, (fields, lines) in self.tables.items():
            write(folder / name, lines, fields)

    def planned(self, protocol: str) -> bool:
        """Return whether the study has rows of a protocol."""
        return any(row.labels["protocol"] == protocol for row in self.study.rows)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return the plain sentences at the top of the page and of the README."""
        return (*self.study.notes, *filter(None, (self.claims_changed,)))

    @property
    def at_scale(self) -> bool:
        """Return whether the study ran at the scale of the papers that it quotes."""
        return is_at_scale(self.outline.doubts, self.results)

    def show(self, grid: Grid, *below: Child) -> Html:
        """Return a figure of the page, with a place for its drawing, which ``made`` fills."""
        if grid.name in self.shown:
            link = tag("a", grid.title, href=f"#figure-{grid.name}")
            return tag("div", note(["The figure at the top of this page: ", link, "."]), *below)
        self.shown.add(grid.name)
        self.figures.add(grid)
        return figure(grid, *below)

    def made(self, folder: Path, makers: Iterable[Callable[[], Html]]) -> list[Html]:
        """Return the sections of the page, and write all figures and tables.

        The tables are written while another process draws the figures.
        """
        with self.figures:
            sections = [make() for make in makers]
            self.write_tables(folder)
        drawings = {name: inline(grid, self.figures.svgs(grid)) for name, grid in self.figures.grids.items()}
        return [with_drawings(section, drawings) for section in sections]


def gather(
    study: Plan, results: Rows, alarms: Sequence[Alarm], folder: Path, context: ReportContext, outline: Outline
) -> Material:
    """Return the material of a page from the results; no store is read."""
    results = priced(results)
    spec: Any = study.rows[0].nodes["train"].data.spec  # type: ignore[attr-defined]
    judged, differences = read(outline.claims, outline.comparisons, results)
    return Material(
        study=study,
        results=results,
        alarms=alarms,
        context=context,
        outline=outline,
        figures=FigureFolder(folder),
        numbers=numbers(results),
        points=points(results),
        trials=trials(results),
        classes=spec.classes,
        judged=judged,
        claims_changed=changed_since(results, study.name, claims_digest(outline, study.predictions)),
        differences=differences,
        published=beside(outline.published, results) if _is_published(outline, spec.name, results) else (),
    )


def _is_published(outline: Outline, data: str, results: Rows) -> bool:
    """Return whether the published values are about these data, and about some of these rows."""
    return data == outline.published_on and any(results.where(**value.labels) for value in outline.published)
