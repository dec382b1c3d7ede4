"""Rows are selected by label as a plain search selects them, however often and in whatever order they are asked for."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lotterylab.engine.records import Record
from lotterylab.engine.results import Result
from lotterylab.reading.rows import Rows, read_from

NAMES = ("method", "control", "sparsity", "seed")
labels = st.sampled_from(["", "grasp", "snip", 0.5, 1, True, 0, None])
rows = st.lists(st.dictionaries(st.sampled_from(NAMES), labels), max_size=8)
asked = st.dictionaries(st.sampled_from(NAMES), labels | st.lists(labels, max_size=3).map(tuple), max_size=3)


def searched(results: Rows, wanted: dict[str, Any]) -> list[Result]:
    """The rows that a loop over all of them finds."""
    sets = {name: value if isinstance(value, tuple) else (value,) for name, value in wanted.items()}
    return [row for row in results if all(row.labels.get(name) in values for name, values in sets.items())]


@given(rows, st.lists(asked, min_size=1, max_size=4))
@settings(deadline=None)
def test_rows_with_labels_are_those_that_a_search_finds_in_their_order(given_labels, questions):
    results = Rows(Result(labels=row, records={}) for row in given_labels)
    for wanted in (*questions, *questions):
        found = results.where(**wanted)
        assert type(found) is Rows
        assert list(map(id, found)) == list(map(id, searched(results, wanted)))
        again = found.where(**questions[0])
        assert list(map(id, again)) == list(map(id, searched(found, questions[0])))


def test_a_number_is_read_as_a_row_reads_it():
    records = {"train": Record(digest="", kind="Train", metrics={"accuracy": 0.5, "a.b": 2.0}, facts={})}
    row = Result(labels={"seed": 0}, records=records)
    for name in ("train.accuracy", "train.loss", "train.a.b", "prune.accuracy", "train", ""):
        assert read_from(row, name) == row.metric(name)
    assert read_from(row, lambda row: row.labels["seed"]) == 0
