"""Every study's plan, pinned: a change of its nodes would leave finished results behind."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from lotterylab.asking.catalogue import STUDIES, study_named
from lotterylab.data import Digits
from lotterylab.plan.nodes import Data
from lotterylab.plan.plan import Plan

DATA = Data(spec=Digits(), content="ab" * 32)
EVERYTHING = {
    "protocols": ("as-published", "corrected", "ladder"),
    "methods": ("magnitude", "grasp", "first-order", "snip", "synflow", "random"),
    "sparsities": (0.5, 0.9),
    "ladder_seeds": 1,
    "crop_padding": 4,
    "flip": True,
}
PINNED = {
    "activations": "29b01885312eacd0",
    "lth-mnist": "b06121b63b77bfa4",
    "lth-digits": "8c19db344c4b2c9d",
    "lth-conv": "c812270dd2bfa9fe",
    "activation-tickets": "19e3564cd63729ce",
    "init-tickets": "99201e2fd609fd26",
    "rewind-rounds": "160127f0fef7aa40",
    "rewind-rounds-norm": "831b5fbc76e57731",
    "grasp-activations": "e03e5afcab10d5af",
    "grasp-table": "23566a383d59741f",
    "frontier": "7c1f379dadf7549b",
    "sparse-training": "ba68787301eacd55",
    "random-out": "61ffa672996c7e29",
    "random-out-tickets": "5d57f1386f0f984e",
    "early-bird-random-out": "7cec9c515c806381",
    "early-bird": "b50616d07fbed352",
    "grasp-tickets": "94e7c444157f4abd",
    "deconstructing": "614c9704561997ad",
    "signs": "2a224cb2f5823e24",
    "supermasks": "af9efe53005efa69",
    "supermasks-conv": "9d633b4a7af71f12",
    "rewinding": "e9f8f8f9c709168b",
    "alignment": "c54fd58bb1851896",
    "alignment-conv": "f9e76b5ae3fd5383",
    "transfer": "3d3471ac580a02a0",
    "local-receptive-fields": "d2753e5b848f9da3",
    "unlucky-seeds": "d45d1da8f18015b3",
    "glorot": "b30dd9ab23dee248",
}


def planned(name: str) -> Plan:
    """The study with two seeds on the digits, as small as its quick size."""
    study = study_named(name)
    own = EVERYTHING if name == "activations" else {"size": "quick"}
    return study.plan(study.options(**own, seeds=2), DATA)


def digest(study: Plan) -> str:
    """Of the labels of all rows and the digests of their nodes, in order."""
    rows = [[dict(row.labels), {part: node.digest for part, node in row.nodes.items()}] for row in study.rows]
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", STUDIES)
def test_the_plan_of_each_study_is_pinned(name):
    assert digest(planned(name)) == PINNED[name]


@pytest.mark.parametrize("name", [name for name in STUDIES if name != "activations"])
def test_a_quick_size_has_three_seeds_so_that_claims_have_verdicts(name):
    quick: dict[str, Any] = {"size": "quick"}
    assert study_named(name).options(**quick).seeds >= 3
