"""Doubts that are made from what was run."""

from __future__ import annotations

from dataclasses import replace

from lotterylab.engine.results import Result
from lotterylab.reading.doubts import held, if_below, of_data
from lotterylab.reading.rows import Rows
from some_plans import RECIPE, train

RUNS = [train(recipe=replace(RECIPE, epochs=epochs)) for epochs in (1, 4)]
ROWS = [Result(labels={}, records={}, nodes={"train": run}) for run in RUNS]


def test_a_doubt_about_size_holds_where_the_largest_run_is_smaller():
    images = train().data.spec.train
    doubts = (
        "always",
        if_below("images", images + 1, "{value} images"),
        if_below("images", images, "few images"),
        if_below("epochs", 10, "{value} epochs at most"),
        if_below("epochs", 4, "few epochs"),
        if_below("steps", 10**6, "{value} steps"),
        if_below("width", 1.0, "a model without this field is not narrow"),
    )
    longest = max(run.total_steps for run in RUNS)
    assert held(doubts, Rows(ROWS)) == ["always", f"{images} images", "4 epochs at most", f"{longest} steps"]


def test_of_no_rows_nothing_is_known():
    assert held((if_below("images", 10, "few"), of_data("pixels", {"unit": "unit pixels"})), Rows()) == []


def test_a_doubt_about_the_data_is_that_of_its_value():
    spec = train().data.spec
    assert held((of_data("train", {spec.train: "so many", spec.train + 1: "one more"}),), Rows(ROWS)) == ["so many"]
    assert held((of_data("no such field", {"a": "text"}),), Rows(ROWS)) == []
