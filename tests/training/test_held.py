"""Pruned entries are set to +0.0 by their bits."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lotterylab.training.held import Pruned

KINDS = (torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.complex64, torch.complex128)
NASTY = (float("nan"), -float("nan"), float("inf"), -float("inf"), -0.0, 0.0, 1e-45, -1.5)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(data=st.data())
def test_the_pruned_are_positive_zero_and_the_kept_keep_every_bit(kind, data):
    values = data.draw(st.lists(st.sampled_from(NASTY), min_size=1, max_size=12))
    kept = torch.tensor(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))))
    before = torch.tensor(values, dtype=torch.float64).to(kind)
    after = before.clone()
    Pruned(kept).zero_(after)
    size = before.element_size()
    was, now = (one.view(torch.uint8).view(-1, size) for one in (before, after))
    assert torch.equal(was[kept], now[kept])
    assert not bool(now[~kept].any()), "not one bit is left"


def test_layouts_types_and_masks_may_change_between_uses():
    kept = torch.rand(4, 3, 3, 3, generator=torch.Generator().manual_seed(0)) < 0.5
    pruned = Pruned(kept)
    for kind in (torch.float32, torch.float64, torch.float32):
        for layout in (torch.contiguous_format, torch.channels_last):
            tensor = torch.ones(kept.shape, dtype=kind).contiguous(memory_format=layout)
            pruned.zero_(tensor)
            assert torch.equal(tensor != 0, kept)
    pruned.set(~kept)
    tensor = torch.ones(kept.shape)
    pruned.zero_(tensor)
    assert torch.equal(tensor != 0, ~kept)


def test_a_leaf_that_is_trained_is_held_too():
    weight = torch.nn.Parameter(torch.ones(4))
    kept = torch.tensor([True, False, True, False])
    with torch.no_grad():
        Pruned(kept).zero_(weight)
    (weight * 2).sum().backward()
    assert weight.tolist() == [1, 0, 1, 0] and weight.grad is not None


class Fancy(torch.Tensor):
    """A tensor subclass."""


def test_a_subclass_is_filled_in_its_own_way():
    tensor = torch.ones(3).as_subclass(Fancy)
    Pruned(torch.tensor([True, False, False])).zero_(tensor)
    assert tensor.tolist() == [1, 0, 0]


def test_a_tensor_that_is_to_be_conjugated_is_set_too():
    tensor = torch.ones(3, dtype=torch.complex64).conj()
    Pruned(torch.tensor([True, False, True])).zero_(tensor)
    assert tensor.tolist() == [1, 0, 1]
