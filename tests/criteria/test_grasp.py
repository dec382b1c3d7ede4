"""GraSP against an explicit Hessian, a closed form and finite differences."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lotterylab import masks
from lotterylab.criteria import Grasp
from lotterylab.errors import UsageError
from lotterylab.network import network
from lotterylab.types import Batch, Mask
from some_views import ACTIVATIONS, batch_for, conv, flat, flat_loss, mlp, view, with_norm

NETWORKS = [pytest.param(make, act, id=f"{make.__name__}-{act}") for make in (mlp, conv) for act in ACTIVATIONS]


def explicit(module: nn.Module, names: tuple[str, ...], batch: Batch, temperature: float) -> Tensor:
    """theta * (H g), with the whole Hessian written down."""
    loss, theta = flat_loss(module, names, batch, temperature)
    hessian = cast(Tensor, torch.autograd.functional.hessian(loss, theta))
    return theta * (hessian @ torch.func.grad(loss)(theta))


@pytest.mark.parametrize("temperature", [1.0, 200.0])
@pytest.mark.parametrize("biases", [False, True], ids=["weights", "all"])
@pytest.mark.parametrize(("make", "activation"), NETWORKS)
def test_the_score_is_theta_times_hessian_times_gradient(make, activation, biases, temperature):
    module = make(activation)
    batch, net = batch_for(module), network(module)
    names = net.parameters if biases else net.prunable
    scores = Grasp(temperature=temperature)(view(module, batch, names=names))
    expected = explicit(module, names, batch, temperature)
    assert len(expected) <= 100 and bool((expected != 0).any())
    torch.testing.assert_close(flat(scores), expected, rtol=1e-9, atol=1e-11 * float(expected.abs().max()))


def linear(weights: list[float]) -> nn.Sequential:
    module = nn.Sequential(nn.Linear(len(weights), 1, bias=False)).double()
    with torch.no_grad():
        module.get_parameter("0.weight").copy_(torch.tensor([weights]))
    return module


def half_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return 0.5 * (outputs[:, 0] - targets).square().mean()


def test_of_a_linear_model_it_is_the_negative_of_the_papers_minus_x2_w_g():
    batch = Batch(inputs=torch.tensor([[1.0, 2.0, -2.0]]).double(), targets=torch.tensor([1.0]).double())
    scores = Grasp(temperature=1.0)(view(linear([2.0, -1.0, 0.5]), batch, loss=half_squared_error))
    # r = w.x - y = -2, g = r x, H g = |x|^2 g = 9 g; the paper's S = -w * (H g) is (36, -36, -18), and its highest goes
    torch.testing.assert_close(flat(scores), torch.tensor([-36.0, 36.0, 18.0]).double(), rtol=1e-14, atol=0)


@pytest.mark.parametrize("make", [mlp, conv])
def test_shrinking_a_weight_changes_the_squared_gradient_norm_by_minus_twice_its_score(make):
    module = make("tanh")
    batch = batch_for(module)
    names = network(module).prunable
    loss, theta = flat_loss(module, names, batch)

    def flow(vector: Tensor) -> Tensor:
        return torch.func.grad(loss)(vector).square().sum()

    scores, step = flat(Grasp(temperature=1.0)(view(module, batch))), 1e-5
    for q in range(len(theta)):
        towards_zero = torch.zeros_like(theta)
        towards_zero[q] = -step * theta[q]
        slope = (flow(theta + towards_zero) - flow(theta - towards_zero)) / (2 * step)
        assert float(slope) == pytest.approx(-2 * float(scores[q]), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("chunks", [1, 2, 3, 6])
def test_without_batch_norm_the_sum_over_equal_chunks_is_the_score_of_the_whole_batch(chunks):
    module = conv("softplus")
    batch, theta = batch_for(module), list(module.parameters())[::2]  # the weights
    parts = list(zip(batch.inputs.chunk(chunks), batch.targets.chunk(chunks), strict=True))

    def gradient(inputs: Tensor, targets: Tensor) -> Any:
        return torch.autograd.grad(cross_entropy(module(inputs) / 200.0, targets), theta, create_graph=True)

    total = [sum(gs) / chunks for gs in zip(*(gradient(*part) for part in parts), strict=True)]
    hg = [torch.zeros_like(t) for t in theta]
    for part in parts:
        flow = sum((g * stop.detach()).sum() for g, stop in zip(gradient(*part), total, strict=True))
        hg = [a + b / chunks for a, b in zip(hg, torch.autograd.grad(cast(Tensor, flow), theta), strict=True)]
    expected = torch.cat([(t.detach() * h).flatten() for t, h in zip(theta, hg, strict=True)])
    scores = flat(Grasp()(view(module, batch)))
    torch.testing.assert_close(scores, expected, rtol=1e-9, atol=1e-11 * float(scores.abs().max()))


def test_the_temperature_divides_the_logits_and_so_changes_the_ranking():
    module = mlp("tanh", seed=3)
    batch = batch_for(module)

    def scores(temperature: float, **fields: Any) -> Tensor:
        return flat(Grasp(temperature=temperature)(view(module, batch, **fields)))

    def cooled(logits: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(logits / 200.0, targets)

    def divided(logits: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(logits, targets) / 200.0

    torch.testing.assert_close(scores(200.0), scores(1.0, loss=cooled), rtol=1e-12, atol=0)
    assert scores(1.0).argsort().tolist() != scores(200.0).argsort().tolist()
    assert scores(1.0).argsort().tolist() == scores(1.0, loss=divided).argsort().tolist()
    torch.testing.assert_close(scores(1.0, loss=divided), scores(1.0) / 200.0**2, rtol=1e-12, atol=0)


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_batch_norm_is_left_as_it_was(train):
    module = with_norm()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    seen = view(module, batch_for(module), train=train)
    Grasp()(seen)
    for name, tensor in before.items():
        assert torch.equal(seen.state[name], tensor) and torch.equal(module.state_dict()[name], tensor), name


def test_the_mode_of_the_module_decides_which_statistics_batch_norm_uses():
    module = with_norm()
    in_train, in_eval = (flat(Grasp()(view(module, batch_for(module), train=train))) for train in (True, False))
    assert not torch.allclose(in_train, in_eval)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    low = mlp("sigmoid").to(dtype)
    batch = batch_for(low)
    scores = Grasp()(view(low, batch))
    high = Grasp()(view(low.float(), Batch(inputs=batch.inputs.float(), targets=batch.targets)))
    assert {tensor.dtype for tensor in scores.values()} == {torch.float32}
    assert torch.equal(flat(scores), flat(high))


@pytest.mark.parametrize(("make", "activation"), NETWORKS)
def test_under_a_mask_the_hessian_and_the_gradient_are_those_of_the_kept_weights_alone(make, activation):
    module = make(activation)
    draw = torch.Generator().manual_seed(1)
    full = view(module, batch_for(module))
    mask = Mask({name: torch.rand(full.state[name].shape, generator=draw) < 0.6 for name in full.names})
    masked = Grasp(temperature=2.0)(view(module, full.batch, mask=mask))
    masks.apply(module, mask)
    loss, theta = flat_loss(module, full.names, cast(Batch, full.batch), 2.0)
    kept = flat(mask)
    hessian, g = cast(Tensor, torch.autograd.functional.hessian(loss, theta)), torch.func.grad(loss)(theta)
    expected = theta * (hessian[:, kept] @ g[kept])  # and zero where theta is
    torch.testing.assert_close(flat(masked), expected, rtol=1e-9, atol=1e-11 * float(expected.abs().max()))


def test_without_data_it_says_who_needs_them():
    with pytest.raises(UsageError, match="Grasp scores by gradients and needs data"):
        Grasp()(view(mlp("relu")))
