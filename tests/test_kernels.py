"""Which trainings the kernel of chains computes, and how it is compiled."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from lotterylab.data.augment import Augment
from lotterylab.kernels import build
from lotterylab.kernels.build import SOURCES
from lotterylab.kernels.links import Block, Links, links_of
from lotterylab.models import ResNet
from lotterylab.training.chain_layout import AT_MOST, matrix_of
from lotterylab.training.chain_step import fits
from lotterylab.training.losses import LabelSmoothing
from some_chains import RECIPE, chain, needs_compiler
from some_trainings import InFloat64, checkpoints, half, normed

# what it can train


def test_what_the_kernel_cannot_do_is_left_to_torch() -> None:
    links = Links(layers=("1",))
    assert fits(RECIPE, links, frozen=False)
    assert not fits(RECIPE, links, frozen=True)
    assert not fits(RECIPE, Links(layers=("1",), activation="elu"), frozen=False)
    others: tuple[dict[str, Any], ...] = ({"hold": False}, {"augment": Augment(flip=True)}, {"loss": LabelSmoothing()})
    for changed in others:
        assert not fits(replace(RECIPE, **changed), links, frozen=False)


def test_images_before_convolutions_may_be_augmented() -> None:
    recipe = replace(RECIPE, augment=Augment(flip=True))
    assert fits(recipe, Links(blocks=(Block(conv="0"),), layers=("1",)), frozen=False)


CHAINS: dict[str, tuple[nn.Module, tuple[str, ...] | None]] = {
    "one layer": (nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), ("1",)),
    "two layers": (nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), ("1", "3")),
    "no flatten": (nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), None),
    "from a later axis": (nn.Sequential(nn.Flatten(2), nn.Linear(4, 2)), None),
    "dropout": (nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Dropout(), nn.Linear(3, 2)), None),
    "an activation at the end": (nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU()), None),
    "a norm": (nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)), None),
    "two activations": (
        nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3), nn.Softsign(), nn.Linear(3, 2)),
        None,
    ),
    "a convolution": (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2, 2)), ("2",)),
    "a stride": (nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.Flatten(), nn.Linear(2, 2)), ("2",)),
    "a stride of 3": (nn.Sequential(nn.Conv2d(1, 2, 3, stride=3), nn.Flatten(), nn.Linear(2, 2)), None),
    "two strides": (nn.Sequential(nn.Conv2d(1, 2, 3, stride=(1, 2)), nn.Flatten(), nn.Linear(2, 2)), None),
    "the mean of each channel": (
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2)),
        ("3",),
    ),
    "a mean of pixels": (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2)), None),
    "means of quarters": (
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(8, 2)),
        None,
    ),
    "a residual network": (ResNet(depth=8, width=0.1).build(), ("fc",)),
    "groups": (nn.Sequential(nn.Conv2d(2, 2, 3, groups=2), nn.Flatten(), nn.Linear(2, 2)), None),
    "padding by a word": (nn.Sequential(nn.Conv2d(1, 2, 3, padding="same"), nn.Flatten(), nn.Linear(2, 2)), None),
    "more padding than kernel": (nn.Sequential(nn.Conv2d(1, 2, 1, padding=1), nn.Flatten(), nn.Linear(2, 2)), None),
    "a reflecting padding": (
        nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"), nn.Flatten(), nn.Linear(2, 2)),
        None,
    ),
    "a side that is no square": (nn.Sequential(nn.Conv2d(1, 2, (3, 1)), nn.Flatten(), nn.Linear(2, 2)), None),
    "a norm without statistics": (
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, track_running_stats=False), nn.Flatten(), nn.Linear(2, 2)),
        None,
    ),
    "a norm that counts": (
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, momentum=None), nn.Flatten(), nn.Linear(2, 2)),
        None,
    ),
    "a norm behind an activation": (
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 2)),
        None,
    ),
    "a mean": (nn.Sequential(nn.Conv2d(1, 2, 3), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(2, 2)), None),
    "overlapping pools": (nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(3, 2), nn.Flatten(), nn.Linear(2, 2)), None),
    "no flatten behind a convolution": (nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), None),
    "empty": (nn.Sequential(), None),
    "another module": (nn.Linear(4, 2), None),
}


@pytest.mark.parametrize("word", CHAINS)
def test_only_chains_have_links(word: str) -> None:
    module, layers = CHAINS[word]
    links = links_of(module)
    assert (links and links.layers) == layers


def test_hooks_computed_weights_and_frozen_parameters_are_left_to_torch() -> None:
    hooked, computed, frozen = chain(), chain(), chain()
    hooked[1].register_forward_hook(lambda *_: None)
    nn.utils.parametrizations.weight_norm(computed[1])
    frozen[1].bias.requires_grad_(False)  # type: ignore[union-attr]
    assert [links_of(module) for module in (hooked, computed, frozen)] == [None] * 3


def test_a_layer_is_whole_where_most_of_it_is_kept() -> None:
    kept = torch.zeros(4, 25, dtype=torch.bool)
    kept[:, : int(25 * AT_MOST)] = True
    assert matrix_of(kept, first=False).start is not None
    kept[:, : int(25 * AT_MOST) + 1] = True
    assert matrix_of(kept, first=False).start is None


# compiling


@needs_compiler
def test_it_is_compiled_once(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = build.library.__wrapped__("float")
    (made,) = tmp_path.rglob("*.so")
    before = made.stat().st_mtime_ns
    second = build.library.__wrapped__("float")
    assert first and second and second.compiler == first.compiler
    assert made.stat().st_mtime_ns == before and list(made.parent.iterdir()) == [made]


@needs_compiler
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_every_compiler_agrees_with_torch(compiler: str, tmp_path, monkeypatch) -> None:
    if not shutil.which(compiler):
        pytest.skip(f"there is no {compiler}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "COMPILERS", (compiler,))
    for module, keep in ((chain().double(), half(chain(), 0.3)), (normed().double(), half(normed(), 0.3))):
        kernel, links = build.library.__wrapped__("double"), links_of(module)
        assert kernel and links and kernel.compiler.startswith(compiler)
        made = checkpoints(module, RECIPE, keep, kernel=(kernel, links), kind=InFloat64)[-1]
        expected = checkpoints(module, RECIPE, keep, kind=InFloat64)[-1]
        for name, tensor in expected.state.items():
            torch.testing.assert_close(made.state[name], tensor, rtol=0, atol=1e-10)


@pytest.mark.parametrize("how", ["off", "no compiler", "a broken compiler"])
def test_without_a_kernel_torch_trains(how: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if how == "off":
        monkeypatch.setenv("LOTTERYLAB_KERNELS", "off")
    else:
        monkeypatch.setenv("PATH", str(tmp_path))
    if how == "a broken compiler":
        for name in build.COMPILERS:
            (tmp_path / name).write_text('#!/bin/sh\n[ "$1" = --version ] && echo "cc 1.0" || exit 1\n')
            (tmp_path / name).chmod(0o755)
    assert build.library.__wrapped__("float") is None
    assert not list((tmp_path / "cache").rglob("*.so"))


def test_the_sources_are_part_of_the_package() -> None:
    text = "".join(source.read_text() for source in SOURCES)
    assert "lotterylab_train" in text and "lotterylab_conv_train" in text
