"""Float32 and the same bits on a GPU; the switches that this takes are given back."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import conv2d

import some_plans
from lotterylab.engine.exact import exact
from lotterylab.engine.here import run_here
from lotterylab.engine.local import run
from lotterylab.engine.store import Store
from lotterylab.models import ResNet
from lotterylab.plan.nodes import At, Dense, Init
from some_plans import PLANS, RECIPE, hashes

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
RESNET = ResNet(depth=8, width=0.25, shape=(1, 8, 8), classes=10)
# half a residual network's training, and all of it
NORMALISED = some_plans.train(Dense(model=RESNET), start=Init(model=RESNET, seed=0), recipe=replace(RECIPE, pick=None))
HALF = At(run=NORMALISED, point=8)


def switches() -> tuple[object, ...]:
    cudnn = torch.backends.cudnn
    return (
        cudnn.deterministic,
        cudnn.benchmark,
        cudnn.conv.fp32_precision,
        cudnn.rnn.fp32_precision,
        torch.backends.cuda.matmul.fp32_precision,
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
    )


def test_the_switches_are_set_for_a_gpu_and_given_back_whatever_happens():
    before = switches()
    with pytest.raises(ZeroDivisionError), exact("cuda"):
        assert switches() == (True, False, "ieee", "ieee", "ieee", True, True, False)
        raise ZeroDivisionError
    assert switches() == before
    with exact("cpu"):
        assert switches() == before


def test_who_wants_errors_instead_of_warnings_keeps_them():
    torch.use_deterministic_algorithms(True)
    try:
        with exact("cuda"):
            assert not torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_it_is_one_thread_for_as_long_as_it_lasts(device):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with exact(device):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@needs_gpu
def test_float32_on_a_gpu_has_all_its_bits():
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(8, 64, 16, 16, generator=draw, dtype=torch.float64)
    weight = torch.randn(64, 64, 3, 3, generator=draw, dtype=torch.float64)
    truth = conv2d(images, weight)
    with exact("cuda"):
        found = conv2d(images.float().cuda(), weight.float().cuda()).cpu().double()
        product = (images[:, 0].reshape(64, -1).float().cuda() @ images[:, 1].reshape(64, -1).T.float().cuda()).cpu()
    assert float((found - truth).abs().max() / truth.abs().max()) < 1e-6  # with TensorFloat-32 3e-4
    assert torch.allclose(product.double(), images[:, 0].reshape(64, -1) @ images[:, 1].reshape(64, -1).T, atol=1e-4)


@needs_gpu
@pytest.mark.filterwarnings("default:.*does not have a deterministic implementation")
def test_a_gpu_gives_the_same_bits_here_and_in_workers_straight_and_in_two_parts(tmp_path):
    targets = (*PLANS["whole"], NORMALISED)
    one, two, parts = (Store(tmp_path / name) for name in ("one", "two", "parts"))
    assert not run_here(targets, one, device="cuda").failed
    assert not run(targets, two, workers=2, device="cuda").failed
    assert hashes(one) == hashes(two)
    run_here([HALF], parts, device="cuda")
    run_here([NORMALISED], parts, device="cuda")
    assert parts.record(NORMALISED.digest).blobs == one.record(NORMALISED.digest).blobs
    assert one.record(NORMALISED.digest).facts["device"] == torch.cuda.get_device_name(0)


@needs_gpu
def test_a_gpu_takes_the_steps_that_the_cpu_takes(tmp_path):
    gpu, cpu = Store(tmp_path / "gpu"), Store(tmp_path / "cpu")
    first = At(run=NORMALISED, point=2)
    run_here([first], gpu, device="cuda")
    run_here([first], cpu)
    ours, theirs = (store.get(store.record(first.digest).blobs["state"]) for store in (gpu, cpu))
    for name, tensor in theirs.items():
        assert torch.allclose(ours[name].float(), tensor.float(), rtol=1e-3, atol=1e-4), name
