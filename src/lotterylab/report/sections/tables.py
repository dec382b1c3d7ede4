"""The tables of an outline: numbers with their runs on the page, and without them in the README."""

from __future__ import annotations

from collections.abc import Iterator

from lotterylab.reading.charts import Entry, NumberTable
from lotterylab.reading.judging import at
from lotterylab.reading.lines import rows_at
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import DIVERGED_LEGEND, diverged_mark, interval_text
from lotterylab.report.anchors import run_links
from lotterylab.report.blocks import cell, heading, note, section, table
from lotterylab.report.markup import Child, Html, tag
from lotterylab.report.material import Material
from lotterylab.statistics import t_interval

HOW = "Means over seeds with their 95 % t intervals."


def tables(material: Material) -> Html:
    """Return all tables in one section."""
    drawn = [
        [
            tag("h3", wanted.title),
            note(_how(wanted, material.results)),
            table(
                [wanted.columns[0], *map(heading, wanted.columns[1:])],
                _rows(wanted, material),
                name=f"table-{wanted.name}",
            ),
        ]
        for wanted in material.outline.tables
    ]
    return section("tables", "Tables", drawn)


def in_markdown(wanted: NumberTable, results: Rows) -> Iterator[str]:
    """Yield the lines of a table for a README."""
    yield from (f"## {wanted.title}", "", _how(wanted, results), "")
    yield "| " + " | ".join(wanted.columns) + " |"
    yield "|" + "---|" * len(wanted.columns)
    for name, entries in wanted.rows:
        yield "| " + " | ".join([name, *(_text(entry, results) for entry in entries)]) + " |"


def _how(wanted: NumberTable, results: Rows) -> str:
    """Return how to read the numbers, and the meaning of the mark if a number has it."""
    entries = [entry for _, several in wanted.rows for entry in several]
    marked = any(isinstance(entry, Entry) and diverged_mark(_behind(entry, results)) for entry in entries)
    return f"{wanted.how} {HOW}" + (f" {DIVERGED_LEGEND}" if marked else "")


def _behind(entry: Entry, results: Rows) -> Rows:
    """Return the rows behind a number."""
    per_seed = at(entry.line, results, entry.read, entry.sparsity)
    return rows_at(entry.line, results, entry.sparsity).where(seed=tuple(per_seed))


def _rows(wanted: NumberTable, material: Material) -> Iterator[list[Child]]:
    for name, entries in wanted.rows:
        yield [tag("th", name, scope="row"), *(_cell(entry, material.results) for entry in entries)]


def _cell(entry: Entry | str, results: Rows) -> Html:
    text = _text(entry, results)
    if isinstance(entry, str) or not (behind := _behind(entry, results)):
        return cell(text, kind="number")
    return cell(tag("div", text), run_links(behind), kind="number")


def _text(entry: Entry | str, results: Rows) -> str:
    if isinstance(entry, str):
        return entry
    per_seed = at(entry.line, results, entry.read, entry.sparsity)
    if not per_seed:
        return "not run"
    return interval_text(t_interval(per_seed.values()), entry.digits) + diverged_mark(_behind(entry, results))
