"""SynFlow: golden values, its conservation laws, and that no layer is emptied before its time."""

import numpy
import pytest
import torch
from torch import nn

import lotterylab as ll
from lotterylab import masks
from lotterylab.criteria import SynFlow
from lotterylab.errors import UsageError
from some_views import view

W1, W2 = [[1, -2], [0.5, 1], [-3, 0.25]], [[1, 0, -1], [2, -0.5, 0.5]]


def linear_net() -> nn.Sequential:
    module = nn.Sequential(nn.Linear(2, 3, bias=False), nn.Linear(3, 2, bias=False))
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor(W1))
        module[1].weight.copy_(torch.tensor(W2))
    return module


def test_two_linear_layers_by_hand():
    """Scores |W1| * (1^T |W2|)^T x^T and |W2| * 1 (|W1| x)^T; both layers sum to R = 14.625."""
    scores = SynFlow()(view(linear_net(), shape=(2,)))
    first, second = numpy.abs(W1), numpy.abs(W2)
    ones = numpy.ones(2)
    numpy.testing.assert_allclose(scores["0.weight"], first * numpy.outer(ones @ second, ones))
    numpy.testing.assert_allclose(scores["1.weight"], second * numpy.outer(ones, first @ ones))
    assert float(scores["0.weight"].sum()) == float(scores["1.weight"].sum()) == 14.625


def deep(*, bias: bool, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=bias),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 3, bias=bias),
        nn.LeakyReLU(0.1),
        nn.Flatten(),
        nn.Linear(20, 6, bias=bias),
        nn.ReLU(),
        nn.Linear(6, 3, bias=bias),
    )


@pytest.mark.parametrize("seed", range(3))
def test_without_biases_every_layer_carries_the_whole_flow(seed):
    module = deep(bias=False, seed=seed)
    scores = SynFlow()(view(module, shape=(1, 8, 8)))
    sums = [float(scores[name].sum()) for name in scores]
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.abs_()
        flow = float(module.double()(torch.ones(1, 1, 8, 8, dtype=torch.float64)).sum())
    numpy.testing.assert_allclose(sums, flow, rtol=1e-12)


def test_with_biases_the_later_ones_make_up_the_rest():
    module = deep(bias=True)
    names = tuple(name for name, _ in module.named_parameters())
    scores = SynFlow()(view(module, shape=(1, 8, 8), names=names))
    sums = {name: float(score.sum()) for name, score in scores.items()}
    weights = [name for name in names if name.endswith("weight")]
    biases = [name for name in names if name.endswith("bias")]
    totals = [sums[name] + sum(sums[one] for one in biases[number:]) for number, name in enumerate(weights)]
    numpy.testing.assert_allclose(totals, totals[0], rtol=1e-12)


def test_each_unit_passes_on_what_it_takes_in():
    module = deep(bias=False)
    scores = SynFlow()(view(module, shape=(1, 8, 8)))
    taken = scores["6.weight"].sum(1)
    numpy.testing.assert_allclose(taken, scores["8.weight"].sum(0), rtol=1e-12)


def test_running_statistics_and_modes_stay_and_a_batch_gives_the_shape():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(27, 2)).train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    by_shape = ll.score(module, SynFlow(), input_shape=(1, 5, 5))
    by_batch = ll.score(module, SynFlow(), batch=(torch.randn(4, 1, 5, 5), torch.zeros(4)))
    assert all(torch.equal(by_shape[name], by_batch[name]) for name in by_shape)
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert all(layer.training for layer in module)
    with pytest.raises(UsageError, match="input_shape"):
        ll.score(module, SynFlow())


def test_the_scores_of_a_very_deep_network_are_finite():
    torch.manual_seed(0)
    layers = [layer for _ in range(40) for layer in (nn.Linear(100, 100, bias=False), nn.ReLU())]
    module = nn.Sequential(*layers)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(10.0)  # the flow is about 1e66, beyond float32
    scores = ll.score(module, SynFlow(), input_shape=(100,))
    assert all(bool(score.isfinite().all()) and float(score.sum()) > 1e40 for score in scores.values())


def test_what_leaves_float64_and_inputs_that_are_no_floats_are_refused():
    module = nn.Sequential(*(nn.Linear(10, 10, bias=False) for _ in range(12)))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(1e30)
    with pytest.raises(UsageError, match="sum of the outputs is inf"):
        ll.score(module, SynFlow(), input_shape=(10,))
    tokens = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(12, 2))
    with pytest.raises(UsageError, match=r"this batch's input is of torch\.int64"):
        ll.score(tokens, SynFlow(), batch=(torch.zeros(4, 3, dtype=torch.long), torch.zeros(4)))
    with pytest.raises(UsageError, match="this batch's input is a dict"):
        ll.score(tokens, SynFlow(), batch=({"x": torch.zeros(4, 3)}, torch.zeros(4)))


@pytest.mark.filterwarnings("ignore::lotterylab.errors.LotteryWarning")  # the density is chosen so low that rows go
@pytest.mark.parametrize("left", [300, 60, 12, 4])
def test_a_hundred_rounds_empty_no_layer_down_to_a_weight_each(left):
    module = deep(bias=False)
    total = sum(parameter.numel() for parameter in module.parameters())
    mask = ll.prune(module, SynFlow(), f"{total - left}/{total}", input_shape=(1, 8, 8), rounds=100)
    assert masks.kept(mask) == left
    assert all(bool(kept.any()) for kept in mask.values())
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(parameter.abs() * mask[name])
        assert bool(module(torch.ones(1, 1, 8, 8)).any()), "a path from input to output is left"


@pytest.mark.parametrize("between", [nn.LayerNorm(6), nn.Sequential(nn.BatchNorm1d(6), nn.GELU())])
def test_scores_are_absolute_where_the_flow_falls_with_a_weight(between):
    module = nn.Sequential(nn.Linear(4, 6), between, nn.Linear(6, 3)).eval()
    for name, buffer in module.named_buffers():
        if name.endswith("running_mean"):
            buffer.fill_(3.0)
    scores = ll.score(module, SynFlow(), input_shape=(4,))
    theta = {name: p.detach().abs().double().requires_grad_() for name, p in module.double().named_parameters()}
    flow = torch.func.functional_call(module, theta, (torch.ones(1, 4, dtype=torch.float64),)).sum()
    slopes = torch.autograd.grad(flow, [theta[name] for name in scores])
    assert any(bool((slope < 0).any()) for slope in slopes), "nothing falls: the test would show nothing"
    for (name, score), slope in zip(scores.items(), slopes, strict=True):
        torch.testing.assert_close(score, (theta[name].detach() * slope).abs())
