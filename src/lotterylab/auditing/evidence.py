"""The audit's evidence is the checked tensors of one arm, and the plain numbers computed from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from lotterylab.auditing.inferred import inferred_mask, is_tied
from lotterylab.auditing.kinds import STATISTICS
from lotterylab.errors import UsageError
from lotterylab.formats.checkpoints import Checkpoint, checkpoint_in
from lotterylab.masks import algebra
from lotterylab.masks.counts import Share, check_target, same_names
from lotterylab.masks.granularity import WEIGHT
from lotterylab.masks.select import complete
from lotterylab.types import Mask, Scores, State

if TYPE_CHECKING:
    from torch import Tensor

STATES = ("init", "dense", "start", "end")
MASKS = ("mask", "earlier")
ORDERED = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8")  # weights


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """An ``Evidence`` holds the tensors of one arm on the CPU, None if unknown.

    Each state has every tensor of the mask, with its shape.  ``inferred`` names the state whose exact zeros stand in
    for a missing mask, ``left_out`` tensors of that state with zeros that are no weights, ``judged`` what was taken for
    the network in each role, and ``adapters`` low-rank updates that are not merged into the end, by weight.
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
    left_out: tuple[str, ...] = ()
    judged: Mapping[str, str] = field(default_factory=dict)
    adapters: Mapping[str, Tensor] = field(default_factory=dict)

    def known(self) -> tuple[str, ...]:
        """Return the names of the given states, masks, scores and gradients."""
        roles = (*STATES, "mask", "earlier", "scores", "gradients")
        given = (role for role in roles if getattr(self, role) is not None)
        return tuple(role for role in given if not (role == "mask" and self.inferred))


def gather(
    requested: Share | None = None, *, infer: bool = False, **given: Mapping[str, Any] | Checkpoint | None
) -> Evidence:
    """Check the given tensors, and infer a missing mask.

    A state may be any dict that holds the network, as ``formats.networks`` chooses it; names that differ in a prefix
    from those of the end state are aligned.  A missing mask is that of the end state's own pruning library, or is
    inferred by ``inferred_mask``: the exact zeros of ``start`` that are not zeros of ``init`` count as removed.
    Without a start, the zeros of ``end`` do, if a sparsity was ``requested`` or ``infer`` is set.  A dense run, without
    zeros and without a request, has no mask.

    Raises:
        UsageError: a state holds no network, names or shapes do not fit, or an earlier mask has no later mask.
    """
    asked = None if requested is None else check_target(requested)
    checkpoints = {role: _checkpoint(role, value) for role, value in given.items() if value is not None}
    checkpoints = _alike(checkpoints)
    tensors = {role: checkpoint.tensors for role, checkpoint in checkpoints.items()}
    for role in ("end", "start"):
        if "mask" not in tensors and role in checkpoints and checkpoints[role].mask:
            tensors["mask"] = dict(checkpoints[role].mask or {})
    _same_shapes({role: tensors[role] for role in STATES if role in tensors})
    arm = Evidence(
        **cast(Any, tensors),
        judged={role: checkpoint.said for role, checkpoint in checkpoints.items()},
        adapters=checkpoints["end"].adapters if "end" in checkpoints else {},
    )
    if arm.mask is None:
        arm = _infer(arm, pruning=infer or bool(asked))
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


def refilled(arm: Evidence) -> dict[str, Any]:
    """Return the numbers of removed entries that unmerged adapters would fill, for ``run_alarms.refilled``."""
    end = arm.end or {}
    gone = {
        name: ~arm.mask[name] if arm.mask is not None and name in arm.mask else end[name] == 0
        for name in arm.adapters
        if name in end
    }
    filled = {name: int((arm.adapters[name][removed] != 0).sum()) for name, removed in gone.items()}
    return {
        "refilled": sum(filled.values()),
        "removed": sum(int(removed.sum()) for removed in gone.values()),
        "names": [name for name, count in filled.items() if count],
    }


def departures(arm: Evidence, start: State, mask: Mask) -> dict[str, Any]:
    """Return the numbers of entries where ``start`` is not mask * init, for ``run_alarms.start_not_initial``."""

    def kept_differing(other: State) -> int:
        return sum(int((start[name][kept] != other[name][kept]).sum()) for name, kept in mask.items())

    outside = []
    if arm.init is not None:
        for name in (arm.init.keys() & start.keys()) - mask.keys():
            same = bool((arm.init[name] == start[name]).all()) or name.endswith(STATISTICS)
            if not same and not any(is_tied(name, other, (arm.init, start)) for other in mask):
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


def _infer(arm: Evidence, *, pruning: bool) -> Evidence:
    source, state = ("start", arm.start) if arm.start is not None else ("end", arm.end)
    if state is None or (source == "end" and not pruning):
        return arm
    states = [getattr(arm, role) for role in STATES if getattr(arm, role) is not None]
    found = inferred_mask(state, arm.init, states, source)
    if not found.mask or (algebra.kept(found.mask) == algebra.entries(found.mask) and not pruning):
        return arm
    return replace(arm, mask=found.mask, inferred=cast(Any, source), left_out=found.left_out)


def _checkpoint(role: str, value: Mapping[str, Any] | Checkpoint) -> Checkpoint:
    if isinstance(value, Checkpoint):
        return value
    return checkpoint_in(value, where=role, wanted="mask" if role in MASKS else "network")


def _alike(checkpoints: Mapping[str, Checkpoint]) -> dict[str, Checkpoint]:
    """Return the checkpoints with their names as in the end state, or as in the first state there is."""
    if not checkpoints:
        return {}
    first = next(role for role in ("end", *STATES, "mask", *checkpoints) if role in checkpoints)
    names = checkpoints[first].tensors
    return {role: checkpoint if role == first else checkpoint.like(names) for role, checkpoint in checkpoints.items()}


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
