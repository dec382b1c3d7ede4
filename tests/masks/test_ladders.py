"""Rounds at a rate: what each published code leaves of LeNet-300-100 by its own rule."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from lotterylab import masks
from lotterylab.criteria import Magnitude
from lotterylab.engine.context import Context
from lotterylab.engine.store import Store
from lotterylab.masks.counts import Rate
from lotterylab.masks.select import select
from lotterylab.models import LeNet300100
from lotterylab.plan.nodes import Init, Prune
from lotterylab.types import Scores
from some_plans import compute

LADDERS = {  # a round of each code at a rate of 0.2, from the number of weights that are left
    "open-lth": lambda left: left - math.ceil(0.2 * left) - 1,
    "lth-google": lambda left: left - round(0.2 * left) - 1,
    "snip-official": lambda left: round(left * (1 - 0.2)),
    "snip-mil-ad": lambda left: int(left * (1 - 0.2)),
    "synflow-official": lambda left: left - int((1 - (1 - 0.2)) * left),
    "deconstructing": lambda left: left - int(left * ((1 - 0.8) * 100) / 100),
    "edge-popup": lambda left: left - int((1 - (1 - 0.2)) * left),
    "index": lambda left: left - math.floor(Fraction("0.2") * left + Fraction(1, 2)),
}


@pytest.mark.parametrize("ties", LADDERS)
def test_a_rate_with_the_rule_of_a_published_code_gives_that_code_s_ladder(ties):
    """OpenLTH's sparse_global leaves 136,291 of LeNet's 266,200 weights after 3 rounds, and 18,287 after 12."""
    torch.manual_seed(0)
    scores = {name: torch.rand(size).double() for name, size in {"1": 235_200, "2": 30_000, "3": 1_000}.items()}
    mask, left, counts = masks.ones(scores), 266_200, []
    for _ in range(12):
        mask = select(Scores(scores), Rate(share=0.2).target(mask, "global"), mask=mask, ties=ties)
        left = LADDERS[ties](left)
        counts.append(masks.kept(mask))
        assert counts[-1] == left
    if ties == "open-lth":
        assert (counts[2], counts[11]) == (136_291, 18_287)


def test_a_plan_s_round_by_a_rate_and_a_published_rule_leaves_what_the_code_leaves(tmp_path):
    model = LeNet300100()
    first = Prune(
        criterion=Magnitude(), of=Init(model=model, seed=0), sparsity=Rate(share=0.2), ties="open-lth", seed=0
    )
    second = replace(first, mask=first)
    third = replace(first, mask=second)
    store = Store(tmp_path / "store").create()
    compute([third], store)
    assert masks.kept(Context(store=store).mask(third)) == 136_291
