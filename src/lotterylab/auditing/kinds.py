"""Kinds of tensors in a state dict, by their names, shapes and values: a state does not say which are parameters.

A mask that is inferred from zeros counts weights only.  A causal mask, positions, running statistics and the scales of
norms have zeros too, or would only enlarge the denominator.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Kind: TypeAlias = Literal["weight", "small", "norm", "buffer", "other"]

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # buffers of batch norm, which no one prunes
WEIGHT = re.compile(r"(^|_)(weight|kernel|proj)(_|$)|^(weight|kernel|w)\d*$|^weight_[ih]h_l|^original1?$")
BUFFER = re.compile(
    r"mask|^running_|num_batches_tracked|^pe$|pos(ition(al)?)?_?(ids?|index|enc|encoding)|relative_position_index"
    r"|relative_coords|inv_freq|freqs|^(cos|sin)(_cached)?$|_cached$|anchor|^grid|^(mean|std)$|_ids$|(^|_)index$"
)
NORM = re.compile(r"((^|_)(bn|gn|ln)|norm)_?\d*$")
SCALE = re.compile(r"^(weight_g|original0|gamma|g|scale)$")
BIAS = re.compile(r"(^|_)bias(_|$)")
EMBEDDING = re.compile(r"embed|(^|_)(wte|wpe|emb)($|_)")


def kind_of(name: str, tensor: Tensor) -> Kind:
    """Return "weight", "small" (a bias), "norm" (a scale), "buffer", or "other" if the name tells nothing.

    A tensor of integers, and a table in which all entries but the zeros are equal and above 0, or infinite, is a
    buffer: a causal mask.  Weights with one magnitude have two signs.

    Args:
        name: the name in the state dict.
        tensor: the values, of any shape.

    Examples:
        >>> import torch
        >>> kind_of("conv1.weight", torch.randn(4, 3, 3, 3)), kind_of("bn1.weight", torch.ones(4))
        ('weight', 'norm')
        >>> kind_of("attn.tril", torch.tril(torch.ones(8, 8)))
        'buffer'
    """
    layer, _, last = name.lower().rpartition(".")
    if not tensor.is_floating_point() or BUFFER.search(last):
        return "buffer"
    if NORM.search(layer.rpartition(".")[2]) or SCALE.search(last):
        return "norm"
    if tensor.dim() < 2:
        return "norm" if last == "weight" else "small"
    if BIAS.search(last):
        return "small"
    if WEIGHT.search(last):
        return "weight"
    return "buffer" if _is_table(tensor) else "other"


def is_embedding(name: str) -> bool:
    """Tell whether the name is that of a table of embeddings, whose padding rows are 0 without being pruned."""
    return bool(EMBEDDING.search(name.lower().rpartition(".")[0].rpartition(".")[2]))


def zeros_are_rows(tensor: Tensor) -> bool:
    """Tell whether every 0 of a tensor lies in a row, a slice along dimension 0, that is 0 as a whole."""
    rows = (tensor != 0).flatten(1)
    return bool((rows.any(1) == rows.all(1)).all())


def _is_table(tensor: Tensor) -> bool:
    """Tell whether all entries that are not 0 have one value, above 0 or infinite."""
    values = tensor[tensor != 0]
    if not values.numel() or values.numel() == tensor.numel():
        return False
    first = values.flatten()[0]
    lowest = bool(first < 0) and (bool(first.isinf()) or bool(first <= -1e4))  # of an attention mask that is added
    return bool((values == first).all()) and (bool(first > 0) or lowest)
