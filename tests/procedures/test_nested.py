"""Searches inside a mask: masks are nested, counts are exact, and what the parent removed never comes back."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
import torch
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from lotterylab import masks
from lotterylab.criteria import Grasp, Magnitude, Random, Snip, SynFlow
from lotterylab.data.scoring import PerClass
from lotterylab.engine.context import Context
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.masks.counts import Rate
from lotterylab.models import ShallowCnn
from lotterylab.plan.nodes import Node, Prune
from lotterylab.procedures import (
    Ticket,
    at_initialisation,
    at_initialisation_inside,
    iterative,
    iterative_inside,
    random_inside,
)
from lotterylab.reading.costs import trainings
from some_plans import DATA, INIT, MODEL, RUN, compute

HALF = Rate(share=0.5)
SEEN: dict[str, Any] = {"data": DATA, "batch": PerClass(count=1)}
CRITERIA: dict[str, dict[str, Any]] = {
    "grasp": {"criterion": Grasp(), **SEEN},
    "snip": {"criterion": Snip(), **SEEN},
    "synflow": {"criterion": SynFlow(), "rounds": 10},
    "magnitude": {"criterion": Magnitude()},
    "random": {"criterion": Random(), "scope": "balanced"},
}
ROUND: dict[str, Any] = {"criterion": Magnitude(), "seed": 0}


def parent_of(name: str, sparsity: float = 0.5) -> Ticket:
    (parent,) = at_initialisation(RUN, [sparsity], seed=0, **CRITERIA[name])
    return parent


PARENTS = {name: parent_of(name) for name in CRITERIA}
INSIDE = {name: iterative_inside(parent, [HALF, HALF], **ROUND) for name, parent in PARENTS.items()}
LTH = iterative(RUN, [0.5], **ROUND)[0]
MIRROR = {name: at_initialisation_inside(LTH, [0.8], seed=0, **cut) for name, cut in CRITERIA.items()}
RANDOM = random_inside(INSIDE["grasp"][-1], PARENTS["grasp"], seed=5)
WHOLE = iterative_inside(parent_of("grasp", 0.0), [HALF, HALF], **ROUND)


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> Context:
    store = Store(tmp_path_factory.mktemp("nested") / "store").create()
    tickets = [*(t for found in (*INSIDE.values(), *MIRROR.values()) for t in found), *WHOLE]
    compute([RUN, RANDOM, *iterative(RUN, [HALF, HALF], **ROUND)[-1].run.inputs(), *(t.run for t in tickets)], store)
    return Context(store=store)


def flat(tensors: Any, names: list[str]) -> Any:
    """The entries of all weights in one row, in the module's order."""
    return numpy.concatenate([tensors[name].flatten().numpy() for name in names])


def highest(scores: Any, alive: Any, kept: int) -> Any:
    """The mask of the highest scores among the living, by a sort of pairs."""
    order = sorted(numpy.flatnonzero(alive), key=lambda place: (scores[place], place))
    mask = numpy.zeros(len(scores), dtype=bool)
    mask[order[len(order) - kept :]] = True
    return mask


def weights() -> list[str]:
    return [name for name, tensor in MODEL.build().named_parameters() if tensor.dim() > 1]


@pytest.mark.parametrize("name", CRITERIA)
def test_each_round_halves_what_the_parent_kept_by_the_trained_magnitudes(name, context):
    names, parent = weights(), PARENTS[name]
    before, run = flat(context.mask(parent.mask), names), parent.run
    left = before.sum()
    assert left == len(before) // 2  # 160 weights
    for ticket in INSIDE[name]:
        left -= int(left / 2 + 0.5)
        mask, trained = flat(context.mask(ticket.mask), names), flat(context.state(run.final), names)
        assert mask.sum() == left
        assert (mask == highest(numpy.abs(trained), before, left)).all()
        start, end = (flat(context.state(ticket.run.at(point)), names) for point in ("start", "final"))
        initial = flat(context.state(INIT), names)
        assert (start == initial * mask).all(), "the reset weights"
        assert not end[~mask].any(), "nothing comes back"
        before, run = mask, ticket.run


@pytest.mark.parametrize("name", ["magnitude", "random", "snip", "synflow", "grasp"])
def test_the_mirror_lies_inside_the_ticket_and_keeps_its_exact_number(name, context):
    names, (ticket,) = weights(), MIRROR[name]
    outer, mask = (flat(context.mask(node), names) for node in (LTH.mask, ticket.mask))
    assert not mask[~outer].any() and mask.sum() == len(mask) - int(0.8 * len(mask) + 0.5)
    initial, end = flat(context.state(INIT), names), flat(context.state(ticket.run.final), names)
    assert (flat(context.state(ticket.run.at("start")), names) == initial * mask).all()
    assert not end[~mask].any()
    if name == "magnitude":
        assert (mask == highest(numpy.abs(initial), outer, int(mask.sum()))).all()


def test_the_mirror_s_grasp_is_that_of_the_pruned_network(context):
    """The explicit Hessian of the loss over the kept weights alone, in float64."""
    names, (ticket,) = weights(), MIRROR["grasp"]
    outer = context.mask(LTH.mask)
    state = {name: tensor.double() for name, tensor in context.state(INIT).items()}
    batch = PerClass(count=1).draw(context.dataset(DATA), 0)
    module, inputs = MODEL.build().double(), batch.inputs
    assert isinstance(inputs, torch.Tensor)
    theta = torch.cat([(state[name] * outer[name]).flatten() for name in names])
    alive = torch.cat([outer[name].flatten() for name in names])

    def loss(kept: torch.Tensor) -> torch.Tensor:
        whole = torch.zeros_like(theta).masked_scatter(alive, kept)
        parts = whole.split([state[name].numel() for name in names])
        own = {name: part.view(state[name].shape) for name, part in zip(names, parts, strict=True)}
        outputs = functional_call(module, {**state, **own}, (inputs.double(),))
        return cross_entropy(outputs / 200.0, batch.targets)

    kept = theta[alive].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(kept), kept)
    hessian = torch.autograd.functional.hessian(loss, kept.detach())
    scores = kept.detach() * (hessian @ gradient)
    stays = torch.from_numpy(flat(context.mask(ticket.mask), names))[alive]
    assert scores[stays].min() > scores[~stays].max() - 1e-6 * scores.abs().max()


def test_a_ticket_costs_the_runs_behind_its_mask():
    for name, (first, second) in INSIDE.items():
        parent = PARENTS[name]
        assert first.found_by == (parent.run,) and second.found_by == (parent.run, first.run)
        assert set(trainings(second.run)) == {*second.found_by, second.run}, "the dense network is never trained"
    for (ticket,) in MIRROR.values():
        assert ticket.found_by == (RUN,) and set(trainings(ticket.run)) == {RUN, ticket.run}


def test_a_search_inside_a_search_counts_every_run():
    (deeper,) = iterative_inside(MIRROR["grasp"][0], [0.9], **ROUND)
    assert deeper.found_by == (RUN, MIRROR["grasp"][0].run)
    assert set(trainings(deeper.run)) == {*deeper.found_by, deeper.run}


def test_inside_a_mask_that_removes_nothing_it_is_the_search_of_the_dense_network(context):
    for inside, plain in zip(WHOLE, iterative(RUN, [HALF, HALF], **ROUND), strict=True):
        assert masks.digest(context.mask(inside.mask)) == masks.digest(context.mask(plain.mask))
    assert iterative_inside(Ticket(round=1, run=RUN), [HALF], **ROUND)[0].run == iterative(RUN, [HALF], **ROUND)[0].run


def test_random_places_inside_the_parent(context):
    parent, own = (context.mask(node) for node in (PARENTS["grasp"].mask, INSIDE["grasp"][-1].mask))
    mask = context.mask(RANDOM.mask)
    for name, kept in mask.items():
        assert not bool((kept & ~parent[name]).any())
        assert int(kept.sum()) == int(own[name].sum())
    assert masks.digest(mask) != masks.digest(own)


@pytest.mark.parametrize(("scope", "counts"), [("balanced", [18, 21, 21, 20]), ("layerwise", [9, 27, 24, 20])])
def test_random_parents_share_their_weights_as_the_scope_says(scope, counts, context):
    """160 weights in layers of 18, 54, 48 and 40: 80 are kept, an equal split is 20 and 2/3 beside the whole first."""
    (parent,) = at_initialisation(RUN, [0.5], criterion=Random(), scope=scope, seed=0)
    compute([parent.mask], context.store)
    mask = context.mask(parent.mask)
    assert [int(mask[name].sum()) for name in weights()] == counts


def test_a_run_that_is_sparse_already_is_pruned_inside_its_mask():
    run = PARENTS["grasp"].run
    (inside,) = at_initialisation(run, [0.9], criterion=Magnitude(), seed=0)
    masks_of: list[Node] = [inside.mask, iterative(run, [0.9], **ROUND)[0].mask]
    assert [mask.mask for mask in masks_of if isinstance(mask, Prune)] == [run.mask, run.mask]


def test_what_cannot_be_a_parent_or_a_sparsity_is_refused():
    for search in (iterative_inside, at_initialisation_inside):
        with pytest.raises(UsageError, match=r"given a Train\. Give a Ticket"):
            search(RUN, [0.5], **ROUND)  # type: ignore[arg-type]
        for wrong in (0.3, 0.5):
            with pytest.raises(UsageError, match=r"removes 0\.5 of all entries, and none comes back"):
                search(PARENTS["grasp"], [wrong], **ROUND)
    with pytest.raises(UsageError, match="given a Shuffle"):
        random_inside(RANDOM.mask, PARENTS["grasp"], 0)  # type: ignore[arg-type]


def test_the_network_of_these_tests_has_160_weights():
    assert (
        isinstance(MODEL, ShallowCnn)
        and sum(dict(MODEL.build().named_parameters())[n].numel() for n in weights()) == 160
    )
