"""Each model, data set, method, scope and granularity runs, and each pair of them goes together.

The values are covered by rows of a pairwise design, made by greed: every pair of values of two axes stands in some row.
``make test`` runs rows that hold each value once, but for the deepest networks; ``make nightly`` runs all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product
from typing import Any

import pytest

from lotterylab import masks
from lotterylab.asking import methods
from lotterylab.data import Cifar10, Digits, Mnist
from lotterylab.data.base import data_dir
from lotterylab.engine.context import Context
from lotterylab.engine.rules import execute
from lotterylab.engine.schedule import Schedule
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.masks.counts import removal_count
from lotterylab.models import SPECS
from lotterylab.models.activations import ACTIVATIONS
from lotterylab.models.inits import INITS
from lotterylab.plan.nodes import Data
from lotterylab.studies.activations import Options, build

LOCAL = data_dir(None)
SETS = {
    "digits": Digits(train=40, validation=10, test=10),
    "mnist": Mnist(train=40, validation=10, test=10),
    "cifar10": Cifar10(train=40, validation=10, test=10),
}
AXES: dict[str, tuple[str, ...]] = {
    "model": tuple(SPECS),
    "method": tuple(methods.METHODS),
    "scope": ("global", "layerwise", "uniform", "erk", "balanced"),
    "granularity": ("weight", "filter", "block:2x3", "2:4"),
    "data": tuple(SETS),
    "activation": tuple(ACTIVATIONS),
    "init": ("", *INITS),
}
Row = tuple[str, ...]


def rows(axes: dict[str, tuple[str, ...]], *, strength: int) -> Iterator[Row]:
    """Rows in which every combination of ``strength`` axes' values stands: greedy, without any chance."""
    values = list(axes.values())
    missing = {
        (places, chosen)
        for places in combinations(range(len(values)), strength)
        for chosen in product(*(values[place] for place in places))
    }
    turn = 0
    while missing:
        places, chosen = min(missing, key=lambda one: (one[0], [values[p].index(v) for p, v in zip(*one, strict=True)]))
        row: dict[int, str] = dict(zip(places, chosen, strict=True))
        for place in range(len(values)):
            if place not in row:
                # the value that covers most of what is missing with those chosen; in turn, where all cover the same
                order = [*values[place][turn % len(values[place]) :], *values[place][: turn % len(values[place])]]
                row[place] = max(order, key=lambda value, at=place: _gain({**row, at: value}, missing, strength))
        turn += 1
        full = tuple(row[place] for place in range(len(values)))
        missing -= {(p, tuple(full[one] for one in p)) for p in combinations(range(len(values)), strength)}
        yield full


def _gain(row: dict[int, str], missing: set[Any], strength: int) -> int:
    return sum((p, tuple(row[one] for one in p)) in missing for p in combinations(sorted(row), strength))


SLOW = {name for name in SPECS if name.endswith(("44", "56", "101", "110", "164"))}  # a hundred layers of batch norm
EACH = list(rows(AXES, strength=1))
PAIRS = list(rows(AXES, strength=2))


def test_the_design_covers_what_it_says():
    for axis, values in enumerate(AXES.values()):
        assert {row[axis] for row in EACH} == set(values)
    for a, b in combinations(range(len(AXES)), 2):
        wanted = set(product(list(AXES.values())[a], list(AXES.values())[b]))
        assert {(row[a], row[b]) for row in PAIRS} == wanted


def run(row: Row, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One epoch dense, the mask, one epoch pruned: by the engine, in this process."""
    asked = dict(zip(AXES, row, strict=True))
    spec = SETS[asked["data"]]
    if asked["data"] != "digits" and (LOCAL is None or not (LOCAL / asked["data"]).is_dir()):
        pytest.skip(f"LOTTERYLAB_DATA names no folder with {asked['data']} in it")
    method = methods.METHODS[asked["method"]]
    pattern = asked["granularity"] == "2:4"
    rounds = 1 if pattern else min(method.rounds, 3)  # in rounds, a pattern's sparsity would not be its own
    monkeypatch.setitem(methods.METHODS, asked["method"], replace(method, rounds=rounds))
    named = SPECS[asked["model"]]
    small = {"width": 0.1} if "width" in named.free else {}
    small |= {"widths": (4, 4, 8)} if asked["model"] == "shallow-cnn" else {}
    options = Options(
        protocols=("corrected",),
        activations=(asked["activation"],),
        methods=(asked["method"],),
        controls=("random-mask",),
        sparsities=(0.5,),
        scope=asked["scope"],
        granularity=asked["granularity"],
        init=asked["init"],
        seeds=1,
        scoring_images=1,
        dense_epochs=1,
        pruned_epochs=1,
        rates=(0.003,),
        model=asked["model"],
        model_options=small,
    )
    content = spec.fingerprint(LOCAL).content
    study = build(options, Data(spec=spec, content=content))
    context = Context(store=Store(tmp_path / "store").create(), data_dir=LOCAL)
    schedule = Schedule(study.targets(), context.store)
    while (node := schedule.next()) is not None:
        execute(node, context)
        schedule.done(node.digest)
    ticket = next(one for one in study.rows if one.labels["method"] == asked["method"] and not one.labels["control"])
    cut = context.record(ticket.nodes["prune"]).metrics
    assert cut["removed"] == cut["requested_removed"]
    assert asked["scope"] == "layerwise" or pattern or cut["removed"] == removal_count("1/2", cut["entries"])
    mask, final = context.mask(ticket.nodes["prune"]), context.state(ticket.nodes["train"].final)  # type: ignore[attr-defined]
    assert masks.kept(mask) < masks.entries(mask)
    for name, kept in mask.items():
        assert not final[name][~kept].any(), f"{name} is held"
    assert 0 <= context.metric(ticket.nodes["train"], "test_accuracy") <= 1


def refused_for_a_reason(row: Row, error: UsageError) -> bool:
    """ "uniform" keeps the first layer whole: where that is most of the network, half cannot go."""
    return "uniform" in row and "leaves the first tensor" in str(error)


@pytest.mark.parametrize(
    "row", [pytest.param(row, marks=pytest.mark.nightly) if row[0] in SLOW else row for row in EACH], ids=" ".join
)
def test_each_value_runs(row, tmp_path, monkeypatch):
    try:
        run(row, tmp_path, monkeypatch)
    except UsageError as error:
        assert refused_for_a_reason(row, error), error


@pytest.mark.nightly
@pytest.mark.parametrize("row", PAIRS, ids=" ".join)
def test_each_pair_runs(row, tmp_path, monkeypatch):
    try:
        run(row, tmp_path, monkeypatch)
    except UsageError as error:
        assert refused_for_a_reason(row, error), error
