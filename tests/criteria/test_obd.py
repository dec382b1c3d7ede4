"""OBD against an explicit Hessian, the increase of convex losses, and the variance of Hutchinson's estimate."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lotterylab.criteria import Obd
from lotterylab.criteria import obd as home
from lotterylab.errors import UsageError
from lotterylab.network import network
from lotterylab.types import Batch
from some_views import ACTIVATIONS, batch_for, conv, flat, flat_loss, mlp, view

NETWORKS = [pytest.param(make, act, id=f"{make.__name__}-{act}") for make in (mlp, conv) for act in ACTIVATIONS]


def hessian(module: nn.Module, names: tuple[str, ...], batch: Batch) -> tuple[Tensor, Tensor]:
    """The whole Hessian, written down, and the weights."""
    loss, theta = flat_loss(module, names, batch)
    return cast(Tensor, torch.autograd.functional.hessian(loss, theta)), theta


def close(found: Tensor, expected: Tensor, rtol: float) -> None:
    torch.testing.assert_close(found, expected, rtol=rtol, atol=rtol * float(expected.abs().max()))


@pytest.mark.parametrize("biases", [False, True], ids=["weights", "all"])
@pytest.mark.parametrize(("make", "activation"), NETWORKS)
def test_the_exact_diagonal_is_that_of_the_explicit_hessian(make, activation, biases):
    module = make(activation)
    batch, net = batch_for(module), network(module)
    names = net.parameters if biases else net.prunable
    matrix, theta = hessian(module, names, batch)
    expected = matrix.diagonal() * theta**2 / 2
    assert bool((expected != 0).any())
    close(flat(Obd(draws=None)(view(module, batch, names=names))), expected, rtol=1e-9)


def test_the_estimate_errs_as_hutchinsons_variance_says():
    module, draws = mlp("tanh"), 400
    batch, names = batch_for(module), network(module).prunable
    matrix, theta = hessian(module, names, batch)
    error = flat(Obd(draws=draws)(view(module, batch))) - matrix.diagonal() * theta**2 / 2
    off = (matrix - matrix.diagonal().diag()).square().sum(1).sqrt()
    z = error / (off * theta**2 / 2 / math.sqrt(draws))
    assert float(z.abs().max()) < 5, "42 weights, each within five standard errors"
    assert 0.5 < float(z.square().mean()) < 2


def test_a_diagonal_hessian_is_estimated_exactly_by_one_draw():
    module = nn.Sequential(nn.Linear(4, 1, bias=False)).double()
    batch = Batch(inputs=torch.eye(4).double(), targets=torch.zeros(4).double())

    def half_squared(outputs: Tensor, targets: Tensor) -> Tensor:
        return 0.5 * (outputs[:, 0] - targets).square().sum()

    for draws in (1, None):
        scores = flat(Obd(draws=draws)(view(module, batch, loss=half_squared)))
        close(scores, flat({"": module.get_parameter("0.weight")}) ** 2 / 2, rtol=1e-12)


def at_the_minimum(loss: Any, size: int) -> Tensor:
    """The minimum of a convex loss of a vector, by Newton's method."""
    theta = torch.zeros(size, dtype=torch.float64)
    for _ in range(20):
        matrix = cast(Tensor, torch.autograd.functional.hessian(loss, theta))
        theta = theta - torch.linalg.lstsq(matrix, torch.func.grad(loss)(theta)[:, None]).solution[:, 0]
    assert float(torch.func.grad(loss)(theta).abs().max()) < 1e-9
    return theta


def regression(inputs: Tensor, targets: Tensor, loss: Any, outputs: int) -> tuple[nn.Sequential, Any]:
    """A linear model at the minimum of ``loss``, and the loss as a function of its flat weights."""

    def of(vector: Tensor) -> Tensor:
        return loss(inputs @ vector.view(outputs, -1).T, targets)

    module = nn.Sequential(nn.Linear(inputs.shape[1], outputs, bias=False)).double()
    with torch.no_grad():
        module.get_parameter("0.weight").copy_(at_the_minimum(of, outputs * inputs.shape[1]).view(outputs, -1))
    return module, of


def increases(module: nn.Module, of: Any) -> Tensor:
    """The increase of the loss when each weight alone is set to 0."""
    theta = flat({"": module.get_parameter("0.weight")})
    without = theta.repeat(len(theta), 1)
    without.fill_diagonal_(0.0)
    return torch.stack([of(row) for row in without]) - of(theta)


def test_at_the_minimum_of_a_quadratic_loss_it_is_the_increase_of_the_loss():
    draw = torch.Generator().manual_seed(0)
    inputs, targets = (torch.randn(30, size, generator=draw, dtype=torch.float64) for size in (5, 2))
    module, of = regression(inputs, targets, nn.functional.mse_loss, 2)
    scores = flat(Obd(draws=None)(view(module, Batch(inputs=inputs, targets=targets), loss=nn.functional.mse_loss)))
    close(scores, increases(module, of), rtol=1e-9)


def test_at_the_minimum_of_a_convex_loss_it_is_the_increase_for_small_weights():
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(300, 5, generator=draw, dtype=torch.float64)
    targets = torch.randint(3, (300,), generator=draw)  # no relation, so that all weights are small
    module, of = regression(inputs, targets, cross_entropy, 3)
    assert float(module.get_parameter("0.weight").detach().abs().max()) < 0.2
    scores = flat(Obd(draws=None)(view(module, Batch(inputs=inputs, targets=targets))))
    close(scores, increases(module, of), rtol=0.05)


def test_removed_weights_take_no_part():
    module = mlp("tanh")
    batch, names = batch_for(module), network(module).prunable
    mask: Any = {name: module.get_parameter(name).detach() > 0 for name in names}
    kept = flat(mask).bool()
    with torch.no_grad():
        for name in names:
            module.get_parameter(name).mul_(mask[name])
    matrix, theta = hessian(module, names, batch)
    expected = (matrix.diagonal() * theta**2 / 2).where(kept, 0.0)
    close(flat(Obd(draws=None)(view(module, batch, mask=mask))), expected, rtol=1e-9)


def test_a_loss_that_is_linear_in_the_weights_has_no_curvature():
    module = nn.Sequential(nn.Linear(4, 3)).double()
    for draws in (None, 3):
        assert not Obd(draws=draws)(view(module, batch_for(module), loss=lambda logits, _: logits.sum()))[
            "0.weight"
        ].any()


@pytest.mark.parametrize("draws", [0, -1])
def test_no_draw_is_refused(draws):
    with pytest.raises(UsageError, match=rf"draws={draws}: give at least 1, or None"):
        Obd(draws=draws)


def test_an_exact_diagonal_of_many_weights_is_refused(monkeypatch):
    monkeypatch.setattr(home, "MOST_EXACT", 41)
    module = mlp("tanh")
    with pytest.raises(UsageError, match=r"each of 42 weights, and 41 are the limit.*Obd\(draws=100\)"):
        Obd(draws=None)(view(module, batch_for(module)))
