"""Tensors of 0 and 1 of any layout are written as masks, and nothing else is."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lotterylab.errors import UsageError
from lotterylab.masks.files import load_mask, save_mask
from lotterylab.types import Mask

KEPT = torch.tensor([[True, False, True], [False, False, True]])
SAME = {
    "bool": KEPT,
    "float": KEPT.float(),
    "uint8": KEPT.to(torch.uint8),
    "half": KEPT.half(),
    "transposed": KEPT.T.contiguous().T,
    "COO": KEPT.to_sparse(),
}


@pytest.mark.parametrize("kind", SAME)
def test_every_kind_of_the_same_mask_gives_the_same_file(kind, tmp_path):
    save_mask(Mask({"w": SAME[kind]}), tmp_path / "mask.safetensors")
    save_mask(Mask({"w": KEPT}), tmp_path / "plain.safetensors")
    assert torch.equal(load_mask(tmp_path / "mask.safetensors")["w"], KEPT)
    assert (tmp_path / "mask.safetensors").read_bytes() == (tmp_path / "plain.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        ({"w": torch.ones(2, dtype=torch.bool, device="meta")}, "'w' is on the meta device, which holds no values."),
        ({"w": torch.tensor([0.5, 1.0])}, "'w' has values other than 0 and 1"),
        ({"w": torch.tensor([float("nan")])}, "'w' has values other than 0 and 1"),
        ({1: torch.ones(2, dtype=torch.bool)}, "has the name 1, which is no text."),
    ],
)
def test_what_is_no_mask_is_refused_and_leaves_no_file(mask, says, tmp_path):
    with pytest.raises(UsageError, match=re.escape(says)):
        save_mask(mask, tmp_path / "mask.safetensors")
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.sampled_from([torch.bool, torch.float32, torch.int64]))
def test_a_mask_comes_back_as_it_was(tmp_path_factory, bits, dtype):
    file = tmp_path_factory.mktemp("mask") / "mask.safetensors"
    save_mask(Mask({"w": torch.tensor(bits).to(dtype)}), file)
    assert load_mask(file)["w"].tolist() == bits
