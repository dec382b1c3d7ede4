"""A number or label that no row has is named, with the right one; one that a row may lack is only missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lotterylab as ll
from lotterylab.engine.records import Record
from lotterylab.engine.results import Result
from lotterylab.errors import UsageError
from lotterylab.reading.rows import METRICS, Rows


def row(arm: str, seed: int, **metrics: float) -> Result:
    train = Record(digest="", kind="Train", metrics={"picked": "final", **metrics}, facts={})
    return Result(labels={"arm": arm, "seed": seed}, records={"train": train} if metrics else {})


ROWS = Rows([row("a", 0, test_accuracy=0.5, test_loss=1.0), row("b", 0, test_accuracy=0.25, f1=0.5)])


OTHERS = ("train", "run 1", "channels", "macs", "cost")  # the parts of a study without masks of weights


def test_the_numbers_of_rows_are_listed():
    assert ROWS.numbers() == ["train.f1", "train.test_accuracy", "train.test_loss"]
    assert Rows([row("a", 0)]).numbers() == []


@pytest.mark.parametrize("wrong", ["train.test_acuracy", "train.accuracy", "trian.test_accuracy", "test_accuracy"])
def test_a_number_that_is_nearly_one_is_named(wrong):
    for ask in (ROWS.per_seed, ROWS.interval, lambda name: ll.plan.by_arm(ROWS, name)):
        with pytest.raises(
            UsageError, match=rf"no number is named '{wrong}'. Did you mean 'train.test_accuracy'[?] Known: "
        ):
            ask(wrong)


def test_a_number_that_rows_may_lack_is_missing_without_an_error():
    for name in ("train.diverged_epoch", "prune.removed", "distances.floor", "train.something_else"):
        assert ROWS.per_seed(name) == {} and ROWS.interval(name) is None
    assert Rows([row("a", 0)]).per_seed("train.test_acuracy") == {}  # nothing is finished yet
    assert ll.plan.by_arm([row("a", 0)], "train.test_acuracy") == {}
    assert ROWS.where(arm="a").per_seed("train.f1") == {}, "another row has it"


@pytest.mark.parametrize("part", ["prune", "distances", "barrier", "units", "choose"])
def test_a_part_of_another_study_is_never_taken_for_a_typo(part):
    records = {name: Record(digest="", kind="Train", metrics={"test_accuracy": 0.5}, facts={}) for name in OTHERS}
    rows = Rows([Result(labels={"arm": "a", "seed": 0}, records=records)])
    assert rows.per_seed(f"{part}.reached") == {}, "'prune' and 'run 1' have letters in common"


def test_by_arm_names_any_number_that_no_row_has():
    with pytest.raises(UsageError, match=r"no number is named 'train.zzz'.* Known: train.f1, "):
        ll.plan.by_arm(ROWS, "train.zzz")
    assert ll.plan.by_arm(ROWS, "train.f1") == {"b": {0: 0.5}}


@given(st.sampled_from(sorted(METRICS)))
def test_no_known_metric_is_ever_taken_for_a_typo(metric):
    assert ROWS.unknown_number(f"train.{metric}", typos=True) is None


def test_a_misspelt_label_is_named():
    for ask in (lambda: ROWS.where(amr="a"), lambda: ROWS.by("amr"), lambda: ROWS.labels("amr")):
        with pytest.raises(UsageError, match=r"no label is named 'amr'. Did you mean 'arm'[?] Known: arm, seed."):
            ask()
    assert ROWS.where(control="") == Rows(), "a label of other studies"
