"""The tables of an outline: on the page each number with its runs, in the README the number alone."""

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
    """All of them in one section."""
    drawn = [
        [
            tag("h3", one.title),
            note(_how(one, material.results)),
            table([one.columns[0], *map(heading, one.columns[1:])], _rows(one, material), name=f"table-{one.name}"),
        ]
        for one in material.outline.tables
    ]
    return section("tables", "Tables", drawn)


def in_markdown(wanted: NumberTable, results: Rows) -> Iterator[str]:
    """The lines of a table for a README."""
    yield from (f"## {wanted.title}", "", _how(wanted, results), "")
    yield "| " + " | ".join(wanted.columns) + " |"
    yield "|" + "---|" * len(wanted.columns)
    for name, entries in wanted.rows:
        yield "| " + " | ".join([name, *(_text(one, results) for one in entries)]) + " |"


def _how(wanted: NumberTable, results: Rows) -> str:
    """How the numbers are made, and what the mark means if one of them has it."""
    entries = [entry for _, several in wanted.rows for entry in several]
    marked = any(isinstance(entry, Entry) and diverged_mark(_behind(entry, results)) for entry in entries)
    return f"{wanted.how} {HOW}" + (f" {DIVERGED_LEGEND}" if marked else "")


def _behind(entry: Entry, results: Rows) -> Rows:
    """The rows that a number comes from."""
    found = at(entry.line, results, entry.read, entry.sparsity)
    return rows_at(entry.line, results, entry.sparsity).where(seed=tuple(found))


def _rows(wanted: NumberTable, material: Material) -> Iterator[list[Child]]:
    for name, entries in wanted.rows:
        yield [tag("th", name, scope="row"), *(_cell(one, material.results) for one in entries)]


def _cell(entry: Entry | str, results: Rows) -> Html:
    text = _text(entry, results)
    if isinstance(entry, str) or not (behind := _behind(entry, results)):
        return cell(text, kind="number")
    return cell(tag("div", text), run_links(behind), kind="number")


def _text(entry: Entry | str, results: Rows) -> str:
    if isinstance(entry, str):
        return entry
    found = at(entry.line, results, entry.read, entry.sparsity)
    if not found:
        return "not run"
    return interval_text(t_interval(found.values()), entry.digits) + diverged_mark(_behind(entry, results))
