"""Rules that make a state of states and masks: hand-made weights, laws over all rules, and what they refuse."""

from __future__ import annotations

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lotterylab.combining import ALL, Average, PermutedMagnitudes, Rescaled, SignedConstant, Signs, ZeroIfShrunk
from lotterylab.errors import UsageError

NAMES = ["w"]
NEEDED = {  # the names under which each rule takes one state, and a mask if it takes one
    "average": ("a", "b", "c"),
    "signs": ("magnitudes", "signs"),
    "permuted-magnitudes": ("state", "mask"),
    "signed-constant": ("state",),
    "rescaled": ("state", "mask"),
    "zero-if-shrunk": ("initial", "final"),
}


def state(seed: int = 0):
    draw = torch.Generator().manual_seed(seed)
    return {"w": torch.randn(4, 5, generator=draw), "b": torch.randn(4, generator=draw), "n": torch.tensor(seed)}


def mask(seed: int = 0):
    return {"w": torch.rand(4, 5, generator=torch.Generator().manual_seed(100 + seed)) < 0.5}


def given_to(name: str, seeds=(0, 0, 0)):
    return {key: mask() if key == "mask" else state(seed) for key, seed in zip(NEEDED[name], seeds, strict=False)}


def test_every_rule_is_tried():
    assert NEEDED.keys() | {"aligned"} == ALL.keys(), "test_transfers.py tries the rule that needs a whole network"


@pytest.mark.parametrize("name", ["average", "signs", "zero-if-shrunk"])
def test_a_state_combined_with_itself_is_itself(name):
    made = ALL[name]()(given_to(name), NAMES, 0)
    assert made.keys() == state().keys()
    assert all(torch.equal(tensor, made[key]) for key, tensor in state().items())


@pytest.mark.parametrize("name", NEEDED)
def test_biases_and_buffers_are_those_of_the_main_state_and_nothing_given_is_changed(name):
    of = given_to(name, (1, 2, 3))
    before = {key: {part: tensor.clone() for part, tensor in value.items()} for key, value in of.items()}
    made = ALL[name]()(of, NAMES, 0)
    main = before[ALL[name].needs[0]] if ALL[name].needs else before["a"]
    assert torch.equal(made["n"], main["n"]) and (name == "average" or torch.equal(made["b"], main["b"]))
    made["w"].fill_(7.0)
    for key, value in of.items():
        assert all(torch.equal(tensor, before[key][part]) for part, tensor in value.items())


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_signs_come_from_one_state_and_magnitudes_from_another(one, other):
    made = Signs()({"signs": state(one), "magnitudes": state(other)}, NAMES, 0)
    assert torch.equal(made["w"].abs(), state(other)["w"].abs())
    assert torch.equal(made["w"].sign(), state(one)["w"].sign())


@given(st.integers(0, 1000))
def test_kept_magnitudes_change_places_under_signs_that_stay(seed):
    made = PermutedMagnitudes()({"state": state(seed), "mask": mask(seed)}, NAMES, seed)["w"]
    old, kept = state(seed)["w"], mask(seed)["w"]
    assert torch.equal(made.sign(), old.sign()) and torch.equal(made[~kept], old[~kept])
    assert sorted(made[kept].abs().tolist()) == sorted(old[kept].abs().tolist())
    again = PermutedMagnitudes()({"state": state(seed), "mask": mask(seed)}, NAMES, seed)["w"]
    assert torch.equal(made, again)


def test_the_constant_is_numpys_standard_deviation():
    old = state(3)["w"]
    made = SignedConstant()({"state": state(3)}, NAMES, 0)["w"]
    assert numpy.allclose(made.abs().numpy(), numpy.std(old.double().numpy())) and torch.equal(made.sign(), old.sign())
    drawn = SignedConstant(signs="random")({"state": {"w": torch.randn(200, 200)}}, NAMES, 5)["w"]
    positive = float((drawn > 0).double().mean())
    assert abs(positive - 0.5) < 4 * 0.5 / 200 and len(drawn.abs().unique()) == 1


def test_scaling_up_keeps_the_mean_of_a_masked_tensor_in_the_mean_over_masks():
    of = {"state": {"w": torch.full((4, 5), 2.0)}, "mask": mask()}
    made = Rescaled()(of, NAMES, 0)["w"]
    assert float((made * mask()["w"]).mean()) == pytest.approx(2.0)
    empty = {"state": state(), "mask": {"w": torch.zeros(4, 5, dtype=torch.bool)}}
    assert torch.equal(Rescaled()(empty, NAMES, 0)["w"], state()["w"])


def test_what_shrank_becomes_0():
    of = {"initial": {"w": torch.tensor([1.0, -2.0, 3.0, 0.0])}, "final": {"w": torch.tensor([-1.0, 1.0, -4.0, 0.0])}}
    assert ZeroIfShrunk()(of, NAMES, 0)["w"].tolist() == [1.0, 0.0, 3.0, 0.0]


def test_an_average_is_that_of_numpy():
    made = Average()({"a": state(1), "b": state(2), "c": state(3)}, NAMES, 0)
    expected = numpy.mean([state(seed)["w"].double().numpy() for seed in (1, 2, 3)], axis=0).astype(numpy.float32)
    assert numpy.array_equal(made["w"].numpy(), expected)


@pytest.mark.parametrize("rule", [Signs(), SignedConstant(), ZeroIfShrunk()])
def test_names_that_a_rule_does_not_take_are_refused(rule):
    with pytest.raises(UsageError, match=rf"{type(rule).__name__} was given .*; it needs"):
        rule.check(["weights"])
