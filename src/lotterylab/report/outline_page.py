"""The page of a study that has an outline, and its README."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lotterylab.auditing.alarms import Alarm
from lotterylab.formats import text
from lotterylab.formats.blobs import write_atomically
from lotterylab.plan.plan import Plan
from lotterylab.reading.doubts import held
from lotterylab.reading.outline import Claim, Difference, Judged, Judgement, Outline, differences_of, judged
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import interval_text, p_text, rows_text
from lotterylab.report.blocks import section
from lotterylab.report.context import ReportContext
from lotterylab.report.figures_histograms import histogram_chart
from lotterylab.report.figures_layers import layer_chart
from lotterylab.report.figures_outline import chart, looks
from lotterylab.report.markup import Html
from lotterylab.report.material import Material, gather
from lotterylab.report.sections.alarms import alarm_list
from lotterylab.report.sections.answers import (
    OURS,
    PUBLISHED,
    answer,
    counted,
    differences,
    predicted,
    published,
    without_diverged,
)
from lotterylab.report.sections.numbers import behind_histograms, costs, layers_behind, numbers_behind
from lotterylab.report.sections.opening import opening
from lotterylab.report.sections.origin import origin
from lotterylab.report.sections.references import bibliography
from lotterylab.report.sections.runs import runs
from lotterylab.report.sections.tables import in_markdown, tables
from lotterylab.report.shell import page_html
from lotterylab.report.tidy import gaps


def outline_report(
    study: Plan,
    results: Rows,
    alarms: Sequence[Alarm],
    folder: Path,
    context: ReportContext,
    outline: Outline,
) -> Path:
    """Write index.html, README.md, the numbers as CSV and figures/; returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    found = differences_of(outline, results)
    material = replace(gather(study, results, alarms, folder, context), gaps=gaps(found))
    published_said = judged([claim for claim in outline.claims if claim.source], results)
    our_said = judged([claim for claim in outline.claims if not claim.source], results)
    parts: tuple[tuple[str, str, Callable[[], Html]], ...] = (
        ("answer", "What this says", lambda: answer(material, outline, found)),
        ("figures", "Figures", lambda: _figures(material, outline)),
        *((("tables", "Tables", lambda: tables(material, outline)),) if outline.tables else ()),
        *((("published", "Published numbers", lambda: published(published_said)),) if published_said else ()),
        ("predicted", "Predicted and found", lambda: predicted(our_said, outline)),
        ("differences", "Differences", lambda: differences(found)),
        ("costs", "What it cost", lambda: costs(material)),
        ("alarms", "Alarms", lambda: alarm_list(material)),
        ("origin", "Settings and data", lambda: origin(material)),
        ("runs", "All runs", lambda: runs(material)),
        ("references", "References", lambda: bibliography(material)),
    )
    sections = material.made(folder, [make for _, _, make in parts])
    write_atomically(
        folder / "README.md", ("\n".join(_readme(material, outline, found, published_said, our_said)) + "\n").encode()
    )
    head = opening(material, [(anchor, title) for anchor, title, _ in parts])
    page = folder / "index.html"
    write_atomically(page, page_html(study.title, head, sections).encode())
    return page


def _figures(material: Material, outline: Outline) -> Html:
    look = looks(outline.charts)
    drawn = ((wanted, chart(material.arms, wanted, look)) for wanted in outline.charts)
    shown = [material.show(grid, numbers_behind(material, wanted)) for wanted, grid in drawn if grid is not None]
    layered = ((wanted, layer_chart(material.results, wanted)) for wanted in outline.layer_charts)
    shown += [material.show(grid, layers_behind(material, wanted)) for wanted, grid in layered if grid is not None]
    counted_in = ((wanted, histogram_chart(material.results, wanted)) for wanted in outline.histograms)
    shown += [material.show(grid, behind_histograms(material, wanted)) for wanted, grid in counted_in if grid]
    return section("figures", "Figures", shown)


def _readme(
    material: Material, outline: Outline, found: Sequence[Difference], published_said: Judged, our_said: Judged
) -> Iterator[str]:
    study, command = material.study, text.shown(material.context.command, most=None)
    yield f"# {text.in_markdown(study.title)}"
    yield from ("", study.question, "", f"**{outline.conclude(material.results, found)}**", "")
    yield f"{rows_text(material.results)}. This page is written by the program."
    if lost := without_diverged(material.results):
        yield from ("", lost)
    yield from (
        "",
        f"    {command}",
        f"    {command.replace('lotterylab run', 'lotterylab report', 1)} --out <here>",
        "",
    )
    yield f"The page is [index.html](index.html); it needs no network. The numbers: {', '.join(material.tables)}."
    for note in study.notes:
        yield from ("", text.shown(note, most=None))
    for title, words, said in (
        ("Published numbers", PUBLISHED, published_said),
        ("Predicted and found", OURS, our_said),
    ):
        if said:
            yield from (
                "",
                f"## {title}",
                "",
                *((outline.predicted, "") if words is OURS else ()),
                counted(said, words),
                "",
                "| | claim | measured | n | interval | p, Holm | verdict |",
                "|---|---|---|---|---|---|---|",
            )
            yield from (_claim(claim, one, words) for claim, one in said)
    for one in outline.tables:
        yield ""
        yield from in_markdown(one, material.results)
    yield from ("", f"What would change it: {outline.would_change}", "", "Doubts:", "")
    yield from (f"- {doubt}" for doubt in held(outline.doubts, material.results))


def _claim(claim: Claim, one: Judgement, words: dict[str, tuple[str, str, str]]) -> str:
    interval = interval_text(one.interval, one.digits) if one.interval else ""
    cells = (claim.key, claim.text, one.measured, str(one.n), interval, p_text(one.p_holm), f"**{words[one.word][0]}**")
    return "| " + " | ".join(text.replace("|", "\\|") for text in cells) + " |"
