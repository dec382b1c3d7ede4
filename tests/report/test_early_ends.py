"""Runs that end early: the price before is an upper bound and says so; the cost after is what was trained."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from lotterylab.engine.store import Store
from lotterylab.interventions import ALL, EarlyBird, custom_intervention
from lotterylab.interventions.base import Intervening
from lotterylab.models import Vgg
from lotterylab.own_plans import price, run
from lotterylab.plan.nodes import Channels, Dense, Init, MaskOf, Node, Train
from lotterylab.plan.plan import Label, Plan, Row
from lotterylab.reading.costs import priced
from lotterylab.reading.lines import Line
from lotterylab.reading.rows import Rows
from lotterylab.report.pace import Pace, work
from lotterylab.report.price import as_json, lines, may_end_early, missing, seconds_per_image
from lotterylab.studies.ticket_lines import cost_chart
from some_plans import DATA, RECIPE, train
from some_sources import grid_of

MODEL = Vgg(depth=11, width=0.05, shape=(1, 8, 8))
PLAIN = replace(RECIPE, watch=(), pick=None)
BIRD = EarlyBird(sparsity=0.5, masks=2, distance=1.0)  # emerges after the second of four epochs
DENSE = Train(start=Init(model=MODEL, seed=0), mask=Dense(model=MODEL), data=DATA, recipe=PLAIN, order_seed=0)
SEARCH = replace(DENSE, recipe=replace(PLAIN, during=(BIRD,)))
KEPT = SEARCH.at(BIRD.name)
TICKET = replace(DENSE, start=KEPT, mask=Channels(of=MaskOf(of=SEARCH, name=BIRD.name), state=KEPT), from_step="kept")
AGAIN = replace(TICKET, start=Init(model=MODEL, seed=0), from_step=None)  # all epochs, once the mask is known
RUNS = {"dense": DENSE, "search": SEARCH, "early-bird": TICKET, "from the beginning": AGAIN}
PER_EPOCH = DENSE.steps_per_epoch


def row(method: str, node: Train) -> Row:
    labels: dict[str, Label] = {"protocol": "net", "activation": "relu", "method": method, "control": ""}
    nodes: dict[str, Node] = {"train": node}
    return Row(labels={**labels, "sparsity": 0.0 if method in ("dense", "search") else 0.5, "seed": 0}, nodes=nodes)


PLAN = Plan(name="early", title="Early", rows=tuple(row(method, node) for method, node in RUNS.items()))


def test_the_price_is_an_upper_bound_and_the_cost_is_what_was_trained(tmp_path):
    store = Store(tmp_path)
    told = "\n".join(lines(PLAN, store, workers=1, pace=Pace(mean=0.001), measured="by hand"))
    assert "net | relu: dense, 1 x 4 epochs (to run)" in told
    assert "net | relu: search, 1 x up to 4 epochs (to run)" in told
    assert "net | relu: early-bird, 1 x up to 4 epochs (to run)" in told
    assert "net | relu: from the beginning, 1 x 4 epochs (to run)" in told
    assert "16 epochs at the most (runs of equal masks are trained once; 2 of the runs may end early)" in told
    assert "At most about" in told
    before = price(PLAN, tmp_path)
    assert before.epochs == 16 and "at the most" in before.text and "2 of the runs may end early" in before.text

    results = priced(Rows(run(PLAN, tmp_path)))
    assert all(result.complete for result in results)
    epochs = {str(result.labels["method"]): result.metric("cost.epochs") for result in results}
    # the search stops after two epochs; its ticket has the two that are left
    assert epochs == {"dense": 4, "search": 2, "early-bird": 2 + 2, "from the beginning": 2 + 4}
    own = {
        method: len(result.metric("train.curves")["train_loss"]) for method, result in zip(RUNS, results, strict=True)
    }
    assert own == {"dense": 4, "search": 2, "early-bird": 2, "from the beginning": 4}
    assert sum(own.values()) == 12 < before.epochs


def test_the_cost_chart_has_what_was_trained(tmp_path):
    results = priced(Rows(run(PLAN, tmp_path)))
    named = tuple(Line(name=name, labels={"method": name, "control": ""}) for name in RUNS if name != "dense")
    grid = grid_of(cost_chart("protocol", named), results)
    assert grid is not None
    (panel,) = (panel for panels in grid.rows for panel in panels)
    assert {series.label: tuple(series.x) for series in panel.series} == {
        "search": (2.0,),
        "early-bird": (4.0,),
        "from the beginning": (6.0,),
    }


def test_the_pace_counts_the_images_that_were_trained(tmp_path):
    run(PLAN, tmp_path)
    store = Store(tmp_path)
    records = {name: store.record(node.digest) for name, node in RUNS.items()}
    images = {"dense": 4 * 64, "search": 2 * 64, "early-bird": 2 * 64, "from the beginning": 4 * 64}
    assert {name: work(node, records[name]) for name, node in RUNS.items()} == images
    assert all(work(node) == 4 * 64 for node in RUNS.values()), "a price without records is that of the whole runs"
    seconds = sum(record.seconds for record in records.values() if record and record.seconds)
    assert seconds_per_image(PLAN.targets(), store) == pytest.approx(seconds / sum(images.values()))
    assert missing(PLAN, store) == []


@dataclass(frozen=True, kw_only=True)
class Mine(Intervening):
    """Says nothing about its end."""


def test_who_may_end_a_run_early(tmp_path):
    assert [may_end_early(node) for node in RUNS.values()] == [False, True, True, False]
    told = {
        entry["digest"]: entry["may_end_early"]
        for entry in as_json(PLAN, Store(tmp_path), workers=1, pace=None)["runs"]
    }
    assert [told[node.digest] for node in RUNS.values()] == [False, True, True, False]
    watching = replace(BIRD, stop=False)
    for rule, may in ((watching, False), (ALL["random-out"](), False), (Mine(), True)):
        assert may_end_early(train(recipe=replace(RECIPE, during=(rule,)))) == may
    reference = custom_intervention("lotterylab.interventions:EarlyBird", {"sparsity": 0.5})
    assert reference.may_stop
