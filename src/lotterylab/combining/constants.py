"""Weights of one magnitude a layer, and weights scaled up for those that a mask removes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from lotterylab.combining.base import Combining, Values
from lotterylab.combining.signs import with_signs
from lotterylab.rng import stream

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class SignedConstant(Combining):
    """Each weight of "state" becomes the standard deviation of its tensor, with its own sign or a random one.
    [zhou2019deconstructing, section 4.2]

    The deviation is that of all entries, divided by their number, as in the paper's code.

    Args:
        signs: "own", or "random": each sign with probability 1/2.

    Examples:
        >>> import torch
        >>> SignedConstant()({"state": {"w": torch.tensor([-1.0, 1.0, -3.0, 3.0])}}, ["w"], 0)["w"].tolist()
        [-2.2360680103302, 2.2360680103302, -2.2360680103302, 2.2360680103302]
    """

    needs: ClassVar[tuple[str, ...]] = ("state",)
    signs: Literal["own", "random"] = "own"

    def weight(self, of: Values, name: str, seed: int) -> Tensor:
        """Return one weight of constant magnitude."""
        import torch

        old = of["state"][name]
        spread = old.double().std(correction=0).to(old).expand(old.shape)
        if self.signs == "own":
            return with_signs(spread, old)
        draws = stream(seed, "signs", name).integers(0, 2, size=tuple(old.shape)) * 2 - 1
        return spread * torch.from_numpy(draws).to(old)


@dataclass(frozen=True, kw_only=True)
class Rescaled(Combining):
    """Each weight tensor of "state" is multiplied by its size over the number of entries that "mask" keeps.
    [zhou2019deconstructing, section 5.2: dynamic weight rescaling]

    A tensor of which nothing is kept stays as it is.

    Examples:
        >>> import torch
        >>> of = {"state": {"w": torch.tensor([1.0, 2.0])}, "mask": {"w": torch.tensor([True, False])}}
        >>> Rescaled()(of, ["w"], 0)["w"].tolist()
        [2.0, 4.0]
    """

    needs: ClassVar[tuple[str, ...]] = ("state", "mask")

    def weight(self, of: Values, name: str, seed: int) -> Tensor:
        """Return one weight, scaled up."""
        old, mask = of["state"][name], of["mask"].get(name)
        kept = 0 if mask is None else int(mask.sum())
        return old * (old.numel() / kept) if kept else old
