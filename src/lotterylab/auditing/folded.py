"""States of ``torch.nn.utils.prune``, which keeps a weight as two tensors: what it is, and what it is masked with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from lotterylab.types import Mask

if TYPE_CHECKING:
    from torch import Tensor

ORIGINAL, MASK = "_orig", "_mask"


def folded(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Mask | None]:
    """The state with each pair ``weight_orig``, ``weight_mask`` as the ``weight`` that the module uses, and the masks;
    None where it has no such pair."""
    pairs = {
        name.removesuffix(ORIGINAL): (tensor, state[name.removesuffix(ORIGINAL) + MASK])
        for name, tensor in state.items()
        if name.endswith(ORIGINAL) and name.removesuffix(ORIGINAL) + MASK in state
    }
    parts = {f"{name}{end}" for name in pairs for end in (ORIGINAL, MASK)}
    rest = {name: tensor for name, tensor in state.items() if name not in parts}
    weights = {name: weight.masked_fill(kept == 0, 0.0) for name, (weight, kept) in pairs.items()}
    mask = {name: kept != 0 for name, (_, kept) in pairs.items()}
    return {**rest, **weights}, cast(Mask, mask) if pairs else None
