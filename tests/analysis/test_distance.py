"""Distances between states made by hand, against NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lotterylab.analysis import Distances
from lotterylab.analysis.distance import angle
from lotterylab.errors import UsageError
from lotterylab.network import network, state_of

SHAPES = {"conv.weight": (2, 1, 3, 3), "conv.bias": (2,), "fc.weight": (3, 8), "fc.bias": (3,)}


def state(seed: int) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=draw) for name, shape in SHAPES.items()}


def mask(seed: int = 9) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {name: torch.rand(SHAPES[name], generator=draw) < 0.5 for name in ("conv.weight", "fc.weight")}


def held(ticket: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: t.masked_fill(~mask()[name], 0.0) if name in mask() else t for name, t in ticket.items()}


def found(dense: Any, ticket: Any, kept: Any) -> dict[str, Any]:
    return Distances()({"dense": dense, "ticket": ticket, "mask": kept}, {}, None)


def norm(*arrays: Any) -> float:
    return float(numpy.linalg.norm(numpy.concatenate([numpy.asarray(a, dtype=float).ravel() for a in arrays])))


@pytest.mark.parametrize(("ticket", "regrown"), [(held(state(1)), 0.0), (state(1), 1.0)], ids=["held", "regrown"])
def test_every_distance_is_its_formula(ticket, regrown):
    dense, kept = state(0), mask()
    a, b = ({n: t.numpy().astype(float) for n, t in one.items()} for one in (dense, ticket))
    m = {name: one.numpy() for name, one in kept.items()}
    out = found(dense, ticket, kept)
    ratios = {name: norm(a[name] - b[name]) / norm(a[name]) for name in a}
    masked_a, masked_b = ([one[name] * m[name] for name in m] for one in (a, b))
    expected = {
        "mean_relative_distance": numpy.mean(list(ratios.values())),
        "floor": numpy.mean([norm(a[n] * ~m[n]) / norm(a[n]) if n in m else 0.0 for n in a]),
        "whole_relative_distance": norm(*(a[n] - b[n] for n in a)) / norm(*a.values()),
        "relative_to_ticket": numpy.mean([norm(a[n] - b[n]) / norm(b[n]) for n in a]),
        "masked_l2": norm(*(x - y for x, y in zip(masked_a, masked_b, strict=True))),
        "regrown": regrown,
    }
    assert {name: out[name] for name in expected} == pytest.approx(expected, rel=1e-12)
    assert out["by_tensor"] == pytest.approx(ratios, rel=1e-12)
    assert out["dense_norms"] == pytest.approx({name: norm(one) for name, one in a.items()}, rel=1e-12)
    x, y = (numpy.concatenate([one.ravel() for one in parts]) for parts in (masked_a, masked_b))
    cosine = x @ y / numpy.linalg.norm(x) / numpy.linalg.norm(y)
    assert out["masked_angle"] == pytest.approx(math.degrees(math.acos(cosine)), rel=1e-12)


def test_a_network_is_at_exactly_no_distance_from_itself():
    out = found(state(0), state(0), {name: torch.ones_like(one) for name, one in mask().items()})
    zero = ("mean_relative_distance", "floor", "whole_relative_distance", "relative_to_ticket", "masked_l2", "regrown")
    assert {name: out[name] for name in (*zero, "masked_angle")} == dict.fromkeys((*zero, "masked_angle"), 0.0)


def test_the_floor_is_the_distance_of_a_network_from_itself_pruned():
    dense, kept = state(0), mask()
    pruned = held(dense)
    assert found(dense, pruned, kept)["mean_relative_distance"] == pytest.approx(found(dense, dense, kept)["floor"])
    assert found(dense, pruned, kept)["masked_angle"] == 0


def test_a_mean_over_tensors_is_ruled_by_a_tiny_one_and_the_whole_is_not():
    dense, ticket = state(0), state(0)
    dense["fc.bias"] = torch.tensor([1e-6, 0.0, 0.0])
    out = found(dense, ticket, mask())
    assert out["mean_relative_distance"] > 1e5 > 1 > out["whole_relative_distance"]


def test_regrown_counts_pruned_entries_that_are_not_zero():
    ticket, kept = held(state(1)), mask()
    n = sum(int((~one).sum()) for one in kept.values())
    place = (~kept["fc.weight"]).nonzero()[0]
    ticket["fc.weight"][tuple(place)] = 1e-30
    assert found(state(0), ticket, kept)["regrown"] == 1 / n


def test_a_tensor_pruned_away_has_no_ratio_to_the_ticket_and_buffers_that_count_are_no_distance():
    dense, ticket, kept = state(0), state(1), mask()
    kept["conv.weight"].fill_(False)
    ticket["conv.weight"].fill_(0.0)
    dense["norm.num_batches_tracked"], ticket["norm.num_batches_tracked"] = torch.tensor(7), torch.tensor(9)
    out = found(dense, ticket, kept)
    names = [name for name in SHAPES if name != "conv.weight"]
    expected = numpy.mean([norm(dense[n] - ticket[n]) / norm(ticket[n]) for n in names])
    assert out["relative_to_ticket"] == pytest.approx(expected, rel=1e-6)
    assert set(out["by_tensor"]) == set(SHAPES)


def with_statistics(seed: int) -> dict[str, Tensor]:
    """A state with the statistics of a batch norm, far apart in any two."""
    own = {"norm.running_mean": torch.full((2,), 100.0 * seed + 1), "norm.running_var": torch.full((2,), 9.0**seed)}
    return {**state(seed), **own, "norm.num_batches_tracked": torch.tensor(seed)}


def test_running_statistics_are_no_weights_and_count_if_they_are_asked_for():
    plain, normed = found(state(0), state(1), mask()), found(with_statistics(0), with_statistics(1), mask())
    assert normed == plain
    everything = Distances(tensors="all")
    of_all = everything({"dense": with_statistics(0), "ticket": with_statistics(1), "mask": mask()}, {}, None)
    assert set(of_all["by_tensor"]) == {*SHAPES, "norm.running_mean", "norm.running_var"}
    assert of_all["mean_relative_distance"] > plain["mean_relative_distance"]
    assert (of_all["masked_l2"], of_all["masked_angle"]) == (plain["masked_l2"], plain["masked_angle"])
    without = everything({"dense": state(0), "ticket": state(1), "mask": mask()}, {}, None)
    assert without == plain, "a network without norms has the same numbers"
    with pytest.raises(UsageError, match="Did you mean 'weights'"):
        Distances(tensors="weigths")  # type: ignore[arg-type]


def test_other_buffers_are_no_weights_where_the_network_is_known():
    module = torch.nn.BatchNorm1d(3)
    module.register_buffer("codes", torch.ones(3))
    dense, ticket = state_of(module), {**state_of(module), "codes": torch.zeros(3)}
    kept = {"weight": torch.ones(3, dtype=torch.bool)}
    out = Distances()({"dense": dense, "ticket": ticket, "mask": kept}, {"dense": network(module)}, None)
    assert set(out["by_tensor"]) == {"weight", "bias"} and out["whole_relative_distance"] == 0


def numbers(value: Any) -> list[float]:
    parts = value.values() if isinstance(value, dict) else [value]
    return [x for part in parts for x in (numbers(part) if isinstance(part, dict) else [part]) if x is not None]


@given(
    zeroed=st.sets(st.tuples(st.sampled_from(["dense", "ticket"]), st.sampled_from(list(SHAPES)))),
    emptied=st.sets(st.sampled_from(["conv.weight", "fc.weight"])),
    diverged=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_a_number_is_finite_or_there_is_none(zeroed, emptied, diverged):
    states, kept = {"dense": state(0), "ticket": state(1)}, mask()
    for part, name in zeroed:
        states[part][name].fill_(0.0)
    for name in emptied:
        kept[name].fill_(False)
    if diverged:
        states["ticket"]["fc.bias"][0] = math.nan
    out = found(states["dense"], states["ticket"], kept)
    assert all(math.isfinite(number) for number in numbers(out))
    for name, ratio in out["by_tensor"].items():
        if ("dense", name) in zeroed and not (diverged and name == "fc.bias"):
            assert ratio == (0.0 if ("ticket", name) in zeroed else None)
    known = [ratio for ratio in out["by_tensor"].values() if ratio is not None]
    assert out["mean_relative_distance"] == (pytest.approx(numpy.mean(known)) if known else None)


@given(degrees=st.floats(0.01, 179.99), scale=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_an_angle_is_that_of_the_arc_cosine_whatever_the_lengths(degrees, scale, seed):
    draw = numpy.random.default_rng(seed)
    basis, _ = numpy.linalg.qr(draw.normal(size=(12, 2)))
    a = basis[:, 0] * 3.0
    b = scale * (math.cos(math.radians(degrees)) * basis[:, 0] + math.sin(math.radians(degrees)) * basis[:, 1])
    measured = angle(torch.from_numpy(a), torch.from_numpy(b))
    assert measured == pytest.approx(degrees, rel=1e-9)
    cosine = a @ b / numpy.linalg.norm(a) / numpy.linalg.norm(b)
    assert math.cos(math.radians(measured)) == pytest.approx(cosine, abs=1e-12)


def test_a_tiny_angle_is_not_lost_as_an_arc_cosine_would_lose_it():
    a, b = torch.tensor([1.0, 0.0]).double(), torch.tensor([1.0, 1e-9]).double()
    assert math.acos(float(a @ b / a.norm() / b.norm())) == 0
    assert angle(a, b) == pytest.approx(math.degrees(1e-9), rel=1e-12)
    assert angle(a, -a) == 180 and angle(a, a) == 0 and angle(a, 5 * a) == 0


def test_stability_is_zero_where_nothing_differs(tmp_path):
    """Two trainings in one order, and a mask that removes nothing.   [frankle2019stabilizing, section 3]"""
    from dataclasses import replace

    from lotterylab.engine.store import Store
    from lotterylab.plan.nodes import Measure
    from some_plans import DENSE, RUN, TICKET, compute, train

    to_pruning = Measure(
        quantity=Distances(), of={"dense": RUN.final, "ticket": train(DENSE, start=RUN.at(0)).final, "mask": DENSE}
    )
    of = {"dense": TICKET.final, "ticket": replace(TICKET).final, "mask": TICKET.mask}
    to_order = Measure(quantity=Distances(), of=of)
    other = replace(TICKET, order_seed=1)
    to_other = Measure(quantity=Distances(), of={**of, "ticket": other.final})
    store = Store(tmp_path / "store").create()
    compute([to_pruning, to_order, to_other], store)
    for node in (to_pruning, to_order):
        metrics = store.record(node.digest).metrics
        assert metrics["masked_l2"] == 0 and metrics["masked_angle"] == 0
    assert store.record(to_other.digest).metrics["masked_l2"] > 0
