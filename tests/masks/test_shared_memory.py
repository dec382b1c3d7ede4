"""A mask counts by its values: tensors that share memory are written and read back as if each had its own."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import lotterylab as ll
from lotterylab.formats.blobs import serialize
from some_scores import quick

VIEWS = {
    "itself": lambda tensor: tensor,
    "a copy": lambda tensor: tensor.clone(),
    "turned": lambda tensor: tensor.T,
    "a row": lambda tensor: tensor[1:2],
    "a column": lambda tensor: tensor[:, :1],
    "backwards": lambda tensor: tensor.flip(0),
    "steps": lambda tensor: tensor[::2],
    "repeated": lambda tensor: tensor[0].expand(3, 4),
    "of another shape": lambda tensor: tensor.view(2, 6),
    "nothing": lambda tensor: tensor[:0],
}


def mask_of(words: list[str], seed: int) -> dict[str, Tensor]:
    entries = torch.rand(3, 4, generator=torch.Generator().manual_seed(seed)) > 0.5
    return {f"{number}.weight": VIEWS[word](entries) for number, word in enumerate(words)}


@quick
@given(st.lists(st.sampled_from(sorted(VIEWS)), min_size=1, max_size=6), st.integers(0, 9))
def test_any_views_of_one_buffer_are_written_and_read_back_equal(words, seed):
    mask = mask_of(words, seed)
    with tempfile.TemporaryDirectory() as folder:
        ll.save_mask(mask, Path(folder) / "mask.safetensors")  # type: ignore[arg-type]
        back = ll.load_mask(Path(folder) / "mask.safetensors")
    assert back.keys() == mask.keys() and all(torch.equal(back[name], kept) for name, kept in mask.items())
    alone = {name: kept.clone() for name, kept in mask.items()}
    assert serialize(mask) == serialize(alone)


def test_one_tensor_for_two_layers_is_held_and_written(tmp_path):
    kept = torch.rand(6, 6, generator=torch.Generator().manual_seed(0)) > 0.5
    module = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
    held = ll.attach(module, torch.optim.SGD(module.parameters(), lr=0.1), {"0.weight": kept, "1.weight": kept})  # type: ignore[arg-type]
    for mask in (held.mask, held.state_dict(), held.shared):
        ll.save_mask(mask, tmp_path / "mask.safetensors")  # type: ignore[arg-type]
        assert all(torch.equal(back, kept) for back in ll.load_mask(tmp_path / "mask.safetensors").values())
