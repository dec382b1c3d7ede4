"""The tables: every number once, exactly as it was recorded, in a line of its own and in the line of its run."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotterylab.formats.text import in_csv
from lotterylab.report.tidy import Number, Point, Trial, numbers, points, trials, wide, write
from some_study import some_results, some_study

LABELS = ("protocol", "activation", "method", "control", "sparsity", "seed")


@pytest.fixture(scope="module")
def results():
    return some_results(some_study(activations=("relu", "sigmoid"), protocols=("as-published", "corrected")))


def test_every_scalar_of_every_record_is_one_line_of_the_file_to_the_last_digit(results, tmp_path):
    write(tmp_path / "numbers.csv", numbers(results), Number._fields)
    with open(tmp_path / "numbers.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    expected = {}
    for result in results:
        labels = tuple(str(result.labels[name]) or "none" for name in LABELS)
        for part, record in result.records.items():
            expected[*labels, part, "seconds"] = record.seconds
            for metric, value in record.metrics.items():
                if not isinstance(value, str | list | dict):
                    expected[*labels, part, metric] = value
    found = {tuple(line[name] for name in Number._fields[:-1]): line["value"] for line in lines}
    assert len(lines) == len(found) and found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key] == "" if value is None else float(found[key]) == value


def test_the_wide_table_has_a_line_for_each_run_with_all_its_numbers(results, tmp_path):
    columns, lines = wide(numbers(results))
    write(tmp_path / "results.csv", lines, columns)
    frame = lines_of(tmp_path / "results.csv")
    assert len(frame) == len(results) and tuple(columns[:6]) == LABELS
    assert columns[6].startswith("train.") and len(set(columns)) == len(columns)
    for line, result in zip(frame, results, strict=True):
        for label in LABELS:
            assert line[label] == (str(result.labels[label]) or "none")
        for name in columns[6:]:
            record = result.records.get(name.partition(".")[0])
            value = record.seconds if record and name.endswith(".seconds") else result.metric(name)
            assert line[name] == ("" if value is None else str(value))


def lines_of(file):
    with open(file, newline="") as opened:
        return list(csv.DictReader(opened))


def test_no_word_of_a_table_is_an_empty_field(results, tmp_path):
    columns, lines = wide(numbers(results))
    write(tmp_path / "results.csv", lines, columns)
    for line in lines_of(tmp_path / "results.csv"):
        assert all(line[label] for label in LABELS)


def test_pandas_groups_by_every_label_without_losing_a_run(results, tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    columns, lines = wide(numbers(results))
    write(tmp_path / "results.csv", lines, columns)
    frame = pandas.read_csv(tmp_path / "results.csv", keep_default_na=True)
    counted = frame.groupby(["protocol", "activation", "method", "control", "sparsity"])["train.test_accuracy"].count()
    assert counted.sum() == len(results)


def test_curves_are_numbered_from_one_and_whole(results):
    result = next(one for one in results if one.labels["method"] == "magnitude")
    own = [one for one in points([result]) if one.curve == "train_accuracy"]
    assert [one.epoch for one in own] == [1, 2, 3]
    assert [one.value for one in own] == result.metric("train.curves")["train_accuracy"]
    assert {one.curve for one in points([result])} == {"train_loss", "train_accuracy", "test_accuracy"}


def test_a_choice_that_many_rows_rest_on_is_told_once(results):
    found = trials(results)
    assert len(found) == 2 * 2 * 2  # activations, rates, seeds of the trials
    chosen = {(one.activation, one.rate) for one in found if one.chosen}
    rates = {result.labels["activation"]: result.metric("rate.value") for result in results if "rate" in result.records}
    assert chosen == set(rates.items())


def test_what_is_not_finished_has_no_lines(results):
    bare = [replace(result, records={}) for result in results]
    assert numbers(bare) == points(bare) == trials(bare) == []


@pytest.mark.parametrize("kind", [Number, Point, Trial])
def test_an_empty_table_has_its_header(kind, tmp_path):
    write(tmp_path / "empty.csv", [], kind._fields)
    assert (tmp_path / "empty.csv").read_text() == ",".join(kind._fields) + "\n"


cells = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just("=1+1")


@given(st.lists(st.tuples(cells, cells), max_size=6))
def test_a_file_has_each_cell_as_it_stands_and_each_text_made_harmless(tmp_path_factory, lines):
    path = tmp_path_factory.getbasetemp() / "cells.csv"
    write(path, lines, ("a", "b"))
    expected = io.StringIO()
    csv.writer(expected, lineterminator="\n").writerows(
        [("a", "b"), *(["none" if in_csv(cell) == "" else in_csv(cell) for cell in line] for line in lines)]
    )
    assert path.read_bytes() == expected.getvalue().encode()
