"""Saturation, gradient flow and Jacobians against NumPy, autograd and the paper's equations."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from lotterylab.analysis import Activations, GradientFlow, JacobianSingularValues
from lotterylab.analysis.gradient_flow import flow
from lotterylab.analysis.saturation import slope
from lotterylab.data import Digits
from lotterylab.data.normalise import Normalise
from lotterylab.errors import UsageError
from lotterylab.models import Mlp, ShallowCnn
from lotterylab.network import network, state_of

DATA = Digits(train=120, validation=40, test=60).load(None)


def mlp(activation, widths=(12, 9), **changes):
    model = Mlp(activation=activation, shape=(1, 8, 8), widths=widths, **changes)
    return model, model.initial(0, "init", "named"), network(model.build())


def hidden(model, state, images):
    """NumPy's forward pass: s and h of each hidden layer."""
    h = Normalise.of(DATA)(images.permute(0, 2, 3, 1)).flatten(1).double().numpy()
    functions = {
        "tanh": np.tanh,
        "sigmoid": lambda s: 1 / (1 + np.exp(-s)),
        "softsign": lambda s: s / (1 + np.abs(s)),
        "relu": lambda s: np.maximum(s, 0),
    }
    for number in range(len(model.widths)):
        weight, bias = (state[f"fc.{number}.{part}"].double().numpy() for part in ("weight", "bias"))
        s = h @ weight.T + bias
        h = functions[model.activation](s)
        yield f"fc.{number}.weight", s, h


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softsign", "relu"])
def test_values_of_units_are_numpy_s(activation):
    model, state, net = mlp(activation)
    state = {name: 3 * one for name, one in state.items()}  # so that some of them saturate
    found = Activations(activation=activation, images=40, bins=10)({"state": state}, {"state": net}, DATA)
    saturated = {
        "tanh": lambda s, h: 1 - h**2 <= 0.05,
        "sigmoid": lambda s, h: h * (1 - h) <= 0.05 * 0.25,
        "softsign": lambda s, h: 1 / (1 + np.abs(s)) ** 2 <= 0.05,
        "relu": lambda s, h: s <= 0,
    }
    for name, s, h in hidden(model, state, DATA.test.images[:40]):
        assert found["mean"][name] == pytest.approx(h.mean(), abs=1e-5)
        assert found["std"][name] == pytest.approx(h.std(ddof=1), abs=1e-5)
        assert found["percentile_2"][name] == pytest.approx(np.percentile(h, 2), abs=1e-4)
        assert found["percentile_98"][name] == pytest.approx(np.percentile(h, 98), abs=1e-4)
        assert found["saturated"][name] == pytest.approx(saturated[activation](s, h).mean(), abs=0.01)
        counts, _ = np.histogram(h, 10, (found["low"][name], found["high"][name]))
        assert np.abs(np.array(found["histogram"][name]) - counts).sum() <= 4  # a value on an edge may fall either way
    bounded = {"tanh": (-1, 1), "sigmoid": (0, 1), "softsign": (-1, 1)}
    if activation in bounded:
        assert (found["low"]["fc.0.weight"], found["high"]["fc.0.weight"]) == bounded[activation]


def test_the_numbers_of_the_docstring_are_where_slopes_are_a_twentieth():
    assert slope("tanh", torch.tensor([math.atanh(0.975)], dtype=torch.float64)).item() == pytest.approx(0.05, abs=1e-3)
    assert slope("sigmoid", torch.tensor([math.log(0.987 / 0.013)])).item() == pytest.approx(0.05 / 4, abs=5e-4)
    assert slope("softsign", torch.tensor([0.776 / 0.224])).item() == pytest.approx(0.05, abs=1e-3)


def linear_net(widths, scale, seed):
    """A linear network without biases, weights uniform on [-scale(in, out), scale(in, out)], in float64."""
    torch.manual_seed(seed)
    layers = [nn.Linear(i, o, bias=False).double() for i, o in pairwise(widths)]
    for layer in layers:
        bound = scale(layer.in_features, layer.out_features)
        nn.init.uniform_(layer.weight, -bound, bound)
    return nn.Sequential(*layers)


STANDARD = (lambda i, o: 1 / math.sqrt(i), 1 / 3)
NORMALIZED = (lambda i, o: math.sqrt(6 / (i + o)), 1.0)


@pytest.mark.parametrize(("scale", "ratio"), [STANDARD, NORMALIZED], ids=["standard", "normalized"])
def test_variances_of_the_linear_case_follow_the_equations(scale, ratio):
    """n Var[W] = 1/3 or 1 from layer to layer, forward (eq. 5) and backward (eq. 6); of dCost/dW the same in every
    layer (eq. 14).  By Monte Carlo: widths of 200, 12 draws."""
    width, depth, draws = 200, 5, 12
    forward, backward, own = (np.zeros((draws, depth)) for _ in range(3))
    for draw in range(draws):
        net = linear_net([width] * (depth + 1), scale, draw)
        inputs = torch.randn(200, width, dtype=torch.float64)
        found = flow(network(net), state_of(net), inputs, torch.randint(width, (200,)))
        for into, name in (
            (forward, "forward_variance"),
            (backward, "backward_variance"),
            (own, "weight_gradient_variance"),
        ):
            into[draw] = list(found[name].values())
    up, down = forward[:, 1:] / forward[:, :-1], backward[:, :-1] / backward[:, 1:]
    assert up.mean() == pytest.approx(ratio, rel=0.05) and down.mean() == pytest.approx(ratio, rel=0.05)
    level = own.mean(0) / own.mean()
    assert np.abs(level - 1).max() < 0.15, "the variance of weight gradients does not depend on the layer"


def test_gradients_are_autograd_s():
    _, state, net = mlp("tanh")
    found = GradientFlow(images=30)({"state": state}, {"state": net}, DATA)
    inputs = Normalise.of(DATA)(DATA.train.images[:30].permute(0, 2, 3, 1)).flatten(1).double()
    w = {name: one.double().requires_grad_() for name, one in state.items()}
    s0 = inputs @ w["fc.0.weight"].T + w["fc.0.bias"]
    s1 = torch.tanh(s0) @ w["fc.1.weight"].T + w["fc.1.bias"]
    s2 = torch.tanh(s1) @ w["fc.2.weight"].T + w["fc.2.bias"]
    each = nn.functional.cross_entropy(s2, DATA.train.labels[:30], reduction="sum")  # gradients of single images
    slopes = torch.autograd.grad(each, [s0, s1, s2, w["fc.0.weight"]])
    for name, one in zip(("fc.0.weight", "fc.1.weight", "fc.2.weight"), slopes, strict=False):
        assert found["backward_variance"][name] == pytest.approx(float(one.var()), rel=1e-4)
    own = float((slopes[3] / 30).var())
    assert found["weight_gradient_variance"]["fc.0.weight"] == pytest.approx(own, rel=1e-4)


def test_singular_values_are_those_of_autograd_s_jacobian():
    model, state, net = mlp("tanh", widths=(7, 5))
    found = JacobianSingularValues(activation="tanh", images=4)({"state": state}, {"state": net}, DATA)
    z = Normalise.of(DATA)(DATA.test.images[:4].permute(0, 2, 3, 1)).flatten(1).double()
    for number in range(2):
        weight, bias = (state[f"fc.{number}.{part}"].double() for part in ("weight", "bias"))
        jacobians = [
            torch.autograd.functional.jacobian(lambda one, w=weight, b=bias: torch.tanh(w @ one + b), one) for one in z
        ]
        values = np.array([np.linalg.svd(one.numpy(), compute_uv=False) for one in jacobians])
        assert found["mean"][f"fc.{number}.weight"] == pytest.approx(values.mean(), rel=1e-5)
        assert found["largest"][f"fc.{number}.weight"] == pytest.approx(values[:, 0].mean(), rel=1e-5)
        z = torch.tanh(z @ weight.T + bias)
    assert len(model.widths) == 2


def test_the_normalized_initialisation_stretches_more_than_the_standard_one():
    """The paper: mean singular values of about 0.8 and 0.5 (tanh); here of square layers of 200 units."""
    means = {}
    for init in ("glorot-heuristic", "glorot-normalized"):
        _, state, net = mlp("tanh", widths=(200,) * 4, init=init)
        found = JacobianSingularValues(activation="tanh", images=3)({"state": state}, {"state": net}, DATA)
        means[init] = np.mean(list(found["mean"].values())[1:])
    assert means["glorot-heuristic"] == pytest.approx(0.5, abs=0.06)
    assert means["glorot-normalized"] == pytest.approx(0.8, abs=0.1)


def test_convolutions_have_no_such_jacobian():
    model = ShallowCnn(activation="tanh", shape=(1, 8, 8), widths=(2, 3, 4))
    with pytest.raises(UsageError, match="only the Jacobian of a linear layer"):
        JacobianSingularValues(activation="tanh")(
            {"state": model.initial(0, "init", "named")}, {"state": network(model.build())}, DATA
        )


def test_of_a_network_that_diverged_there_are_no_numbers():
    spec = Mlp(activation="tanh", shape=(1, 8, 8), widths=(5,))
    net, state = network(spec.build()), spec.initial(0, "init", "named")
    state["fc.0.weight"][0, 0] = torch.nan
    found = Activations(activation="tanh", images=10, bins=4)({"state": state}, {"state": net}, DATA)
    assert found["std"] == {"fc.0.weight": None} and found["histogram"] == {"fc.0.weight": None}
