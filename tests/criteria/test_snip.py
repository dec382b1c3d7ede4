"""SNIP against finite differences, closed forms and its invariances."""

import numpy
import pytest
import torch
from torch import nn

from lotterylab import masks
from lotterylab.criteria import Snip
from some_views import ACTIVATIONS, batch_for, conv, flat, flat_loss, mlp, view


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("network", [mlp, conv])
def test_the_score_is_the_derivative_by_a_gate_at_one(network, activation):
    module = network(activation)
    seen = view(module, batch_for(module))
    loss, theta = flat_loss(module, seen.names, seen.batch)
    step = 1e-6
    differences = []
    for entry in range(len(theta)):
        gate = torch.ones_like(theta)
        gate[entry] += step
        up = loss(theta * gate)
        gate[entry] -= 2 * step
        differences.append(abs(float(up - loss(theta * gate)) / (2 * step)))
    numpy.testing.assert_allclose(flat(Snip()(seen)).numpy(), differences, atol=2e-9)


def test_a_softmax_layer_by_hand():
    """|W * (p - y) x^T| for W = [[1, 0], [0, 1], [-1, 1]], x = (1, 2), target 2."""
    module = nn.Sequential(nn.Linear(2, 3, bias=False)).double()
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0]]))
    batch = batch_for(mlp("tanh"))
    batch = type(batch)(inputs=torch.tensor([[1.0, 2.0]], dtype=torch.float64), targets=torch.tensor([2]))
    scores = Snip()(view(module, batch))["0.weight"]
    expected = [[0.21194156, 0.0], [0.0, 1.15223377], [0.78805844, 1.57611688]]
    numpy.testing.assert_allclose(scores.numpy(), expected, atol=1e-8)


@pytest.mark.parametrize("factor", [0.25, 3.0])
def test_rescaling_a_relu_unit_changes_no_score(factor):
    module, other = mlp("relu"), mlp("relu")
    with torch.no_grad():
        other[0].weight[2] *= factor
        other[0].bias[2] *= factor
        other[2].weight[:, 2] /= factor
    scores, scaled = (Snip()(view(one, batch_for(module))) for one in (module, other))
    for name in scores:
        numpy.testing.assert_allclose(scores[name].numpy(), scaled[name].numpy(), rtol=1e-12)


def test_a_pruned_weight_scores_zero_and_the_rest_is_scored_without_it():
    module = mlp("tanh")
    mask = masks.ones(dict(module.named_parameters()), ["0.weight", "2.weight"])
    mask["0.weight"][0] = False
    scores = Snip()(view(module, batch_for(module), mask=mask))
    assert not scores["0.weight"][0].any()
    pruned = mlp("tanh")
    with torch.no_grad():
        pruned[0].weight[0] = 0.0
    again = Snip()(view(pruned, batch_for(module)))
    numpy.testing.assert_allclose(scores["2.weight"].numpy(), again["2.weight"].numpy(), rtol=1e-12)


def test_a_weight_that_no_path_uses_scores_zero():
    module = mlp("tanh")
    module.unused = nn.Linear(2, 2).double()
    module.forward = lambda inputs: module[2](module[1](module[0](inputs)))
    scores = Snip()(view(module, batch_for(module)))
    assert "unused.weight" in scores and not scores["unused.weight"].any()
