"""The differences of several lines from one, in words: the number of seeds is said once where it is the same."""

from __future__ import annotations

import re

import pytest

from lotterylab.engine.records import Record
from lotterylab.engine.results import Result
from lotterylab.reading.judging import Line, apart_from
from lotterylab.reading.rows import Rows

BASE, MORE, LESS = (Line(name=name, labels={"arm": name}) for name in ("base", "more", "less"))


def row(arm: str, seed: int, accuracy: float) -> Result:
    record = Record(digest="", kind="Train", metrics={"test_accuracy": accuracy}, facts={})
    return Result(labels={"arm": arm, "seed": seed, "sparsity": 0.0}, records={"train": record})


@pytest.mark.parametrize("seeds_of_less", [3, 2])
def test_the_number_of_seeds_is_said_once_if_it_is_the_same(seeds_of_less):
    levels = {"base": 0.5, "more": 0.75, "less": 0.25}
    seeds = {"base": 3, "more": 3, "less": seeds_of_less}
    rows = Rows(row(arm, seed, level + seed / 64) for arm, level in levels.items() for seed in range(seeds[arm]))
    more, less = apart_from(BASE, (BASE, MORE, LESS), rows, "train.test_accuracy", 0.0)
    assert more.startswith("more 0.250 [0.250, 0.250]") and less.startswith("less \u22120.250")
    assert re.findall(r"n = \d", f"{more}; {less}") == (["n = 3"] if seeds_of_less == 3 else ["n = 3", "n = 2"])
    assert less.endswith(f"(n = {seeds_of_less})")


def test_no_line_with_a_common_seed_gives_no_words():
    assert apart_from(BASE, (MORE,), Rows([row("base", 0, 0.5), row("more", 1, 0.5)]), "train.test_accuracy", 0.0) == []
