"""The selection rule behind a mask, recognised from the mask and the weights that were ranked.

First the ranking: which size of the weights separates kept from removed ones, over all layers or in each layer.  Then
the count and the ties: which published rule (``masks.profiles``) removes just these weights at the requested sparsity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lotterylab.auditing.evidence import Evidence, removed_among_smallest, weights_alone, whole_filters
from lotterylab.auditing.patterns import along_inputs, in_memory, pattern_along
from lotterylab.errors import UsageError
from lotterylab.masks.counts import Share, as_fraction, removal_count
from lotterylab.masks.profiles import PROFILES
from lotterylab.rng import stream
from lotterylab.types import Mask

if TYPE_CHECKING:
    from torch import Tensor

BY_CHANCE = ("deconstructing", "rigl")  # rules that draw random numbers: their counts are compared
SCOPES = ("over all layers", "in each layer")
MOST_ENTRIES = 200_000_000  # of a mask whose rule is looked for; a sort needs eight bytes and more for each


FILTER_SIZES: Mapping[str, Callable[[Tensor], Tensor]] = {  # from |w|, (filters, entries)
    "L1 norm": lambda sizes: sizes.sum(1),
    "L2 norm": lambda sizes: sizes.norm(2, dim=1),
    "mean magnitude": lambda sizes: sizes.mean(1),
}


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """A ``Ranking`` gives each weight a size; ``scopes``: whether it is compared over all layers, in each, or both."""

    name: str
    sizes: Callable[[str, Tensor], Tensor]
    scopes: tuple[str, ...] = SCOPES


def rule_of(arm: Evidence, requested: Share | None) -> str:
    """Return a sentence on the rule that made the mask, or "" if the state that was ranked is not known.

    Args:
        arm: the evidence, with a mask, and with scores, the dense state, or the initial state.
        requested: the requested sparsity; without it only the ranking is named.
    """
    mask = weights_alone(arm.mask or Mask({}))
    mask = Mask({name: kept for name, kept in mask.items() if not bool(kept.all())})
    if not mask or sum(kept.numel() for kept in mask.values()) > MOST_ENTRIES:
        return ""
    for source, values in _ranked(arm):
        # a mask that is cut over all layers is cut in each layer too
        for scope, ranking in ((scope, each) for scope in SCOPES for each in _rankings(source) if scope in each.scopes):
            sizes = {name: ranking.sizes(name, values[name]) for name in mask}
            if _separates(sizes, mask, arm.earlier, scope):
                return f"{ranking.name} of '{source}', {scope}{_count(sizes, mask, arm.earlier, scope, requested)}"
        if found := _in_pieces(source, values, mask):
            return found
    known = [source for source, _ in _ranked(arm)]
    if not known:
        return ""
    share = removed_among_smallest(arm.dense, mask) if arm.dense is not None else None
    near = "" if share is None else f"; {100 * share:.1f} % of what was removed are among the smallest of 'dense'"
    return f"no ranking by the size of {' or '.join(known)} gives this mask{near}"


def _ranked(arm: Evidence) -> Iterator[tuple[str, Mapping[str, Tensor]]]:
    """Yield the states that may have been ranked, with their names."""
    for source, state in (("scores", arm.scores), ("dense", arm.dense), ("init", arm.init)):
        if state is not None:
            yield source, state


def _rankings(source: str) -> tuple[Ranking, ...]:
    if source == "scores":
        return (Ranking(name="the values", sizes=lambda name, values: values.double()),)
    return (
        Ranking(name="magnitude", sizes=lambda name, weight: weight.double().abs()),
        Ranking(
            name="magnitude over the layer's norm (nncf.prune)",
            sizes=lambda name, weight: weight.abs() / weight.norm(2),
            scopes=("over all layers",),
        ),
    )


def _separates(sizes: Mapping[str, Tensor], mask: Mask, earlier: Mask | None, scope: str) -> bool:
    """Tell whether no removed candidate is larger than a kept one, in each layer or over all."""
    largest_gone, smallest_kept = float("-inf"), float("inf")
    for name, kept in mask.items():
        candidates = kept | True if earlier is None else earlier[name]
        gone, left = sizes[name][~kept & candidates], sizes[name][kept]
        highest = float(gone.max()) if gone.numel() else float("-inf")
        lowest = float(left.min()) if left.numel() else float("inf")
        if not highest <= lowest:
            return False
        largest_gone, smallest_kept = max(largest_gone, highest), min(smallest_kept, lowest)
    return scope == "in each layer" or largest_gone <= smallest_kept


def _count(sizes: Mapping[str, Tensor], mask: Mask, earlier: Mask | None, scope: str, requested: Share | None) -> str:
    """Return which rules remove just these weights at the requested sparsity, or the share that is gone."""
    if requested is None or earlier is not None:
        return ""
    import torch

    pools = [(sizes[name].flatten(), kept.flatten()) for name, kept in mask.items()]
    if scope == "over all layers":
        pools = [(torch.cat([size for size, _ in pools]), torch.cat([kept for _, kept in pools]))]
    names = [name for name in ("lotterylab", *PROFILES) if all(_is_cut(name, *pool, requested) for pool in pools)]
    if not names:
        return ", with a count or ties of no rule that is known"
    return f", counted as {', '.join(names)}"


def _is_cut(name: str, sizes: Tensor, kept: Tensor, requested: Share) -> bool:
    """Tell whether a rule makes this mask, or removes as many if it draws random numbers."""
    removed = len(kept) - int(kept.sum())
    if name == "lotterylab":
        return removed == removal_count(requested, len(kept))
    try:
        made = PROFILES[name](sizes, float(as_fraction(requested)), stream(0, "audit", "rule"))
    except UsageError:
        return False
    if name in BY_CHANCE:
        return int(made.sum()) == int(kept.sum())
    return bool((made == kept).all())


def _in_pieces(source: str, values: Mapping[str, Tensor], mask: Mask) -> str:
    """Return the rule of a mask of whole filters, or of a pattern N:M, or ""."""
    if whole_filters(mask) is not None:
        kept = Mask({key: each.flatten(1).all(1) for key, each in mask.items()})
        for scope, (name, size) in ((scope, each) for scope in SCOPES for each in FILTER_SIZES.items()):
            sizes = {key: size(values[key].double().flatten(1).abs()) for key in mask}
            if _separates(sizes, kept, None, scope):
                return f"whole filters by the {name} of '{source}', {scope}"
        return ""
    for axis, rows in (("along the inputs", along_inputs), ("in memory order", in_memory)):
        found = {name: pattern_along(kept, axis) for name, kept in mask.items()}
        if all(found.values()) and all(
            _groups_separate(rows(values[name].double().abs()), rows(mask[name]), pattern[1])
            for name, pattern in found.items()
            if pattern
        ):
            words = sorted({f"{pattern[0]}:{pattern[1]}" for pattern in found.values() if pattern})
            return f"{' and '.join(words)} {axis} by the magnitude of '{source}'"
    return ""


def _groups_separate(sizes: Tensor, kept: Tensor, of: int) -> bool:
    """Tell whether in each whole group no removed entry is larger than a kept one."""
    whole = sizes.shape[1] // of * of
    groups, stay = sizes[:, :whole].reshape(-1, of), kept[:, :whole].reshape(-1, of)
    gone = groups.masked_fill(stay, float("-inf")).amax(1)
    left = groups.masked_fill(~stay, float("inf")).amin(1)
    return bool((gone <= left).all())
