"""Signs of one state with magnitudes of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lotterylab.combining.base import Combining, Values
from lotterylab.rng import stream

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Signs(Combining):
    """Each weight of "magnitudes" takes the sign that it has in "signs".   [zhou2019deconstructing, section 4.2]

    A weight that is 0 in "signs" keeps its own.

    Examples:
        >>> import torch
        >>> of = {"signs": {"w": torch.tensor([-1.0, 2.0, 0.0])}, "magnitudes": {"w": torch.tensor([3.0, -4.0, -5.0])}}
        >>> Signs()(of, ["w"], 0)["w"].tolist()
        [-3.0, 4.0, -5.0]
    """

    needs: ClassVar[tuple[str, ...]] = ("magnitudes", "signs")

    def weight(self, of: Values, name: str, seed: int) -> Tensor:
        """Return one weight with its new signs."""
        return with_signs(of["magnitudes"][name], of["signs"][name])


@dataclass(frozen=True, kw_only=True)
class PermutedMagnitudes(Combining):
    """The magnitudes of each weight tensor of "state" change places, and the signs stay where they are.
    [zhou2019deconstructing, section 4.2: their "reshuffle" with a mask, their "reinit" without one, with signs kept]

    With "mask" the kept weights change places among themselves.  Without signs, ``plan.Permute`` does the same.

    Examples:
        >>> import torch
        >>> of = {"state": {"w": torch.tensor([-1.0, 2.0, -3.0, 4.0])}}
        >>> new = PermutedMagnitudes()(of, ["w"], 0)["w"]
        >>> new.sign().tolist(), sorted(new.abs().tolist())
        ([-1.0, 1.0, -1.0, 1.0], [1.0, 2.0, 3.0, 4.0])
    """

    needs: ClassVar[tuple[str, ...]] = ("state",)
    may: ClassVar[tuple[str, ...]] = ("mask",)

    def weight(self, of: Values, name: str, seed: int) -> Tensor:
        """Return one weight with permuted magnitudes."""
        import torch

        old = of["state"][name]
        flat, mask = old.flatten().clone(), of.get("mask", {}).get(name)
        places = torch.arange(len(flat)) if mask is None else mask.flatten().nonzero().flatten()
        order = torch.from_numpy(stream(seed, "permuted magnitudes", name).permutation(len(places)))
        flat[places] = flat[places[order]]
        return with_signs(flat.view(old.shape), old)


def with_signs(magnitudes: Tensor, signs: Tensor) -> Tensor:
    """Return the magnitudes with the signs of another tensor; where that is 0, they keep their own."""
    return (magnitudes.abs() * signs.sign()).where(signs != 0, magnitudes)
