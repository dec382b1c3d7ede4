"""The random draws of an epoch are made before the epoch uses them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class EpochDraws:
    """All that is random in one pass over the data.

    ``order``: int64 ``(n,)``, which image comes at position i; ``rows``, ``cols``: int64 ``(n,)``, where its crop
    starts in the padded image; ``flips``: bool ``(n,)``.  All belong to the position, not to the image.
    """

    order: Tensor
    rows: Tensor
    cols: Tensor
    flips: Tensor

    def __len__(self) -> int:
        """Return the number of positions."""
        return len(self.order)

    def __getitem__(self, part: slice) -> EpochDraws:
        """Return a part of the positions."""
        return EpochDraws(order=self.order[part], rows=self.rows[part], cols=self.cols[part], flips=self.flips[part])

    def to(self, device: str | torch.device) -> EpochDraws:
        """Return the same draws on a device."""
        return EpochDraws(
            order=self.order.to(device),
            rows=self.rows.to(device),
            cols=self.cols.to(device),
            flips=self.flips.to(device),
        )
