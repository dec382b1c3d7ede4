"""These laws hold for every criterion."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy
import pytest
import scipy.stats
import torch
from torch import Tensor, nn

import lotterylab as ll
from lotterylab.criteria import ALL, Grasp, Magnitude, Random, RandomOfSign, Snip, SynFlow, WeightSquaredGradient
from lotterylab.errors import UsageError
from lotterylab.network import network, state_of
from lotterylab.types import Batch, Scores
from some_views import batch_for, conv, flat, flat_loss, mlp, view, with_norm

NETWORKS = {"mlp": lambda: mlp("tanh"), "conv": lambda: conv("relu"), "norm": with_norm}


def bits(tensors: dict[str, Tensor]) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in tensors.values()]


# the laws, of every criterion


@pytest.mark.parametrize("params", ["prunable", "parameters"])
@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("network_name", NETWORKS)
def test_each_entry_of_each_named_tensor_gets_one_finite_number_and_the_state_stays(network_name, name, params):
    module, criterion = NETWORKS[network_name](), ALL[name]()
    names = getattr(network(module), params)
    seen = view(module, batch_for(module), names=names)
    before = bits(seen.state)
    scores = criterion(seen)
    assert tuple(scores) == names
    for one in names:
        assert scores[one].shape == seen.state[one].shape and scores[one].is_floating_point()
        assert bool(scores[one].isfinite().all()) and not scores[one].requires_grad
    assert bits(seen.state) == before and not any(tensor.requires_grad for tensor in seen.state.values())


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_gives_the_same_bits(name):
    module, criterion = conv("tanh"), ALL[name]()
    first, again = (bits(criterion(view(module, batch_for(module), seed=7))) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("name", ALL)
def test_a_criterion_that_needs_no_batch_ignores_one_and_one_that_does_says_so(name):
    module, criterion = mlp("sigmoid"), ALL[name]()
    if criterion.needs_batch:
        with pytest.raises(UsageError, match=f"{type(criterion).__name__} .* needs data"):
            criterion(view(module))
    else:
        assert bits(criterion(view(module))) == bits(criterion(view(module, batch_for(module))))


# magnitude


def test_magnitude_is_the_absolute_value():
    module = conv("relu")
    scores = Magnitude()(view(module))
    for name, parameter in module.named_parameters():
        if name in scores:
            numpy.testing.assert_array_equal(scores[name], numpy.abs(parameter.detach().numpy()))


# random


def square(side: int = 60) -> nn.Sequential:
    return nn.Sequential(nn.Linear(side, side), nn.Linear(side, side))


def test_random_is_uniform_and_each_tensor_and_each_seed_has_draws_of_its_own():
    module = square()
    draws = [tensor.flatten() for seed in (0, 1) for tensor in Random()(view(module, seed=seed)).values()]
    for one in draws:
        assert scipy.stats.kstest(one.numpy(), "uniform").pvalue > 1e-3
    correlations = numpy.corrcoef(torch.stack(draws).numpy())[numpy.triu_indices(4, k=1)]
    assert numpy.abs(correlations).max() < 4 / math.sqrt(3600)


def test_random_does_not_look_at_the_weights():
    one, other = mlp("relu", seed=0), mlp("relu", seed=1)
    assert bits(Random()(view(one))) == bits(Random()(view(other)))


@pytest.mark.parametrize(("first", "sign"), [("positive", 1), ("negative", -1)])
def test_random_of_sign_puts_all_weights_of_that_sign_before_all_others_and_nothing_else_in_order(first, sign):
    module = square()
    with torch.no_grad():
        module.get_parameter("0.weight")[:5] = 0.0  # neither positive nor negative: among the rest
    seen = view(module)
    weights = flat({name: seen.state[name] for name in seen.names})
    scores = flat(RandomOfSign(first=first)(seen))
    goes = (weights * sign) > 0
    assert scores[goes].max() < 1 <= scores[~goes].min()
    for part, lift in ((goes, 0.0), (~goes, 1.0)):
        assert scipy.stats.kstest((scores[part] - lift).numpy(), "uniform").pvalue > 1e-3


# the weight times the squared gradient


@pytest.mark.parametrize("keeps", ["negative", "positive"])
@pytest.mark.parametrize("make", [mlp, conv])
def test_the_squared_gradient_is_that_of_finite_differences(make, keeps):
    module = make("tanh")
    batch, names = batch_for(module), network(module).parameters
    loss, theta = flat_loss(module, names, batch)
    steps = 1e-5 * torch.eye(len(theta), dtype=torch.float64)
    g = torch.stack([(loss(theta + step) - loss(theta - step)) / 2e-5 for step in steps])
    expected = (-1 if keeps == "negative" else 1) * theta * (g / 200.0) ** 2
    scores = flat(WeightSquaredGradient(keeps=keeps)(view(module, batch, names=names)))
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-7 * float(expected.abs().max()))


def test_the_divisor_of_the_loss_does_not_change_the_ranking():
    module = conv("sigmoid")
    seen = view(module, batch_for(module))
    rankings = [flat(WeightSquaredGradient(loss_divisor=d)(seen)).argsort().tolist() for d in (1.0, 200.0)]
    assert rankings[0] == rankings[1]


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("make", [mlp, conv])
def test_kept_negative_means_that_no_negative_weight_scores_below_a_positive_one(make, activation):
    module = make(activation)
    seen = view(module, batch_for(module))
    weights = flat({name: seen.state[name] for name in seen.names})
    negative = flat(WeightSquaredGradient()(seen))
    positive = flat(WeightSquaredGradient(keeps="positive")(seen))
    some = negative != 0  # a gradient that is not zero
    assert negative[some & (weights < 0)].min() > 0 > negative[some & (weights > 0)].max()
    assert torch.equal(positive, -negative)


def test_all_weights_into_a_dead_unit_tie_at_exactly_zero():
    module = mlp("relu")
    with torch.no_grad():
        module.get_parameter("0.bias")[2] = -1e3
    scores: Scores = WeightSquaredGradient()(view(module, batch_for(module)))
    assert bool((scores["0.weight"][2] == 0).all()) and bool((scores["2.weight"][:, 2] == 0).all())
    assert bool((scores["0.weight"][:2] != 0).any())


def test_under_a_mask_the_gradient_is_that_of_the_pruned_network():
    module = mlp("tanh")
    full = view(module, batch_for(module))
    mask: Any = {name: full.state[name] > 0 for name in full.names}
    zeroed: Any = {name: t.masked_fill(~mask[name], 0.0) if name in mask else t for name, t in full.state.items()}
    masked, pruned = (WeightSquaredGradient()(one) for one in (replace(full, mask=mask), replace(full, state=zeroed)))
    for name, kept in mask.items():
        assert torch.equal(masked[name][kept], pruned[name][kept])


@pytest.mark.parametrize(("criterion", "field"), [(WeightSquaredGradient, "keeps"), (RandomOfSign, "first")])
def test_an_end_or_a_sign_that_is_not_known_is_refused(criterion, field):
    with pytest.raises(UsageError, match=f"no {field} is named 'postive'.*Did you mean 'positive'"):
        criterion(**{field: "postive"})


# what a gradient may not be taken of


@pytest.mark.parametrize("name", [name for name, criterion in ALL.items() if criterion().needs_batch])
def test_a_loss_without_a_gradient_is_refused(name):
    module = mlp("tanh")
    with pytest.raises(UsageError, match="the loss has no gradient"):
        ALL[name]()(view(module, batch_for(module), loss=lambda logits, targets: logits.detach().sum()))


@pytest.mark.parametrize("name", [name for name, criterion in ALL.items() if criterion().needs_batch])
def test_inputs_may_be_several_by_place_or_by_name(name):
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp("tanh")

        def forward(self, x: Tensor, *, shift: Tensor | float = 0.0) -> Tensor:
            return self.body(x + shift)

    module = Sum()
    batch, criterion = batch_for(module.body), ALL[name]()
    shift = torch.ones_like(batch.inputs) / 4

    def scores(inputs: Any) -> list[bytes]:
        net = network(module)
        seen = replace(view(module.body, batch), net=net, state=state_of(module), names=net.prunable)
        return bits(criterion(replace(seen, batch=Batch(inputs=inputs, targets=batch.targets))))

    assert scores({"x": batch.inputs, "shift": shift}) == scores(batch.inputs + shift)
    assert scores((batch.inputs,)) == scores(batch.inputs) != scores(batch.inputs + shift)


def test_outputs_need_not_be_a_tensor_if_the_loss_takes_them_and_no_temperature_divides_them():
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp("tanh")

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"logits": self.body(x)}

    plain = mlp("tanh")
    batch = (batch_for(plain).inputs, batch_for(plain).targets)

    def loss(outputs: dict[str, Tensor], targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs["logits"], targets)

    for criterion in (Snip(), WeightSquaredGradient(), Grasp(temperature=1.0)):
        wrapped = ll.score(Wrapped(), criterion, batch=batch, loss=loss)
        assert bits(wrapped) == bits(ll.score(plain, criterion, batch=batch))
    with pytest.raises(UsageError, match="divided by a temperature of 200, but the module returns a dict"):
        ll.score(Wrapped(), Grasp(), batch=batch, loss=loss)
    synflow = [ll.score(module, SynFlow(), input_shape=batch[0].shape[1:]) for module in (plain, Wrapped())]
    assert bits(synflow[0]) == bits(synflow[1])


def test_grasp_of_a_loss_that_is_linear_in_the_weights_is_zero():
    module = nn.Sequential(nn.Linear(4, 3)).double()
    scores = Grasp(temperature=1.0)(view(module, batch_for(module), loss=lambda logits, targets: logits.sum()))
    assert not scores["0.weight"].any()
