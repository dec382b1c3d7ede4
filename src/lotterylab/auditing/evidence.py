"""The audit's evidence is the checked tensors of one arm, and the plain numbers computed from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from lotterylab.errors import UsageError, suggestion
from lotterylab.formats.foreign import admitted
from lotterylab.masks import algebra
from lotterylab.masks.counts import Share, as_fraction, same_names
from lotterylab.masks.granularity import WEIGHT
from lotterylab.masks.select import complete
from lotterylab.types import Mask, Scores, State

if TYPE_CHECKING:
    from torch import Tensor

STATES = ("init", "dense", "start", "end")
ORDERED = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8")  # weights
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # buffers of batch norm, which no one prunes


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """An ``Evidence`` holds the tensors of one arm on the CPU, None if unknown.

    Each state has every tensor of the mask, with its shape.  ``inferred`` names the state whose exact zeros stand in
    for a missing mask.
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
        """Return the names of the given states, masks, scores and gradients."""
        roles = (*STATES, "mask", "earlier", "scores", "gradients")
        given = (role for role in roles if getattr(self, role) is not None)
        return tuple(role for role in given if not (role == "mask" and self.inferred))


def gather(requested: Share | None = None, **given: Mapping[str, Tensor] | None) -> Evidence:
    """Check the given tensors, and infer a missing mask.

    The inferred mask covers tensors of two or more dimensions (tied ones once), and smaller ones that lost entries.
    The exact zeros of ``start`` that are not zeros of ``init`` count as removed.  Without a start, the zeros of ``end``
    do, if a sparsity was ``requested``.  A dense run, without zeros and without a request, has no mask.

    Raises:
        UsageError: names or shapes do not fit, or an earlier mask has no later mask.
    """
    tensors = {role: _plain(role, value) for role, value in given.items() if value is not None}
    _same_shapes({role: tensors[role] for role in STATES if role in tensors})
    arm = Evidence(**cast(Any, tensors))
    if arm.mask is None:
        arm = _infer(arm, pruning=requested is not None and as_fraction(requested) > 0)
    if arm.mask is None:
        if arm.earlier is not None:
            raise UsageError("an earlier mask was given without the mask that followed it: give mask or start too.")
        return arm
    if not algebra.entries(arm.mask):
        raise UsageError("the mask has no entries. Give a mask of at least one weight.")
    for role in ("mask", *tensors):
        _check_fit(arm.mask, role, arm.mask if role == "mask" else tensors[role])
    for role in (role for role in STATES if role in tensors):
        _check_real(arm.mask, role, tensors[role])
    for role, tensors_of_role in (("scores", arm.scores), ("earlier mask", arm.earlier)):
        if tensors_of_role is not None:
            same_names(role, tensors_of_role, arm.mask)
    if arm.earlier is not None:
        _check_fit(arm.earlier, "earlier mask", arm.earlier)
    return arm


def by_tensor(mask: Mask) -> dict[str, tuple[int, int]]:
    """Return (removed, entries) of each tensor."""
    return {name: (int((~kept).sum()), kept.numel()) for name, kept in mask.items()}


def weights_alone(mask: Mask) -> Mask:
    """Return the mask without biases and norms, the tensors of fewer than two dimensions."""
    return cast(Mask, {name: kept for name, kept in mask.items() if kept.dim() >= 2})


def whole_filters(mask: Mask) -> Mask | None:
    """Return the mask of filters, slices along dimension 0, or None if a filter is only partly removed."""
    if any(kept.dim() < 2 or bool((kept.flatten(1).any(1) != kept.flatten(1).all(1)).any()) for kept in mask.values()):
        return None
    return cast(Mask, {name: kept.flatten(1).all(1) for name, kept in mask.items()})


def units(mask: Mask) -> int:
    """Count the removable units: filters, if whole filters and nothing else were removed, and entries otherwise."""
    filters = whole_filters(mask)
    return algebra.entries(mask if filters is None or algebra.kept(mask) == algebra.entries(mask) else filters)


def signs(state: State, mask: Mask, earlier: Mask | None) -> dict[str, int]:
    """Count the positive and negative candidates that were kept and removed, for ``alarms.one_sign``."""
    counts: Counter[str] = Counter()
    for name, kept in mask.items():
        removed = ~kept if earlier is None else ~kept & earlier[name]
        for fate, entries in (("kept", kept), ("removed", removed)):
            counts[f"{fate}_positive"] += int((state[name][entries] > 0).sum())
            counts[f"{fate}_negative"] += int((state[name][entries] < 0).sum())
    return dict(counts)


def not_finite(state: Mapping[str, Tensor]) -> list[str]:
    """Return the names of the tensors with an infinity or a NaN."""
    return [name for name, x in state.items() if x.is_floating_point() and not bool(x.isfinite().all())]


def moved(end: State, mask: Mask) -> dict[str, Any]:
    """Return the numbers of removed entries that are not 0 in ``end``, for ``run_alarms.moved``."""
    removed = {name: end[name][~kept] for name, kept in mask.items()}
    nonzero = {name: values[values != 0] for name, values in removed.items()}
    zeros = sum(int((end[name] == 0).sum()) for name in mask)
    return {
        "moved": sum(values.numel() for values in nonzero.values()),
        "removed": algebra.entries(mask) - algebra.kept(mask),
        "entries": algebra.entries(mask),
        "largest": max((float(values.abs().max()) for values in nonzero.values() if values.numel()), default=0.0),
        "layers": [name for name, values in nonzero.items() if values.numel()],
        "left": zeros / algebra.entries(mask),
    }


def departures(arm: Evidence, start: State, mask: Mask) -> dict[str, Any]:
    """Return the numbers of entries where ``start`` is not mask * init, for ``run_alarms.start_not_initial``."""

    def kept_differing(other: State) -> int:
        return sum(int((start[name][kept] != other[name][kept]).sum()) for name, kept in mask.items())

    outside = []
    if arm.init is not None:
        for name in (arm.init.keys() & start.keys()) - mask.keys():
            same = bool((arm.init[name] == start[name]).all()) or name.endswith(STATISTICS)
            if not same and not any(_tied(name, other, (arm.init, start)) for other in mask):
                outside.append(name)
    return {
        "changed": 0 if arm.init is None else kept_differing(arm.init),
        "kept": algebra.kept(mask),
        "nonzero": sum(int((start[name][~kept] != 0).sum()) for name, kept in mask.items()),
        "removed": algebra.entries(mask) - algebra.kept(mask),
        "is_dense": arm.dense is not None and kept_differing(arm.dense) == 0,
        "outside": sorted(outside),
    }


def ties(scores: Scores, mask: Mask, earlier: Mask | None, requested: Share) -> tuple[int, int]:
    """Return (candidates that share the score at the cut, candidates of these that are kept).

    The cut is global, with one count over all tensors.  Without a tie across the cut, the result is (0, 0).
    """
    import torch

    (pool,) = WEIGHT.pools(scores, requested, complete(scores, earlier), "global")
    if pool.gone > pool.requested:
        return 0, 0
    _, tied = pool.cut("index", 0)
    return len(tied), int(torch.cat([mask[name].flatten() for name in scores])[tied].sum())


def removed_among_smallest(dense: State, mask: Mask) -> float | None:
    """Return the share of the removed entries that global magnitude pruning of ``dense`` would remove too.

    The result is None if no entry is removed.
    """
    import torch

    magnitude = torch.cat([dense[name].abs().flatten() for name in mask])
    removed = torch.cat([~kept.flatten() for kept in mask.values()])
    count = int(removed.sum())
    if not count:
        return None
    return int(removed[magnitude.argsort(stable=True)[:count]].sum()) / count


def _tied(name: str, other: str, states: Iterable[Mapping[str, Tensor]]) -> bool:
    """Tell whether two names are a tied weight: equal values in each state, and not all one constant."""
    pairs = [(state[name], state[other]) for state in states]
    alike = all(a.shape == b.shape and bool((a == b).all()) for a, b in pairs)
    return alike and any(bool((a != a.flatten()[:1]).any()) for a, _ in pairs)


def _infer(arm: Evidence, *, pruning: bool) -> Evidence:
    source, state = ("start", arm.start) if arm.start is not None else ("end", arm.end)
    if state is None or (source == "end" and not pruning):
        return arm
    kept: dict[str, Tensor] = {}
    states = [getattr(arm, role) for role in STATES if getattr(arm, role) is not None]
    for name, tensor in state.items():
        if not tensor.is_floating_point() or name.endswith(STATISTICS):
            continue
        shared = [other for other in kept if all(name in known and other in known for known in states)]
        if any(_tied(name, other, states) for other in shared):
            continue
        if arm.init is None:
            kept[name] = tensor != 0
        elif name in arm.init and arm.init[name].shape == tensor.shape:
            kept[name] = (tensor != 0) | (arm.init[name] == 0)
        else:
            raise UsageError(f"'{name}' of {source} is not in init with its shape.{suggestion(name, arm.init)}")
        # without init, the audit cannot tell whether a bias of 0 was 0 from the beginning
        if tensor.dim() < 2 and (arm.init is None or bool(kept[name].all())):
            del kept[name]
    mask = cast(Mask, kept)
    if not mask or (algebra.kept(mask) == algebra.entries(mask) and not pruning):
        return arm
    return replace(arm, mask=mask, inferred=cast(Any, source))


def _plain(role: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    import torch

    if not isinstance(tensors, Mapping) or not all(torch.is_tensor(tensor) for tensor in tensors.values()):
        raise UsageError(f"{role} is a {type(tensors).__name__}; it must be a dict of tensors: module.state_dict().")
    if not tensors:
        raise UsageError(f"{role} is an empty dict. Give a dict of tensors, or leave it out.")
    return {name: tensor.detach().cpu() for name, tensor in admitted(tensors, where=role).items()}


def _check_fit(mask: Mask, role: str, tensors: Mapping[str, Tensor]) -> None:
    try:
        algebra.check(mask, tensors)
    except UsageError as error:
        raise UsageError(f"{role}: {error}") from None


def _check_real(mask: Mask, role: str, tensors: Mapping[str, Tensor]) -> None:
    """Refuse weights that cannot be compared by size and sign."""
    for name in mask:
        kind = str(tensors[name].dtype).removeprefix("torch.")
        if kind not in ORDERED:
            raise UsageError(f"{role}: '{name}' is {kind}, and only real numbers can be ranked. Save it as float32.")


def _same_shapes(states: Mapping[str, Mapping[str, Tensor]]) -> None:
    roles = list(states)
    for role in roles[1:]:
        first, other = states[roles[0]], states[role]
        common = first.keys() & other.keys()
        if not common:
            names = f"'{next(iter(first))}', '{next(iter(other))}'"
            raise UsageError(
                f"{roles[0]} and {role} have no tensor name in common ({names}, ...). Give states of the same network."
            )
        for name in sorted(common):
            if first[name].shape != other[name].shape:
                shapes = f"{tuple(first[name].shape)} in {roles[0]} and {tuple(other[name].shape)} in {role}"
                raise UsageError(f"'{name}' has shape {shapes}. Give states of the same network.")
