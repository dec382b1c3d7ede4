"""A report as Markdown, for a folder of results that is read where it is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lotterylab.formats.text import in_markdown, shown
from lotterylab.reading.answers import conclusion, headline
from lotterylab.reading.charts import Chart
from lotterylab.reading.doubts import held
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import DIVERGED_LEGEND, diverged_mark, interval_text, rows_text
from lotterylab.report.material import Material
from lotterylab.report.sections.answer import without_diverged
from lotterylab.report.sections.claims import KINDS, counted, of_kind, words
from lotterylab.report.sections.claims import in_markdown as claims_in_markdown
from lotterylab.report.sections.differences import summaries
from lotterylab.report.sections.published import outside, summary
from lotterylab.report.sections.tables import in_markdown as table_in_markdown

ACCURACY = "train.test_accuracy"
MOST_LEVELS = 6  # sparsities that a page of text can show side by side


def readme(material: Material) -> str:
    """Return README.md of a report's folder: the answer, its picture, the claims, the tables and the doubts."""
    return "\n".join(_lines(material)) + "\n"


def _lines(material: Material) -> Iterator[str]:
    study, outline = material.study, material.outline
    command = shown(material.context.command, most=None)
    yield f"# {in_markdown(study.title)}"
    yield from ("", f"**{shown(headline(outline, material.results, material.differences), most=None)}**", "")
    if material.figures.grids:
        name, grid = next(iter(material.figures.grids.items()))
        yield from (f"![{in_markdown(grid.title)}](figures/{name}.png)", "")
    yield from (f"Question: {study.question}", "")
    if text := conclusion(outline, material.results, material.differences):
        yield from (shown(text, most=None), "")
    yield f"{rows_text(material.results)}. This page is written by the program."
    yield from ("", f"    {command}")
    rebuild = shown(material.context.rebuild, most=None)
    if rebuild:  # the folder may be kept without the page
        yield from (f"    {rebuild}", "")
        yield f"The second command builds the page index.html (it needs no network), its figures, {_numbers(material)}."
    else:
        yield from (f"    {command.replace('lotterylab run', 'lotterylab report', 1)} --out <this folder>", "")
        yield f"The page is [index.html](index.html); it needs no network. The numbers: {', '.join(material.tables)}."
    if lost := without_diverged(material):
        yield from ("", lost)
    for note in material.notes:
        yield from ("", shown(note, most=None))
    for text in held((outline.after_a_look,), material.results):
        yield from ("", f"Chosen after a look: {text}")
    yield from _claims(material)
    if material.differences:
        yield from ("", "## Differences", "", " ".join(summaries(material.differences)))
    yield from _accuracies(material)
    for wanted in outline.tables:
        yield ""
        yield from table_in_markdown(wanted, material.results)
    yield from _published(material)
    if outline.would_change:
        yield from ("", f"What would change it: {outline.would_change}")
    if doubts := held(outline.doubts, material.results):
        yield from ("", "Doubts:", "", *(f"- {doubt}" for doubt in doubts))


def _numbers(material: Material) -> str:
    """Return the names of the CSV files in words."""
    *names, last = material.tables
    return f"{', '.join(names)} and {last}"


def _claims(material: Material) -> Iterator[str]:
    for kind, (_, title, how) in KINDS.items():
        judged, verdicts = of_kind(material.judged, kind), words(kind, at_scale=material.at_scale)
        if not judged or (kind == "explanation" and all(judgement.word == "not run" for _, judgement in judged)):
            continue
        yield from (
            "",
            f"## {title}",
            "",
            how or material.claims_changed or material.outline.predicted,
            "",
            counted(judged, verdicts),
            "",
        )
        yield _row(("", "claim", "measured", "n", "interval", "p, Holm", "verdict"))
        yield "|---|---|---|---|---|---|---|"
        yield from map(_row, claims_in_markdown(judged, verdicts))


def _accuracies(material: Material) -> Iterator[str]:
    """Yield the first figure as a table, if it is test accuracy over the requested sparsity."""
    first = material.charts[0]
    if not isinstance(first, Chart) or (first.y, first.x) != (ACCURACY, "sparsity"):
        return
    rows = material.results.where(**first.within).where(control="")
    for activation, of_table in rows.by("activation").items():
        dense, levels = of_table.where(method="dense").interval(ACCURACY), of_table.levels
        if not of_table.trained or len(levels) > MOST_LEVELS:
            continue
        mark = f" {DIVERGED_LEGEND}" if diverged_mark(of_table) else ""
        text = f"; dense {interval_text(dense)}" if dense else ""
        yield from ("", f"Test accuracy, {in_markdown(str(activation))}, means with 95 % t intervals{text}.{mark}", "")
        yield _row(["method", *(f"{level:g}" for level in levels)])
        yield "|---|" + "---|" * len(levels)
        for method, of_method in of_table.by("method").items():
            if method != "dense" and of_method.levels:
                cells = (_accuracy(of_method.where(sparsity=level)) for level in levels)
                yield _row([in_markdown(material.name(of_method[0].labels)), *cells])


def _accuracy(rows: Rows) -> str:
    interval = rows.interval(ACCURACY)
    return "not run" if interval is None else interval_text(interval) + diverged_mark(rows)


def _published(material: Material) -> Iterator[str]:
    if not material.published:
        return
    yield from ("", "## Published values", "", summary(material.published), "", outside(material), "")
    yield _row(("quantity", "activation", "method", "target", "published", "ours, other seeds", "published seed"))
    yield "|---|---|---|---|---|---|---|"
    for pair in material.published:
        value, ours = pair.published, pair.ours
        spread = f" ± {ours.sd:.3f}" if ours is not None and ours.sd is not None else ""
        yield _row(
            (
                value.quantity,
                value.label("activation"),
                material.name(value.labels),
                f"{value.target:g}",
                f"{value.value:g}",
                f"{ours.mean:.3f}{spread} ({ours.n}){'' if pair.within in (True, None) else ', outside'}"
                if ours
                else "not run",
                "" if pair.at_seed is None else f"{pair.at_seed:.3f}{'' if pair.within_at_seed else ', outside'}",
            )
        )


def _cell(text: str) -> str:
    """Return Markdown for a cell; a bar that is escaped already stays so."""
    return re.sub(r"(?<!\\)\|", r"\|", shown(text.replace("\n", " "), most=None))


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"
