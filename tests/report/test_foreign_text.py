"""Text of other people in tables, pages, CSV and lines of progress: nothing but text."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from lotterylab.engine.local import Event
from lotterylab.engine.records import Record
from lotterylab.formats.text import shown, shown_lines
from lotterylab.own_code.references import described
from lotterylab.reading.table import render
from lotterylab.report.context import ReportContext
from lotterylab.report.differences import lines
from lotterylab.report.page import report
from lotterylab.report.progress import Bars, Meter, Plain
from lotterylab.report.readme import _row
from lotterylab.report.standing import Standing
from lotterylab.report.tidy import DIFFERENCE, write
from lotterylab.studies.activations_reading import OUTLINE
from lotterylab.types import Fingerprint
from some_plans import RUN
from some_study import some_results, some_study

EVIL = "x\nOK forged\x1b[2J\u202e | `a` [b](http://c) <img src=x> =1+1\x07"


def harmless(text: str) -> bool:
    return shown_lines(text) == text and not any(line.startswith("OK forged") for line in text.split("\n"))


def test_a_hostile_title_is_text_in_readme_and_page(tmp_path):
    study = replace(some_study(protocols=("corrected",)), title=EVIL, notes=(EVIL,))
    data = Fingerprint(content="ab" * 32, files=((EVIL, "sha256:12"),), warnings=(EVIL,))
    words = {"data_title": EVIL, "settings": {EVIL: EVIL}, "facts": {"lotterylab": EVIL}}
    context = ReportContext(data=data, command=f"lotterylab run {EVIL}", **words)
    report(study, some_results(study), (), tmp_path, context, OUTLINE)
    readme = (tmp_path / "README.md").read_text()
    assert harmless(readme)
    page = (tmp_path / "index.html").read_text()
    assert shown_lines(page) == page and "<img src=x>" not in page
    (_, heading, *_) = MarkdownIt("commonmark").parse(readme)
    assert "".join(child.content for child in heading.children or []) == shown(EVIL)
    assert {child.type for child in heading.children or []} <= {"text", "text_special"}


def test_a_bar_or_a_line_end_does_not_leave_its_cell():
    row = _row(["a|b\nc\x1b", "d\\|e"])
    tokens = MarkdownIt("commonmark").enable("table").parse(f"| 1 | 2 |\n|---|---|\n{row}\n")
    assert [token.content for token in tokens if token.type == "inline"][2:] == ["a|b c\\x1b", "d|e"]


def test_no_text_of_a_csv_file_is_a_formula_and_numbers_stay(tmp_path):
    line = ("=cmd|' /C calc'!A0", "+a", "-b", "@c", -0.5, 3, -0.25, None, None, None, None, True, EVIL, "")
    write(tmp_path / "x.csv", [line], DIFFERENCE)
    with open(tmp_path / "x.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert [row[name] for name in ("what", "a", "b", "where")] == ["'=cmd|' /C calc'!A0", "'+a", "'-b", "'@c"]
    assert (row["sparsity"], row["mean"], row["low"], row["says"]) == ("-0.5", "-0.25", "", shown(EVIL))


def test_titles_labels_and_messages_are_harmless_on_a_terminal():
    results = some_results(some_study(protocols=("corrected",)))
    evil = [replace(one, labels={**one.labels, "method": EVIL, "protocol": EVIL}) for one in results]
    assert harmless(render(EVIL, evil, [], width=200))
    state = Standing(groups={}, runs=1, done=0, begun={}, failed={"a" * 64: EVIL * 1000}, holder=EVIL, seconds=None)
    text = "\n".join(state.lines({}, 1))
    assert harmless(text) and len(text) < 2000


def test_hostile_names_and_values_of_two_records_are_harmless_side_by_side():
    record = Record(digest="a" * 64, kind=EVIL, spec={EVIL: EVIL}, metrics={}, facts={}, seconds=1.0)
    found = {"settings": {EVIL: (EVIL, ["a", EVIL])}, "numbers": {}, "facts": {}}
    assert harmless("\n".join(lines(record, record, found)))


@pytest.mark.parametrize("kind", ["plain", "bars"])
def test_what_failed_is_told_in_one_harmless_line(kind, capsys):
    meter = Meter([RUN], {RUN.digest: EVIL})
    with Plain(meter) if kind == "plain" else Bars(meter) as hear:
        hear(Event(word="failed", node=RUN, detail=(EVIL, "")))
    told = capsys.readouterr().err
    assert "\x07" not in told and "\u202e" not in told and "\nOK forged" not in told


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_errors_of_a_users_code_are_described_in_one_line_even_if_they_cannot_spell_themselves():
    assert described(ValueError(EVIL)) == f"ValueError: {shown(EVIL)}"
    assert described(Mute()) == "Mute: (its message cannot be shown)"
    assert len(described(ValueError("a" * 10_000))) < 1100
