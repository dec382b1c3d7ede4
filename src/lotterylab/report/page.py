"""The report: one page that needs no network, its figures, and its numbers as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from lotterylab.auditing.alarms import Alarm
from lotterylab.engine.results import Result
from lotterylab.formats.blobs import write_atomically
from lotterylab.plan.plan import Plan
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows
from lotterylab.report.context import ReportContext
from lotterylab.report.markup import Html
from lotterylab.report.material import Material, gather
from lotterylab.report.readme import readme
from lotterylab.report.sections.alarms import alarm_list
from lotterylab.report.sections.answer import answer, concludes
from lotterylab.report.sections.claims import KINDS, claims, of_kind
from lotterylab.report.sections.costs import costs
from lotterylab.report.sections.differences import differences
from lotterylab.report.sections.figures import by_section, figures, name_of, opening_figure
from lotterylab.report.sections.opening import opening
from lotterylab.report.sections.origin import origin
from lotterylab.report.sections.published import published_values
from lotterylab.report.sections.references import bibliography
from lotterylab.report.sections.runs import runs
from lotterylab.report.sections.tables import tables
from lotterylab.report.sections.words import words
from lotterylab.report.shell import page_html

Section = tuple[str, str, Callable[[], Html]]  # anchor, title in the contents, maker


def report(
    study: Plan,
    results: Iterable[Result],
    alarms: Sequence[Alarm],
    folder: Path,
    context: ReportContext,
    outline: Outline,
) -> Path:
    """Write index.html, README.md, the numbers as CSV and figures/, and return the page's path.

    ``results.csv`` and ``curves.csv`` are always written, ``rates.csv`` if a learning rate was chosen,
    ``differences.csv`` if the outline has comparisons.  Unfinished studies have a report too, which names the missing
    parts; each number has its n.  A figure is drawn again only if its content has changed; everything else is written
    each time.

    Args:
        study: the plan; ``results``: its rows as they are in the store; ``alarms``: the alarms of the rows.
        folder: the folder of the report; it is made if it is missing.
        context: the origin of the results.
        outline: the reading of the study.
    """
    folder.mkdir(parents=True, exist_ok=True)
    material = gather(study, Rows(results), alarms, folder, context, outline)
    parts = list(_sections(material))
    contents = [*((anchor, title) for anchor, title, _ in parts), ("words", "Words")]
    head, *sections = material.made(
        folder, [lambda: opening(material, contents, opening_figure(material)), *(make for _, _, make in parts)]
    )
    write_atomically(folder / "README.md", readme(material).encode())
    page = folder / "index.html"
    write_atomically(page, page_html(study.title, head, [*sections, words((head, *sections))]).encode())
    return page


def _sections(material: Material) -> Iterator[Section]:
    """Yield the sections for which the study has content, in their order."""
    outline = material.outline
    if concludes(material):
        yield "answer", "Conclusion", partial(answer, material)
    for kind, (anchor, title, _) in KINDS.items():
        of_this_kind = of_kind(material.judged, kind)
        if of_this_kind and (
            kind != "explanation" or any(judgement.word != "not run" for _, judgement in of_this_kind)
        ):
            yield anchor, title, partial(claims, material, kind)
    for title, wanted in by_section(material).items():
        yield name_of(title), title, partial(figures, material, title, wanted)
    if outline.tables:
        yield "tables", "Tables", partial(tables, material)
    if material.published:
        yield "values", "Published values", partial(published_values, material)
    if material.differences:
        yield "differences", "Differences", partial(differences, material)
    yield "costs", "Costs", partial(costs, material)
    yield "alarms", "Alarms", partial(alarm_list, material)
    yield "origin", "Settings and data", partial(origin, material)
    yield "runs", "All runs", partial(runs, material)
    yield "references", "References", partial(bibliography, material)
