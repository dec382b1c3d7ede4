"""Chains of linear layers, which a training can compute without torch's autograd."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Links:
    """``Links`` are a network that flattens its input and calls its linear layers in a row, with one activation.

    Args:
        layers: the names of the linear layers, in the order of their calls.
        activation: between them, a word of ``models.activations``.
        slope: of a leaky ReLU below 0.
    """

    layers: tuple[str, ...]
    activation: str = "relu"
    slope: float = 0.01


def links_of(module: nn.Module) -> Links | None:
    """Return the links of a module of ``models.mlp``, or of an ``nn.Sequential`` of Flatten, Linear and one activation.

    Every other module has None, also one with hooks, computed weights or frozen parameters.

    Examples:
        >>> from torch import nn
        >>> links_of(nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))).layers
        ('1', '3')
        >>> links_of(nn.Sequential(nn.Linear(4, 3), nn.Dropout())) is None
        True
    """
    from torch import nn

    links: Links | None = getattr(module, "links", None) if type(module) is not nn.Sequential else _of_sequence(module)
    if not isinstance(links, Links) or not all(parameter.requires_grad for parameter in module.parameters()):
        return None
    parts = dict(module.named_modules())
    plain = all(type(parts[name]) is nn.Linear and "weight" in parts[name]._parameters for name in links.layers)
    return links if plain and not any(map(_has_hooks, parts.values())) else None


def _of_sequence(module: nn.Sequential) -> Links | None:
    from torch import nn

    names, layers = zip(*module.named_children(), strict=True) if len(module) else ((), ())
    if not layers or type(layers[0]) is not nn.Flatten or (layers[0].start_dim, layers[0].end_dim) != (1, -1):
        return None
    linear, between = layers[1::2], layers[2::2]
    known = {nn.ReLU: "relu", nn.LeakyReLU: "leaky_relu", nn.Softsign: "softsign"}
    kinds = {type(layer) for layer in between}
    slopes = {getattr(layer, "negative_slope", 0.01) for layer in between}
    alone = len(kinds) < 2 and len(slopes) < 2 and kinds <= known.keys()
    if not alone or len(linear) != len(between) + 1 or any(type(layer) is not nn.Linear for layer in linear):
        return None
    return Links(
        layers=names[1::2],
        activation=known[kinds.pop()] if kinds else "relu",
        slope=float(slopes.pop()) if slopes else 0.01,
    )


def _has_hooks(layer: nn.Module) -> bool:
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(layer, name) for name in hooks)
