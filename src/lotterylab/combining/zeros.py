"""The value of a weight that a mask removes, by the way in which it moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lotterylab.combining.base import Combining, Values

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class ZeroIfShrunk(Combining):
    """A weight of "initial" becomes 0 if it is nearer to 0 in "final", and stays as it is otherwise.
    [zhou2019deconstructing, section 4.1]

    Examples:
        >>> import torch
        >>> of = {"initial": {"w": torch.tensor([1.0, -1.0])}, "final": {"w": torch.tensor([-0.5, -2.0])}}
        >>> ZeroIfShrunk()(of, ["w"], 0)["w"].tolist()
        [0.0, -1.0]
    """

    needs: ClassVar[tuple[str, ...]] = ("initial", "final")

    def weight(self, of: Values, name: str, seed: int) -> Tensor:
        """Return one weight, 0 where it shrank."""
        initial, final = of["initial"][name], of["final"][name]
        return initial.masked_fill(final.abs() < initial.abs(), 0.0)
