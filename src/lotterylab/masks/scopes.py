"""Scopes: the competition of tensors, as the share that is removed of each tensor.

"global" is one competition over all tensors.  The other scopes give each tensor its own count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from lotterylab.errors import UsageError
from lotterylab.masks.counts import removal_count


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A ``Layer`` is a tensor of ``shape``: its number of units, and of those that an earlier mask left alive.

    ``unit`` is the word for them.
    """

    units: int
    alive: int
    shape: tuple[int, ...]
    unit: str = "entries"


Shares: TypeAlias = Callable[[Fraction, Mapping[str, Layer]], dict[str, Fraction]]


def layerwise(sparsity: Fraction, layers: Mapping[str, Layer]) -> dict[str, Fraction]:
    """Remove the same fraction of each tensor, rounded for each: the total may be off by half a unit for each."""
    return dict.fromkeys(layers, sparsity)


def uniform(sparsity: Fraction, layers: Mapping[str, Layer]) -> dict[str, Fraction]:
    """Keep the first tensor as it is and remove the same fraction of the others, so that the total is exact.

    [evci2020rigging, section 3]  Differs from the paper: RigL takes the requested fraction of the others, so that
    its total is less than requested.
    """
    first, *others = layers
    keep = _to_keep(sparsity, layers) - layers[first].alive
    if keep < 0:
        whole = f"{layers[first].alive} {layers[first].unit}"
        raise UsageError(
            f"scope 'uniform' leaves the first tensor, '{first}', as it is: {whole}, more than the "
            f"{_to_keep(sparsity, layers)} that sparsity {float(sparsity):g} leaves in all. Use scope='erk'."
        )
    kept = filled(keep, {name: Fraction(layers[name].units) for name in others}, _alive(layers))
    return _as_shares({first: layers[first].alive, **kept}, layers)


def erk(sparsity: Fraction, layers: Mapping[str, Layer]) -> dict[str, Fraction]:
    """Give each tensor a density in proportion to sum(shape) / prod(shape), at most 1; the total is exact.

    This is Erdos-Renyi-Kernel: small layers stay dense, large layers become sparse.   [evci2020rigging, section 3;
    mocanu2018scalable for linear layers]

    Examples:
        >>> layers = {"a": Layer(units=4, alive=4, shape=(2, 2)), "b": Layer(units=16, alive=16, shape=(4, 4))}
        >>> {name: 1 - share for name, share in erk(Fraction(2, 5), layers).items()}
        {'a': Fraction(1, 1), 'b': Fraction(1, 2)}
    """
    weights = {name: layer.units * Fraction(sum(layer.shape), math.prod(layer.shape)) for name, layer in layers.items()}
    return _as_shares(filled(_to_keep(sparsity, layers), weights, _alive(layers)), layers)


def balanced(sparsity: Fraction, layers: Mapping[str, Layer]) -> dict[str, Fraction]:
    """Keep the same number of units in each tensor; a tensor that is smaller than its share stays whole.

    The total is exact: what a small tensor cannot hold goes to the others in equal parts.   [gadhikar2023random]
    Differs from the authors' code, which drops what a small tensor cannot hold, so that its total is less than
    requested.

    Examples:
        >>> layers = {"a": Layer(units=2, alive=2, shape=(2,)), "b": Layer(units=16, alive=16, shape=(16,))}
        >>> {name: 1 - share for name, share in balanced(Fraction(5, 9), layers).items()}
        {'a': Fraction(1, 1), 'b': Fraction(3, 8)}
    """
    kept = filled(_to_keep(sparsity, layers), dict.fromkeys(layers, Fraction(1)), _alive(layers))
    return _as_shares(kept, layers)


SCOPES: dict[str, Shares | None] = {
    "global": None,
    "layerwise": layerwise,
    "uniform": uniform,
    "erk": erk,
    "balanced": balanced,
}


def _to_keep(sparsity: Fraction, layers: Mapping[str, Layer]) -> int:
    n = sum(layer.units for layer in layers.values())
    keep, alive = n - removal_count(sparsity, n), sum(layer.alive for layer in layers.values())
    if keep > alive:
        raise more_than_asked(sparsity, n, n - alive, "", next(iter(layers.values())).unit)
    return keep


def filled(keep: int, weights: Mapping[str, Fraction], room: Mapping[str, int]) -> dict[str, int]:
    """Distribute ``keep`` units in proportion to ``weights``, at most ``room`` of each tensor.

    The excess of a full tensor goes to the others.  Counts are rounded by largest remainder, the first of equals.

    Examples:
        >>> filled(5, {"a": Fraction(1), "b": Fraction(2)}, {"a": 9, "b": 3})
        {'b': 3, 'a': 2}
    """
    full: dict[str, int] = {}
    rest = dict(weights)
    while True:
        left, total = keep - sum(full.values()), sum(rest.values())
        quotas = {name: left * weight / total for name, weight in rest.items()} if total else {}
        over = [name for name, quota in quotas.items() if quota >= room[name]]
        if not over:
            break
        full |= {name: room[name] for name in over}
        rest = {name: weight for name, weight in rest.items() if name not in full}
    kept = full | {name: math.floor(quota) for name, quota in quotas.items()}
    by_remainder = sorted(quotas, key=lambda name: kept[name] - quotas[name])
    for name in by_remainder[: keep - sum(kept.values())]:
        kept[name] += 1
    return kept


def _alive(layers: Mapping[str, Layer]) -> dict[str, int]:
    return {name: layer.alive for name, layer in layers.items()}


def _as_shares(kept: Mapping[str, int], layers: Mapping[str, Layer]) -> dict[str, Fraction]:
    return {name: Fraction(layer.units - kept[name], layer.units) for name, layer in layers.items()}


def more_than_asked(sparsity: Fraction, n: int, gone: int, of: str, unit: str) -> UsageError:
    """Return the error for an earlier mask that removes ``gone`` of n units, more than the sparsity asks for."""
    return UsageError(
        f"sparsity {float(sparsity):g} asks that {removal_count(sparsity, n)} of {n} {unit}{of} go, but the mask "
        f"already removes {gone}, and none comes back. Ask for {Fraction(gone, n)} or more, or give no mask."
    )
