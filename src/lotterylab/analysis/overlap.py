"""Overlap measures the agreement of two masks beyond chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lotterylab.masks import algebra


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """``Overlap`` measures the agreement of the masks "a" and "b" of one network, compared with chance.

    Masks are dicts of bool tensors, compared over the tensors that both cover.

    - ``kappa``: Cohen's kappa of the two labels kept/removed: 1 for equal masks, 0 for what two independent masks of
      these densities would give.  Densities over all tensors: masks that agree on how dense each layer is are above
      chance for that alone.
    - ``iou``: kept in both over kept in either.
    - ``hamming``: the share of entries that differ.

    Examples:
        >>> import torch
        >>> a, b = {"w": torch.tensor([True, True, False, False])}, {"w": torch.tensor([True, False, True, False])}
        >>> Overlap()({"a": a, "b": b}, {}, None)
        {'kappa': 0.0, 'iou': 0.3333333333333333, 'hamming': 0.5}
    """

    version: ClassVar[int] = 1

    def __call__(self, values: Mapping[str, Any], models: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
        """The three numbers."""
        shared = [name for name in values["a"] if name in values["b"]]
        a, b = ({name: values[side][name] for name in shared} for side in "ab")
        keep_a, keep_b = 1 - algebra.sparsity(a), 1 - algebra.sparsity(b)  # type: ignore[arg-type]
        agreement = 1 - algebra.hamming(a, b)  # type: ignore[arg-type]
        chance = keep_a * keep_b + (1 - keep_a) * (1 - keep_b)
        kappa = (agreement - chance) / (1 - chance) if chance < 1 else 1.0
        return {"kappa": kappa, "iou": algebra.iou(a, b), "hamming": 1 - agreement}  # type: ignore[arg-type]
