"""Random controls: a mask with random places, and a state whose weights change places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

from lotterylab.masks.granularity import granularity_of
from lotterylab.rng import stream
from lotterylab.types import Mask, State

if TYPE_CHECKING:
    from torch import Tensor


def shuffle(mask: Mask, seed: int, *names: str | int, within: Mask | None = None, granularity: str = "weight") -> Mask:
    """Return a mask that keeps the same number of pieces in each tensor, at random places.

    It is the random control with the same density in each layer.   [frankle2021pruning, "shuffling"]

    Args:
        mask: bool tensors by name, True = kept.
        seed, names: the stream ``rng.stream(seed, "shuffle", *names, tensor)`` draws the places.
        within: a mask of the same shapes; places are drawn among those that it keeps.  None keeps all.
        granularity: as in ``select``: whole filters or blocks change places, or the entries within each group of N:M.
            A tensor of one dimension has only entries.

    Raises:
        UsageError: there is no such granularity.

    Examples:
        >>> import torch
        >>> mask = {"weight": torch.tensor([True, False, False, True])}
        >>> int(shuffle(mask, seed=0)["weight"].sum())
        2
    """
    return granularity_of(granularity).shuffled(mask, lambda name: stream(seed, "shuffle", *names, name), within)


def permute(state: Mapping[str, Tensor], names: Iterable[str], seed: int, mask: Mask | None = None) -> State:
    """Return a copy of ``state`` in which the entries of each of ``names`` change places.

    [zhou2019deconstructing, section 4: "reinit" without a mask, "reshuffle" with a mask]

    Args:
        state: tensors by name; the copy has the same shapes.
        names: the tensors whose entries change places, each within itself; the others are copied as they are.
        seed: the stream ``rng.stream(seed, "permute", tensor)`` draws the order.
        mask: only the entries that it keeps change places, among themselves; None means all.

    Examples:
        >>> import torch
        >>> state = State({"weight": torch.tensor([1.0, 2.0, 3.0])})
        >>> sorted(permute(state, ["weight"], seed=0)["weight"].tolist())
        [1.0, 2.0, 3.0]
    """
    import torch

    copy = {name: tensor.detach().clone() for name, tensor in state.items()}
    for name in names:
        flat = copy[name].flatten()
        places = torch.arange(len(flat)) if mask is None else mask[name].flatten().nonzero().flatten()
        order = torch.from_numpy(stream(seed, "permute", name).permutation(len(places)))
        flat[places] = flat[places[order]]
        copy[name] = flat.view(copy[name].shape)
    return cast(State, copy)
