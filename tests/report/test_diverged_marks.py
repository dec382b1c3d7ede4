"""A run that diverged is marked in every table, and the mark is explained beside it."""

from __future__ import annotations

from typing import Any

from lotterylab.engine.records import Record
from lotterylab.engine.results import Result
from lotterylab.reading.charts import Entry, NumberTable
from lotterylab.reading.lines import Line
from lotterylab.reading.rows import Rows
from lotterylab.report.anchors import run_links
from lotterylab.report.differences import lines
from lotterylab.report.sections.tables import in_markdown
from some_results import row

LOST = {"diverged_epoch": 3}


def rows(lost: int | None) -> list[Result]:
    return [
        row(
            "net",
            "relu",
            "iterative",
            seed,
            sparsity=0.9,
            train={"test_accuracy": 0.5 + seed / 10, **(LOST if seed == lost else {})},
        )
        for seed in (0, 1, 2)
    ]


def table_lines(results: list[Result]) -> list[str]:
    entry = Entry(line=Line(name="own", labels={"method": "iterative"}), read="train.test_accuracy", sparsity=0.9)
    wanted = NumberTable(
        name="one", title="One", how="Fractions.", columns=("start", "a"), rows=(("0", (entry,)), ("1", ("0.7",)))
    )
    return list(in_markdown(wanted, Rows(results)))


def test_a_table_of_a_readme_marks_the_mean_and_explains_the_mark():
    text = table_lines(rows(lost=1))
    assert "] * |" in text[-2] and "*" not in text[-1]
    assert any("*: a run diverged." in line for line in text)


def test_a_table_without_a_diverged_run_is_as_it_was():
    assert not any("*" in line for line in table_lines(rows(lost=None)))


def test_links_to_runs_mark_the_seed():
    for lost, marked in ((1, True), (None, False)):
        text = run_links(Rows(rows(lost)))
        assert (">1 *</a>" in text) is marked is ("(* diverged)" in text)
        assert ">0</a>" in text


def record(**metrics: Any) -> Record:
    return Record(digest="0" * 64, kind="Train", metrics=metrics, facts={})


def test_diff_marks_the_result_that_diverged():
    none: dict[str, dict[str, tuple[Any, Any]]] = {"settings": {}, "numbers": {}, "facts": {}}
    first, second, *_ = lines(record(**LOST), record(test_accuracy=0.5), none)
    assert first.endswith("*: diverged in epoch 3") and "*" not in second
