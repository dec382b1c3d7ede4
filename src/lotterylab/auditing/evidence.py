"""What is known of one arm, checked, and the plain numbers in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from lotterylab.errors import UsageError, suggestion
from lotterylab.formats.foreign import admitted
from lotterylab.masks import algebra
from lotterylab.masks.counts import Share, as_fraction, same_names
from lotterylab.masks.pools import complete, pools
from lotterylab.types import Mask, Scores, State

if TYPE_CHECKING:
    from torch import Tensor

STATES = ("init", "dense", "start", "end")
ORDERED = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8")  # weights
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # buffers of batch norm, which no one prunes


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Tensors of one arm on the CPU, None where not known; every tensor of the mask is in each, with its shape.

    ``inferred`` names the state whose exact zeros stand in for a mask that was not given.
    """

    init: State | None = None
    dense: State | None = None
    start: State | None = None
    end: State | None = None
    mask: Mask | None = None
    earlier: Mask | None = None
    scores: Scores | None = None
    gradients: State | None = None
    inferred: Literal["", "start", "end"] = ""

    def known(self) -> tuple[str, ...]:
        """The names of what was given."""
        roles = (*STATES, "mask", "earlier", "scores", "gradients")
        given = (role for role in roles if getattr(self, role) is not None)
        return tuple(role for role in given if not (role == "mask" and self.inferred))


def gather(requested: Share | None = None, **given: Mapping[str, Tensor] | None) -> Evidence:
    """Check what was given, infer the mask if there is none, and refuse names and shapes that do not fit.

    The inferred mask covers the tensors of two or more dimensions (tied ones once), and smaller ones that lost
    something.  Removed are
    the exact zeros of ``start`` that are not zeros of ``init``; without a start those of ``end``, if a sparsity was
    ``requested``.  Where nothing is removed and nothing was to be, there is no mask: a dense run.
    """
    tensors = {role: _plain(role, value) for role, value in given.items() if value is not None}
    _same_shapes({role: tensors[role] for role in STATES if role in tensors})
    found = Evidence(**cast(Any, tensors))
    if found.mask is None:
        found = _infer(found, pruning=requested is not None and as_fraction(requested) > 0)
    if found.mask is None:
        if found.earlier is not None:
            raise UsageError("an earlier mask says nothing without the mask that followed it: give mask or start too.")
        return found
    if not algebra.entries(found.mask):
        raise UsageError("the mask has no entries.")
    for role in ("mask", *tensors):
        _fits(found.mask, role, found.mask if role == "mask" else tensors[role])
    for role in (role for role in STATES if role in tensors):
        _ordered(found.mask, role, tensors[role])
    for role, other in (("scores", found.scores), ("earlier mask", found.earlier)):
        if other is not None:
            same_names(role, other, found.mask)
    if found.earlier is not None:
        _fits(found.earlier, "earlier mask", found.earlier)
    return found


def by_tensor(mask: Mask) -> dict[str, tuple[int, int]]:
    """(removed, entries) of each tensor."""
    return {name: (int((~kept).sum()), kept.numel()) for name, kept in mask.items()}


def weights_alone(mask: Mask) -> Mask:
    """The tensors of two or more dimensions: no biases, no norms."""
    return cast(Mask, {name: kept for name, kept in mask.items() if kept.dim() >= 2})


def whole_filters(mask: Mask) -> Mask | None:
    """The mask of filters, slices along dimension 0, if each is kept or removed as a whole; else None."""
    if any(kept.dim() < 2 or bool((kept.flatten(1).any(1) != kept.flatten(1).all(1)).any()) for kept in mask.values()):
        return None
    return cast(Mask, {name: kept.flatten(1).all(1) for name, kept in mask.items()})


def units(mask: Mask) -> int:
    """How many there are to remove: filters, if each is kept or removed as a whole and some are; else entries."""
    filters = whole_filters(mask)
    return algebra.entries(mask if filters is None or algebra.kept(mask) == algebra.entries(mask) else filters)


def signs(state: State, mask: Mask, earlier: Mask | None) -> dict[str, int]:
    """How many positive and negative candidates were kept and removed, as ``alarms.one_sign`` names them."""
    counts: Counter[str] = Counter()
    for name, kept in mask.items():
        removed = ~kept if earlier is None else ~kept & earlier[name]
        for fate, where in (("kept", kept), ("removed", removed)):
            counts[f"{fate}_positive"] += int((state[name][where] > 0).sum())
            counts[f"{fate}_negative"] += int((state[name][where] < 0).sum())
    return dict(counts)


def not_finite(state: Mapping[str, Tensor]) -> list[str]:
    """The names of the tensors that hold an infinity or a NaN."""
    return [name for name, x in state.items() if x.is_floating_point() and not bool(x.isfinite().all())]


def moved(end: State, mask: Mask) -> dict[str, Any]:
    """The removed entries that are not 0 in ``end``, as ``alarms.moved`` names the numbers."""
    away = {name: end[name][~kept] for name, kept in mask.items()}
    away = {name: values[values != 0] for name, values in away.items()}
    zeros = sum(int((end[name] == 0).sum()) for name in mask)
    return {
        "moved": sum(values.numel() for values in away.values()),
        "removed": algebra.entries(mask) - algebra.kept(mask),
        "entries": algebra.entries(mask),
        "largest": max((float(values.abs().max()) for values in away.values() if values.numel()), default=0.0),
        "layers": [name for name, values in away.items() if values.numel()],
        "left": zeros / algebra.entries(mask),
    }


def departures(found: Evidence, start: State, mask: Mask) -> dict[str, Any]:
    """Where ``start`` is not mask * init, as ``alarms.start_not_initial`` names the numbers."""

    def kept_differing(other: State) -> int:
        return sum(int((start[name][kept] != other[name][kept]).sum()) for name, kept in mask.items())

    outside = []
    if found.init is not None:
        for name in (found.init.keys() & start.keys()) - mask.keys():
            same = bool((found.init[name] == start[name]).all()) or name.endswith(STATISTICS)
            if not same and not any(_tied(name, other, (found.init, start)) for other in mask):
                outside.append(name)
    return {
        "changed": 0 if found.init is None else kept_differing(found.init),
        "kept": algebra.kept(mask),
        "nonzero": sum(int((start[name][~kept] != 0).sum()) for name, kept in mask.items()),
        "removed": algebra.entries(mask) - algebra.kept(mask),
        "is_dense": found.dense is not None and kept_differing(found.dense) == 0,
        "outside": sorted(outside),
    }


def ties(scores: Scores, mask: Mask, earlier: Mask | None, requested: Share) -> tuple[int, int]:
    """(candidates with the score at the requested cut, those of them that are kept); (0, 0) if no tie is cut through.

    The cut is global: one count over all tensors.
    """
    import torch

    (pool,) = pools(scores, requested, complete(scores, earlier))
    count = pool.requested - pool.gone
    if count <= 0:
        return 0, 0
    _, tied, leaving = pool.cut(count)
    if leaving == len(tied):
        return 0, 0
    return len(tied), int(torch.cat([mask[name].flatten() for name in scores])[tied].sum())


def removed_among_smallest(dense: State, mask: Mask) -> float | None:
    """The share of the removed entries that are among as many smallest |w| of ``dense``; 1 for its magnitude mask.

    None where nothing is removed.
    """
    import torch

    size = torch.cat([dense[name].abs().flatten() for name in mask])
    gone = torch.cat([~kept.flatten() for kept in mask.values()])
    count = int(gone.sum())
    if not count:
        return None
    return int(gone[size.argsort(stable=True)[:count]].sum()) / count


def _tied(name: str, other: str, states: Iterable[Mapping[str, Tensor]]) -> bool:
    """Whether two names hold the same values, and not one value throughout, in each of the states: a tied weight."""
    pairs = [(state[name], state[other]) for state in states]
    alike = all(a.shape == b.shape and bool((a == b).all()) for a, b in pairs)
    return alike and any(bool((a != a.flatten()[:1]).any()) for a, _ in pairs)


def _infer(found: Evidence, *, pruning: bool) -> Evidence:
    source, state = ("start", found.start) if found.start is not None else ("end", found.end)
    if state is None or (source == "end" and not pruning):
        return found
    kept: dict[str, Tensor] = {}
    all_states = [one for role in STATES if (one := getattr(found, role)) is not None]
    for name, tensor in state.items():
        if not tensor.is_floating_point() or name.endswith(STATISTICS):
            continue
        if any(
            _tied(name, other, all_states) for other in kept if all(name in one and other in one for one in all_states)
        ):
            continue
        if found.init is None:
            kept[name] = tensor != 0
        elif name in found.init and found.init[name].shape == tensor.shape:
            kept[name] = (tensor != 0) | (found.init[name] == 0)
        else:
            raise UsageError(f"'{name}' of {source} is not in init with its shape.{suggestion(name, found.init)}")
        # without init, a bias that is 0 may well have been 0 from the beginning
        if tensor.dim() < 2 and (found.init is None or bool(kept[name].all())):
            del kept[name]
    mask = cast(Mask, kept)
    if not mask or (algebra.kept(mask) == algebra.entries(mask) and not pruning):
        return found
    return replace(found, mask=mask, inferred=cast(Any, source))


def _plain(role: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    import torch

    if not isinstance(tensors, Mapping) or not all(torch.is_tensor(tensor) for tensor in tensors.values()):
        raise UsageError(f"{role} is a {type(tensors).__name__}; it has to be a dict of tensors: module.state_dict().")
    if not tensors:
        raise UsageError(f"{role} is an empty dict: there is nothing to audit in it.")
    return {name: tensor.detach().cpu() for name, tensor in admitted(tensors, where=role).items()}


def _fits(mask: Mask, role: str, tensors: Mapping[str, Tensor]) -> None:
    try:
        algebra.check(mask, tensors)
    except UsageError as error:
        raise UsageError(f"{role}: {error}") from None


def _ordered(mask: Mask, role: str, tensors: Mapping[str, Tensor]) -> None:
    """Refuse weights that cannot be compared by size and sign."""
    for name in mask:
        kind = str(tensors[name].dtype).removeprefix("torch.")
        if kind not in ORDERED:
            raise UsageError(f"{role}: '{name}' is {kind}, and a mask is of real numbers. Save it as float32.")


def _same_shapes(states: Mapping[str, Mapping[str, Tensor]]) -> None:
    roles = list(states)
    for role in roles[1:]:
        first, other = states[roles[0]], states[role]
        common = first.keys() & other.keys()
        if not common:
            names = f"'{next(iter(first))}', '{next(iter(other))}'"
            raise UsageError(f"{roles[0]} and {role} have no tensor name in common ({names}, ...): of one network?")
        for name in sorted(common):
            if first[name].shape != other[name].shape:
                shapes = f"{tuple(first[name].shape)} in {roles[0]} and {tuple(other[name].shape)} in {role}"
                raise UsageError(f"'{name}' has shape {shapes}: these are two different networks.")
