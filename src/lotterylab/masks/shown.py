"""A mask shows itself, in a terminal and in a notebook: one line and one bar for each tensor."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from lotterylab.formats.display import bar, html_bar, html_table
from lotterylab.formats.text import shown
from lotterylab.types import Mask

if TYPE_CHECKING:
    from torch import Tensor

MOST_LINES, LONGEST = 40, 28  # tensors that are shown one by one, and letters of a name


class ShownMask(dict[str, "Tensor"]):
    """A ``ShownMask`` is a dict of bool tensors, True = kept, that prints as a picture of itself.

    It is saved, copied between processes and compared as the plain dict that it is.

    Examples:
        >>> import torch
        >>> ShownMask({"fc.weight": torch.tensor([[True, False, False, False]])})
        mask of 1 tensor: 1 of 4 entries kept, 75 % removed
          fc.weight  1 x 4  █████                  25 % kept
    """

    def __repr__(self) -> str:
        lines = list(_lines(self))
        wide = max((len(name) for name, _, _ in lines), default=0)
        long = max((len(shape) for _, shape, _ in lines), default=0)
        each = (f"  {name:<{wide}}  {shape:>{long}}  {_kept(share)}" for name, shape, share in lines)
        return "\n".join([headline(self), *each, *_rest(self)])

    def _repr_html_(self) -> str:
        """Return the mask as a table with bars, which a notebook shows."""
        rows = ((name, shape, html_bar(share), _percent(share)) for name, shape, share in _lines(self))
        table = html_table(("tensor", "shape", "kept", ""), rows, caption=headline(self), left=3)
        return table + "".join(f"<p>{line.strip()}</p>" for line in _rest(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return OrderedDict, (), None, None, iter(self.items())  # what torch.load reads with weights_only

    def copy(self) -> ShownMask:
        """Return a shallow copy."""
        return ShownMask(self)

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> ShownMask:
        from copy import deepcopy

        return ShownMask({name: deepcopy(kept, memo) for name, kept in self.items()})


def shown_mask(mask: Mask) -> Mask:
    """Return a mask that prints as a picture of itself; its tensors are not copied."""
    return cast(Mask, ShownMask(mask))


def headline(mask: Mask | ShownMask) -> str:
    """Return what a mask keeps, in one line.

    Args:
        mask: bool tensors by name, True = kept.

    Examples:
        >>> import torch
        >>> headline({"weight": torch.tensor([True, False])})
        'mask of 1 tensor: 1 of 2 entries kept, 50 % removed'
    """
    kept, entries = (sum(column) for column in zip((0, 0), *map(_counts, mask.values()), strict=True))
    removed = f", {_percent(1 - kept / entries)} removed" if entries else ""
    return f"mask of {len(mask)} tensor{'s' * (len(mask) != 1)}: {kept:,} of {entries:,} entries kept{removed}"


def _lines(mask: Mask | ShownMask) -> Iterator[tuple[str, str, float]]:
    """Yield the name, the shape and the kept share of each of the first tensors."""
    for name, tensor in list(mask.items())[:MOST_LINES]:
        kept, entries = _counts(tensor)
        short = name if len(name) <= LONGEST else "..." + name[3 - LONGEST :]
        yield shown(short), " x ".join(map(str, tensor.shape)) or "1", kept / entries if entries else 0.0


def _rest(mask: Mask | ShownMask) -> list[str]:
    further = list(mask.values())[MOST_LINES:]
    if not further:
        return []
    kept, entries = (sum(column) for column in zip(*map(_counts, further), strict=True))
    return [f"  and {len(further)} more: {kept:,} of {entries:,} entries kept"]


def _counts(tensor: Tensor) -> tuple[int, int]:
    return int(tensor.count_nonzero()), tensor.numel()


def _kept(share: float) -> str:
    return f"{bar(share)}  {_percent(share):>6} kept"


def _percent(share: float) -> str:
    """Return a percentage of three digits that says 0 and 100 only of nothing and of all."""
    if 0 < share < 0.0001:
        return "<0.01 %"
    text = f"{100 * share:.3g}"
    return ">99.9 %" if text == "100" and share < 1 else f"{text} %"
