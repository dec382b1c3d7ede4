"""Whole 3 x 3 convolutions by patches agree with torch at every size, and so does the kernel of every vector length."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import nn

from lotterylab.data import Augment
from lotterylab.kernels import build
from lotterylab.training.conv_layout import Size, kernel_of
from some_chains import by_kernel, chain, largest, masked, needs_compiler
from some_trainings import RECIPE, InFloat64, checkpoints, half
from training.test_conv_step import agree, odd

pytestmark = needs_compiler


def wide(before: int, after: int, *, first: int = 1, pad: int = 1, norm: bool = False) -> nn.Sequential:
    """A convolution of 3 x 3 behind one of ``first`` x ``first``, which sets the size of its images."""
    torch.manual_seed(2)
    front = (nn.Conv2d(1, before, first), nn.Tanh())
    middle = (nn.Conv2d(before, after, 3, padding=pad, bias=not norm), *([nn.BatchNorm2d(after)] if norm else []))
    points = (8 - first + 1 + 2 * pad - 2) ** 2
    return nn.Sequential(*front, *middle, nn.Tanh(), nn.Flatten(), nn.Linear(after * points, 10))


@settings(max_examples=25, deadline=None)
@given(
    some.integers(8, 13),
    some.integers(1, 30),
    some.integers(1, 6),
    some.integers(0, 2),
    some.booleans(),
    some.sampled_from([1.0, 0.7]),
)
def test_any_size_agrees_with_torch_in_float64(
    before: int, after: int, first: int, pad: int, norm: bool, keep: float
) -> None:
    module = wide(before, after, first=first, pad=pad, norm=norm)
    agree(module, replace(RECIPE, epochs=1, batch_size=17), half(module, keep))


def test_which_convolutions_are_computed_by_patches() -> None:
    size = Size(channels=8, high=6, wide=6, kernel=3, pad=1, room=1)
    every = torch.ones(4, 8, 3, 3, dtype=torch.bool)
    sparse = every.clone()
    sparse[:, 3:] = False
    assert kernel_of(every, size).patches and not kernel_of(sparse, size).patches
    assert not kernel_of(every[:, :7], replace(size, channels=7)).patches  # too few channels to be worth it
    assert not kernel_of(every[..., :2, :2], replace(size, kernel=2)).patches
    assert not kernel_of(every, replace(size, stride=2)).patches
    assert not kernel_of(every, replace(size, room=2)).patches


def test_in_float32_they_agree_with_torch_as_far_as_rounding_goes() -> None:
    module = wide(24, 20)
    (*_, one), (*_, other) = checkpoints(module), by_kernel(module, RECIPE, None)
    assert largest(one, other) < 5e-6


# vectors of 64 bytes with AVX-512, of 32 with AVX, of 16 elsewhere

MACHINES = {"32 bytes": "haswell", "16 bytes": "x86-64"}


@pytest.fixture(params=MACHINES.values(), ids=MACHINES)
def other_machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The kernel as an older processor would have it."""
    if platform.machine() != "x86_64":
        pytest.skip("these are lengths on x86-64")
    flags = tuple(flag.replace("-march=native", f"-march={request.param}") for flag in build.FLAGS)
    monkeypatch.setattr(build, "FLAGS", flags)
    build.library.cache_clear()
    yield
    build.library.cache_clear()


def test_vectors_of_any_length_agree_with_torch(other_machine: None) -> None:
    kernel = build.library("double")
    assert kernel and kernel.lanes in (2, 4) and f"{kernel.lanes} lanes" in kernel.name("chain")
    for norm in (False, True):
        for module in (odd("relu", norm=norm), wide(9, 13, norm=norm)):
            for mask in (None, half(module, 0.3)):
                agree(module, replace(RECIPE, epochs=2), mask)
    for keep in (1.0, 0.3):
        module = chain().double()
        recipe, mask = replace(RECIPE, augment=Augment()), masked(module, keep)
        torch_ = checkpoints(module, recipe, mask, kind=InFloat64)
        kernels = by_kernel(module, recipe, mask, real="double", kind=InFloat64)
        assert all(largest(one, other) < 1e-12 for one, other in zip(torch_, kernels, strict=True))


def test_the_usual_length_is_not_part_of_the_name() -> None:
    kernel = build.library()
    assert kernel
    name = kernel.name("convolution")
    assert name.startswith(f"convolution kernel {build.VERSIONS['convolution']}") and name.endswith(kernel.compiler)
    assert ("lanes" in name) == (kernel.lanes != build.USUAL)
