"""An inferred mask counts weights only: not buffers, norms, positions or padding; and it says what it counted."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lotterylab import masks
from lotterylab.auditing import audit
from lotterylab.auditing.kinds import kind_of
from lotterylab.masks.select import select
from lotterylab.types import Scores

KINDS = {
    "weight": {
        "conv1.weight": (4, 3, 3, 3), "h.0.attn.c_attn.weight": (8, 8), "in_proj_weight": (9, 3),
        "weight_ih_l0": (8, 4),
        "experts.gate_up_proj": (2, 4, 6), "experts.w1": (2, 4, 4), "Dense_0.kernel": (3, 3), "embed.weight": (9, 3),
        "fc.parametrizations.weight.original1": (3, 3), "norm_proj.weight": (3, 3),
    },
    "norm": {
        "bn1.weight": (8,), "layers.0.input_layernorm.weight": (8,), "downsample.1.weight": (8,), "ln_f.weight": (8,),
        "norm2.weight": (4, 6, 6), "fc.weight_g": (8, 1), "blocks.0.ls1.gamma": (8,),
        "fc.parametrizations.weight.original0": (8, 1),
    },
    "small": {"fc.bias": (8,), "relative_position_bias_table": (49, 4), "attn.in_proj_bias": (9,)},
    "buffer": {
        "bn1.running_mean": (8,), "bn1.running_var": (8,), "attn_mask": (8, 8), "rotary.inv_freq": (8,),
        "pe": (1, 9, 8),
        "encoder.pos_encoding": (9, 8), "causal_mask": (1, 1, 4, 4), "freqs_cis": (4, 4),
        "normalise.mean": (1, 3, 1, 1),
    },
    "other": {"cls_token": (1, 1, 8), "pos_embed": (1, 9, 8), "theta": (4, 4)},
}  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in KINDS.items() for name in names])
def test_a_name_tells_the_kind(kind, name):
    tensor = torch.randn(KINDS[kind][name], generator=torch.Generator().manual_seed(0))
    assert kind_of(name, tensor) == kind
    assert kind_of(name, tensor.to(torch.int64)) == "buffer"


@pytest.mark.parametrize(
    "table",
    [
        torch.tril(torch.ones(6, 6)),
        torch.triu(torch.full((6, 6), float("-inf")), 1),
        torch.triu(torch.full((6, 6), -3.4e38), 1),
        torch.eye(6) * 0.5,
    ],
)
def test_a_table_of_one_value_and_zeros_is_a_buffer_and_weights_of_two_signs_are_not(table):
    assert kind_of("attn.t", table) == "buffer"
    signs = torch.randn(6, 6, generator=torch.Generator().manual_seed(1)).sign() * (torch.eye(6) == 0)
    assert kind_of("attn.t", signs) == "other"


class Block(nn.Module):
    """A block with all that has zeros and is not pruned."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(40, 16, padding_idx=0)
        self.fc1, self.fc2 = nn.Linear(16, 32), nn.Linear(32, 16)
        self.norm, self.bn = nn.LayerNorm([4, 4]), nn.BatchNorm1d(16)
        self.scale = nn.Parameter(torch.zeros(16, 16))
        self.register_buffer("attn_mask", torch.tril(torch.ones(64, 64)))
        self.register_buffer("pe", torch.sin(torch.arange(64.0)).view(8, 8))
        self.register_buffer("position_ids", torch.arange(16))
        nn.init.zeros_(self.norm.weight[:2])


def state_of(seed: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return {name: tensor.clone() for name, tensor in Block().state_dict().items()}


@settings(deadline=None)
@given(sparsity=st.sampled_from([0.3, 0.5, 0.6]), seed=st.integers(0, 20))
def test_zeros_that_are_no_weights_do_not_count(sparsity, seed):
    init = state_of(seed)
    scores = Scores({name: init[name].abs() for name in ("fc1.weight", "fc2.weight")})
    end = masks.masked(init, select(scores, sparsity))  # type: ignore[arg-type]
    (alarm,) = audit(end=end, requested=sparsity)
    removed = round(sparsity * 1024 + 1e-9)
    assert alarm.code == "mask-inferred" and f"the {removed:,} zeros of 1,664 weights in 'end'" in alarm.message
    assert "(embed.weight, fc1.weight, fc2.weight), but not those of " in alarm.message
    left_out = alarm.message.partition("not those of ")[2]
    assert all(name in left_out for name in ("scale", "attn_mask", "norm.weight", "pe"))
    assert [found.code for found in audit(init=init, end=end, requested=sparsity)] == ["mask-inferred"]
    wrong = audit(end=end, requested=sparsity + 0.05)
    assert [found.code for found in wrong] == ["reached-is-not-requested", "mask-inferred"]


def test_an_embedding_that_was_pruned_by_entries_counts():
    init = state_of(0)
    scores = Scores({name: init[name].abs() + 1e-6 for name in ("embed.weight", "fc1.weight", "fc2.weight")})
    end = masks.masked(init, select(scores, 0.5))  # type: ignore[arg-type]
    (alarm,) = audit(end=end, requested=0.5)
    assert alarm.code == "mask-inferred" and "the 832 zeros of 1,664" in alarm.message


def test_scales_of_norms_that_filter_pruning_zeroed_are_no_weights_but_biases_are_named():
    init = {"conv.weight": torch.randn(4, 3, 3, 3), "bn.weight": torch.ones(4), "conv.bias": torch.randn(4)}
    start = {name: tensor.clone() for name, tensor in init.items()}
    for tensor in start.values():
        tensor[:2] = 0.0
    codes = [alarm.code for alarm in audit(init=init, start=start, end=start, requested=0.5)]
    assert codes == ["biases-pruned", "mask-inferred", "start-not-initial"]  # bn.weight is not that of init
    (biases,) = [alarm for alarm in audit(init=init, start=start, requested=0.5) if alarm.code == "biases-pruned"]
    assert "4 entries of biases or norms (conv.bias)" in biases.message
