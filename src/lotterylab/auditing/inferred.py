"""A mask that no one gave is inferred from the exact zeros of a state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lotterylab.auditing.kinds import is_embedding, kind_of, zeros_are_rows
from lotterylab.errors import UsageError, suggestion
from lotterylab.types import Mask

if TYPE_CHECKING:
    from torch import Tensor


SAMPLED = 16  # entries by which tensors that may be tied are found


@dataclass(frozen=True, kw_only=True)
class Inferred:
    """An ``Inferred`` mask, and the names of the tensors with zeros that it leaves out."""

    mask: Mask
    left_out: tuple[str, ...] = ()


def inferred_mask(
    state: Mapping[str, Tensor],
    init: Mapping[str, Tensor] | None,
    states: Sequence[Mapping[str, Tensor]],
    source: str,
) -> Inferred:
    """Return the mask that the exact zeros of a state make.

    It covers weights, tied ones once.  A tensor whose name tells nothing is covered if it has zeros and other entries.
    With ``init``, zeros that were there from the beginning are kept, and biases that lost entries are covered.
    Buffers, scales of norms, and embeddings whose only zeros are whole rows (padding) are not.

    Args:
        state: the state with the zeros.
        init: the state before pruning, or None.
        states: all known states, which tell tied weights.
        source: the role of the state, for errors.

    Raises:
        UsageError: a weight of the state is not in ``init`` with its shape.
    """
    kept: dict[str, Tensor] = {}
    left_out: list[str] = []
    by_values: dict[tuple[object, ...], list[str]] = {}  # names by shape and some entries: a tied weight has both
    for name, tensor in state.items():
        kind = kind_of(name, tensor)
        if kind in ("buffer", "norm"):
            is_table = tensor.is_floating_point() and tensor.dim() > 1 and not name.endswith("bias")
            left_out += [name] if is_table and bool((tensor == 0).any()) else []
            continue
        if init is not None and (name not in init or init[name].shape != tensor.shape):
            raise UsageError(f"'{name}' of {source} is not in init with its shape.{suggestion(name, init)}")
        some = tensor.flatten()[:: max(1, tensor.numel() // SAMPLED)][:SAMPLED]
        alike = by_values.setdefault((tensor.shape, *some.tolist()), [])
        varies = any(_varies(each[name]) for each in states if name in each)
        if varies and any(
            is_tied(name, other, states) for other in alike if all(name in s and other in s for s in states)
        ):
            continue
        mask = tensor != 0
        if init is not None:
            mask |= init[name] == 0
        if is_embedding(name) and tensor.dim() == 2 and zeros_are_rows(tensor):
            mask |= True
        lost = not bool(mask.all())
        if kind == "small" and (init is None or not lost):  # without init, a bias of 0 may be 0 from the beginning
            continue
        if kind == "other" and not (lost and bool(mask.any())):
            left_out += [name] if lost else []
            continue
        kept[name] = mask
        alike.append(name)
    return Inferred(mask=Mask(kept or _any(state)), left_out=tuple(left_out))


def is_tied(name: str, other: str, states: Iterable[Mapping[str, Tensor]]) -> bool:
    """Tell whether two names are a tied weight: equal values in each state, and not all one constant."""
    pairs = [(state[name], state[other]) for state in states]
    alike = all(a.shape == b.shape and bool((a == b).all()) for a, b in pairs)
    return alike and any(_varies(a) for a, _ in pairs)


def _varies(tensor: Tensor) -> bool:
    """Tell whether the entries are not all one constant."""
    return bool((tensor != tensor.flatten()[:1]).any())


def _any(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the zeros of tensors with two dimensions whose names tell nothing, if no name tells of a weight."""
    return {
        name: tensor != 0 for name, tensor in state.items() if tensor.dim() > 1 and kind_of(name, tensor) == "other"
    }
