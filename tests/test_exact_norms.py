"""Batch statistics of channels-last images, against float64 and against torch's own norm of the default layout."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import batch_norm

import lotterylab as ll
from lotterylab.calling.exact_norms import exact_norms, is_channels_last
from lotterylab.data import Digits
from lotterylab.data.loader import Loader
from lotterylab.engine.context import fast_path
from lotterylab.models import LeNet300100, ShallowCnn
from lotterylab.network import network, state_of
from lotterylab.training.loop import train
from some_plans import RECIPE

LAST = torch.channels_last


def images(seed: int, size: tuple[int, int, int, int], mean: float, sd: float) -> Tensor:
    return (torch.randn(size, generator=torch.Generator().manual_seed(seed)) * sd + mean).contiguous(memory_format=LAST)


@given(
    seed=st.integers(0, 99),
    size=st.sampled_from([(128, 4, 32, 32), (512, 8, 28, 28), (3, 16, 5, 7), (2, 2, 1, 2), (64, 33, 9, 9)]),
    mean=st.sampled_from([0.0, 0.3, 30.0]),
    sd=st.sampled_from([0.1, 1.0, 10.0]),
)
@settings(max_examples=30, deadline=None)
def test_running_statistics_and_outputs_are_those_of_float64(seed, size, mean, sd):
    x = images(seed, size, mean, sd)
    norm, wide = nn.BatchNorm2d(size[1], momentum=0.5), nn.BatchNorm2d(size[1], momentum=0.5).double()
    with exact_norms():
        got = norm.train()(x)
    want = wide.train()(x.double())
    rounding = 1e-6 * (1 + mean / sd)
    assert ((norm.running_mean - wide.running_mean).abs() / (sd + mean)).max() < 1e-6  # type: ignore[operator]
    assert ((norm.running_var - wide.running_var).abs() / wide.running_var).max() < rounding  # type: ignore[operator]
    assert (got - want).abs().max() < 20 * rounding


def test_torch_s_own_statistics_of_this_layout_are_off_by_more():
    """If this fails, torch has mended its kernel, and ``exact_norms`` can go."""
    x = images(0, (512, 8, 28, 28), 3.0, 0.1)
    mean = torch.zeros(8)
    batch_norm(x, mean, torch.ones(8), None, None, True, 1.0)
    assert (mean - x.double().mean((0, 2, 3))).abs().max() > 1e-5


@pytest.mark.parametrize("affine", [True, False])
def test_first_and_second_derivatives_are_those_of_the_default_layout(affine):
    x, draw = images(1, (8, 3, 6, 6), 0.5, 1.0), torch.Generator().manual_seed(2)
    parts = [torch.rand(3, generator=draw) + 0.5, torch.randn(3, generator=draw)] if affine else []
    slope = torch.randn(x.shape, generator=draw)

    def derivatives(inputs: Tensor) -> list[Tensor]:
        leaves = [tensor.clone().requires_grad_() for tensor in (inputs, *parts)]
        weight, bias = leaves[1:] if affine else (None, None)
        out = batch_norm(leaves[0], None, None, weight, bias, True)
        first = torch.autograd.grad((out.tanh() * slope).sum(), leaves, create_graph=True)
        return [*first, *torch.autograd.grad(sum(g.square().sum() for g in first), leaves)]  # type: ignore[arg-type]

    with exact_norms():
        got = derivatives(x)
    for ours, theirs in zip(got, derivatives(x.contiguous()), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def network_with_norm(**options: Any) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8, **options), nn.ReLU(), nn.Flatten(), nn.Linear(8192, 2)
    )


@pytest.mark.parametrize("options", [{}, {"momentum": None}, {"affine": False}], ids=str)
def test_a_pass_in_the_context_moves_statistics_as_float64_would(options):
    module = network_with_norm(**options)
    x = images(3, (128, 3, 32, 32), 3.0, 0.5)
    assert is_channels_last(x) and not is_channels_last(x.contiguous()) and not is_channels_last(x.double())
    with exact_norms():
        _, after = network(module).forward(state_of(module), x, True)
    wide = network_with_norm(**options).double().train()
    wide(x.double())
    for name in ("1.running_mean", "1.running_var"):
        want = wide.state_dict()[name]
        assert ((after[name] - want).abs() / want.abs().clamp(min=0.1)).max() < 2e-6
    assert int(after["1.num_batches_tracked"]) == 1


def statistics_after_one_step(*, channels_last: bool) -> tuple[Tensor, Tensor]:
    """The running mean of the first norm after a step on 1,000 images, and that of float64."""
    data, model = Digits(train=1000, validation=10, test=10).load(None), ShallowCnn(shape=(1, 8, 8), batch_norm=True)
    recipe = replace(RECIPE, epochs=0, steps=1, pick=None)
    loader = Loader(data, augment=recipe.augment, stream=recipe.stream, seed=0, batch_size=1000)
    start = model.initial(0, "init", "named")
    *_, last = train(network(model.build()), start, None, loader, recipe, channels_last=channels_last)
    wide = model.build().double()
    wide.load_state_dict(start)
    wide.train()(next(iter(loader.batches(0))).inputs.double())
    return last.state["norm1.running_mean"], wide.state_dict()["norm1.running_mean"]


def test_the_fast_path_of_the_engine_has_exact_statistics_and_the_plain_one_those_of_torch():
    exact, want = statistics_after_one_step(channels_last=True)
    assert (exact - want).abs().max() < 1e-7
    plain, _ = statistics_after_one_step(channels_last=False)
    assert 1e-7 < (plain - want).abs().max() < 1e-4


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (ShallowCnn(batch_norm=True, activation="gelu"), "channels-last, exact norms"),
        (ShallowCnn(activation="gelu"), "channels-last"),
        (LeNet300100(), "channels-last"),
    ],
    ids=repr,
)
def test_the_facts_of_a_run_say_so(model, path):
    assert fast_path(model) == path


def test_images_in_the_default_layout_keep_torch_s_own_bits():
    module = network_with_norm()
    x = images(4, (16, 3, 32, 32), 0.0, 1.0).contiguous()
    with exact_norms():
        ours, _ = network(module).forward(state_of(module), x, True)
    assert torch.equal(ours, network_with_norm().train()(x))


def test_a_compiled_module_has_the_derivatives_of_the_module():
    """The compiler differentiates a function of autograd once, so GraSP would be wrong if it saw one."""
    module = network_with_norm().train()
    batch = images(5, (16, 3, 32, 32), 0.0, 1.0), torch.arange(16) % 2
    plain = ll.score(module, ll.criteria.Grasp(), batch=batch)
    with exact_norms():
        compiled = ll.score(torch.compile(module, backend="eager"), ll.criteria.Grasp(), batch=batch)  # type: ignore[arg-type]
    for ours, theirs in zip(compiled.values(), plain.values(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0.01, atol=float(theirs.abs().max()) * 1e-3)
