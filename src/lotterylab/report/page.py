"""The report: one page that needs no network, its figures, and its numbers as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
from lotterylab.report.material import Material, gather, of_activations
from lotterylab.report.outline_page import outline_report
from lotterylab.report.readme import readme
from lotterylab.report.sections.alarms import alarm_list
from lotterylab.report.sections.ladder import ladder
from lotterylab.report.sections.methods import methods
from lotterylab.report.sections.opening import opening
from lotterylab.report.sections.origin import origin
from lotterylab.report.sections.protocols import as_published, corrected
from lotterylab.report.sections.published import comparison
from lotterylab.report.sections.references import bibliography
from lotterylab.report.sections.runs import runs
from lotterylab.report.sections.verdicts import verdict_table
from lotterylab.report.shell import page_html


def _always(material: Material) -> bool:
    return True


Section = tuple[str, str, Callable[[Material], Html], Callable[[Material], bool]]
SECTIONS: tuple[Section, ...] = (  # anchor, title in the contents, what makes it, whether it belongs to this study
    ("verdicts", "Verdicts", verdict_table, lambda material: material.judged),
    ("ladder", "Ladder", ladder, lambda material: material.climbs),
    ("as-published", "As published", as_published, lambda material: material.planned("as-published")),
    ("corrected", "Corrected", corrected, lambda material: material.planned("corrected")),
    ("methods", "Methods", methods, lambda material: bool(material.method_contrasts)),
    ("published", "Published values", comparison, lambda material: material.planned("as-published")),
    ("alarms", "Alarms", alarm_list, _always),
    ("origin", "Settings and data", origin, _always),
    ("runs", "All runs", runs, _always),
    ("references", "References", bibliography, _always),
)


def report(
    study: Plan,
    results: Iterable[Result],
    alarms: Sequence[Alarm],
    folder: Path,
    context: ReportContext,
    outline: Outline | None = None,
) -> Path:
    """Write index.html, README.md, the numbers as CSV and figures/; returns the page's path.

    ``outline``: how the study is read; None of the activation study, whose page is made here.

    ``results.csv`` and ``curves.csv`` are always there, ``rates.csv`` where a learning rate was chosen,
    ``differences.csv`` where an outline compares.  Unfinished studies have a report too: what is missing
    is said, and each number carries its n.  Figures are drawn again only where what they show has changed; all else is
    written each time.
    """
    results = Rows(results)
    if outline is not None:
        return outline_report(study, results, alarms, folder, context, outline)
    folder.mkdir(parents=True, exist_ok=True)
    material = of_activations(gather(study, results, alarms, folder, context))
    shown = [one for one in SECTIONS if one[3](material)]
    sections = material.made(folder, [partial(make, material) for _, _, make, _ in shown])
    write_atomically(folder / "README.md", readme(material).encode())
    page = folder / "index.html"
    contents = [(anchor, title) for anchor, title, _, _ in shown]
    write_atomically(page, page_html(study.title, opening(material, contents), sections).encode())
    return page
