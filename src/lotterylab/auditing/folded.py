"""States of ``torch.nn.utils.prune`` keep a pruned weight as two tensors, the weight and its mask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from lotterylab.types import Mask

if TYPE_CHECKING:
    from torch import Tensor

ORIGINAL, MASK = "_orig", "_mask"


def folded(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Mask | None]:
    """Return the state with each pair ``weight_orig``, ``weight_mask`` as the masked ``weight``, and the masks.

    The masks are None if the state has no such pair.
    """
    pairs = {
        name.removesuffix(ORIGINAL): (tensor, state[name.removesuffix(ORIGINAL) + MASK])
        for name, tensor in state.items()
        if name.endswith(ORIGINAL) and name.removesuffix(ORIGINAL) + MASK in state
    }
    parts = {f"{name}{suffix}" for name in pairs for suffix in (ORIGINAL, MASK)}
    rest = {name: tensor for name, tensor in state.items() if name not in parts}
    weights = {name: weight.masked_fill(kept == 0, 0.0) for name, (weight, kept) in pairs.items()}
    mask = {name: kept != 0 for name, (_, kept) in pairs.items()}
    return {**rest, **weights}, cast(Mask, mask) if pairs else None
