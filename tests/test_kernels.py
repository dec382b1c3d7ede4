"""Which trainings the kernel of chains computes, and how it is compiled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from lotterylab.data.augment import Augment
from lotterylab.kernels import build
from lotterylab.kernels.build import SOURCE
from lotterylab.kernels.links import links_of
from lotterylab.training.chain_layout import AT_MOST, matrix_of
from lotterylab.training.chain_step import fits
from lotterylab.training.losses import LabelSmoothing
from some_chains import RECIPE, by_kernel, chain, masked, needs_compiler
from some_trainings import bits, checkpoints

# what it can train


def test_what_the_kernel_cannot_do_is_left_to_torch() -> None:
    assert fits(RECIPE, frozen=False)
    assert not fits(RECIPE, frozen=True)
    others: tuple[dict[str, Any], ...] = ({"hold": False}, {"augment": Augment(flip=True)}, {"loss": LabelSmoothing()})
    for changed in others:
        assert not fits(replace(RECIPE, **changed), frozen=False)


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


@needs_compiler
def test_narrower_vectors_give_the_same_bits(tmp_path, monkeypatch) -> None:
    if "avx512f" not in build._processor():
        pytest.skip("the processor has no wider vectors than AVX2")
    module, mask = chain(), masked(chain(), 0.1)
    wide = [bits(by_kernel(module, RECIPE, each)[-1]) for each in (None, mask)]
    monkeypatch.setattr(build, "FLAGS", (*build.FLAGS, "-mno-avx512f"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    narrow, links = build.library.__wrapped__("float"), links_of(module)
    assert narrow and links and list(tmp_path.rglob("*.so"))
    for each, expected in zip((None, mask), wide, strict=True):
        assert bits(checkpoints(module, RECIPE, each, kernel=(narrow, links))[-1]) == expected


def test_the_source_is_part_of_the_package() -> None:
    assert "lotterylab_train" in SOURCE.read_text()
