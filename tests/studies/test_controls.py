"""The controls that need other data or another network: what they keep, what they change, what they cost."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lotterylab.criteria import Magnitude, Snip
from lotterylab.data.corrupted import Corrupted
from lotterylab.data.scoring import PerClass
from lotterylab.engine.context import Context
from lotterylab.engine.store import Store
from lotterylab.masks.counts import Rate
from lotterylab.models import Narrowed
from lotterylab.plan.nodes import Prune
from lotterylab.procedures import Ticket, control, iterative
from lotterylab.studies.controls import CONTROLS
from some_plans import DATA, INIT, MODEL, RUN, compute, train

CUT: dict[str, Any] = {"criterion": Magnitude(), "scope": "layerwise", "seed": 0}
TICKET = iterative(RUN, [Rate(share=0.5)] * 2, **CUT)[-1]
WORDS = ("corrupted-labels", "corrupted-pixels", "small-dense", "small-dense-same-compute", "dense-same-cost")
RUNS = {word: control(word, TICKET, 0, CONTROLS) for word in WORDS}


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> Context:
    store = Store(tmp_path_factory.mktemp("controls") / "store").create()
    compute([TICKET.run, *RUNS.values()], store)
    return Context(store=store)


@pytest.mark.parametrize("what", ["labels", "pixels"])
def test_only_the_mask_comes_from_corrupted_data(what: str, context: Context):
    run = RUNS[f"corrupted-{what}"]
    assert (run.start, run.data, run.recipe, run.order_seed) == (TICKET.run.start, DATA, RUN.recipe, 0)
    assert isinstance(run.mask, Prune) and isinstance(run.mask.mask, Prune)
    for finder in (run.mask.of.run, run.mask.mask.of.run):  # type: ignore[attr-defined]
        assert finder.data.spec == Corrupted(spec=DATA.spec, what=what, seed=0)  # type: ignore[arg-type]
    true, found = context.mask(TICKET.mask), context.mask(run.mask)
    assert {name: int(kept.sum()) for name, kept in found.items()} == {n: int(k.sum()) for n, k in true.items()}
    assert any(not torch.equal(found[name], true[name]) for name in true)
    initial, start = context.state(INIT), context.state(run.at("start"))
    assert all(torch.equal(start[name], initial[name] * kept) for name, kept in found.items())


def test_scores_at_initialisation_see_the_corrupted_data_too():
    mask = Prune(criterion=Snip(), of=INIT, sparsity=0.5, seed=0, data=DATA, batch=PerClass(count=1))
    run = control("corrupted-labels", Ticket(round=1, run=train(mask)), 3, CONTROLS)
    assert run.mask.data.spec == Corrupted(spec=DATA.spec, what="labels", seed=3)  # type: ignore[attr-defined]
    assert run.data == DATA and run.mask.of == INIT  # type: ignore[attr-defined]


def test_the_small_dense_network_has_the_ticket_s_count_and_a_life_of_its_own(context: Context):
    run = RUNS["small-dense"]
    assert run.model == Narrowed(of=MODEL, cuts=(Rate(share=0.5),) * 2, scope="layerwise")
    kept = sum(int(one.sum()) for one in context.mask(TICKET.mask).values())
    small = sum(int(one.sum()) for one in context.mask(run.mask).values())
    assert abs(small - kept) <= 0.5 * kept, "of a network of 2, 3 and 4 units no width is near"
    assert run.recipe == RUN.recipe and run.first_step == 0
    assert RUNS["small-dense-same-compute"].total_steps == 4 * RUN.total_steps


def test_the_dense_network_is_trained_for_what_the_ticket_cost():
    run = RUNS["dense-same-cost"]
    assert run.total_steps == 3 * RUN.total_steps, "the dense run, one round, and the ticket"
    assert (run.start, run.mask) == (RUN.start, RUN.mask)
    rewound = iterative(RUN, [0.5, 0.7], rewind_to=lambda round: RUN.total_steps // 2, criterion=Magnitude(), seed=0)
    assert control("dense-same-cost", rewound[-1], 0).total_steps == 2 * RUN.total_steps


def test_a_long_ladder_is_rewritten_once_a_round():
    long = iterative(RUN, [Rate(share=0.1)] * 40, **CUT)[-1]
    run, rounds = control("corrupted-labels", long, 0, CONTROLS), 0
    while isinstance(run.mask, Prune):
        run, rounds = run.mask.of.run, rounds + 1  # type: ignore[attr-defined]
        assert isinstance(run.data.spec, Corrupted)
    assert rounds == 40
