"""Masks of all parameters from a mask of channels, which has one entry for each scale or filter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import numpy

from lotterylab.errors import UsageError, suggestion, warn
from lotterylab.masks import algebra
from lotterylab.structure.coupling import Structure, structure_of
from lotterylab.structure.probe import INPUT, OUTPUT
from lotterylab.types import Mask

if TYPE_CHECKING:
    from torch import Tensor, nn


def channels(module: nn.Module, mask: Mask, *, shape: tuple[int, ...]) -> Mask:
    """Return the mask of all parameters that removes whole channels, such as those of an Early-Bird ticket.

    The scale and the shift of a removed channel of a norm leave, and so does the filter with its bias for a removed
    filter.  Then everything leaves that belongs to it alone: the filters that only removed channels read, and the
    weights that read only removed channels.  So an activation whose value at 0 is not 0, such as the sigmoid, leaves no
    constant behind.  Residual sums keep a channel as long as one of its parts stays.  A ``LotteryWarning`` says if
    outputs of the network leave, such as classes.

    Args:
        module: the network; nothing of it is changed.
        mask: by the name of a norm's scales, or of a convolution's or a linear layer's weight, bool (C,), True = kept:
            one entry for each channel.  Layers that it does not name keep their channels.
        shape: of one input, (C, H, W) or (features,).

    Returns:
        bool tensors by name, in the shapes of the parameters.

    Raises:
        UsageError: the mask has another name or shape, or removes all channels of a layer; the module cannot be
            followed.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
        >>> kept = channels(module, {"1.weight": torch.tensor([True, False])}, shape=(1, 4, 4))
        >>> {name: int((~entries).sum()) for name, entries in kept.items()}
        {'0.weight': 9, '0.bias': 1, '1.weight': 1, '1.bias': 1, '4.weight': 12, '4.bias': 0}
    """
    structure = structure_of(module, shape)
    kept = algebra.ones(dict(module.named_parameters()))
    layers = {layer.weight: layer for layer in structure.layers if layer.weight}
    for name, entries in mask.items():
        if name not in layers:
            raise UsageError(f"'{name}' is not the weight of a layer that the network calls.{suggestion(name, layers)}")
        if entries.shape != kept[name].shape[:1]:
            raise UsageError(
                f"the mask of '{name}' has the shape {tuple(entries.shape)}; one entry for each channel is needed, "
                f"{tuple(kept[name].shape[:1])}."
            )
        if not bool(entries.any()):
            raise UsageError(f"the mask removes all channels of '{name}'. never_emptied(mask, state) keeps the best.")
        for part in layers[name].rows:
            kept[part][~entries.to(kept[part].device)] = False
    if lost := lost_outputs(structure, kept):
        named = ", ".join(f"'{name}'" for name in mask if layers[name].name in lost)
        gone = len(set().union(*lost.values()))
        of = len({place for edge in structure.edges if edge.reader == OUTPUT for place in edge.ins.tolist()})
        warn(
            f"the mask of {named} removes {gone} of the {of} outputs of the network, which may be classes. Leave them "
            "in it."
        )
    while close(structure, kept):
        pass
    return kept


def lost_outputs(structure: Structure, kept: Mask) -> dict[str, set[int]]:
    """Return, by the layers that make them, the outputs of the network that nothing makes any more."""
    made, _ = used(structure, kept)
    edges = [edge for edge in structure.edges if edge.reader == OUTPUT]
    alive: set[int] = set()
    for edge in edges:
        alive.update(edge.ins.tolist() if edge.source == INPUT else edge.ins[made[edge.source][edge.outs]].tolist())
    lost = {edge.source: set(edge.ins.tolist()) - alive for edge in edges}
    return {source: outputs for source, outputs in lost.items() if outputs}


def never_emptied(mask: Mask, state: Mapping[str, Tensor] | None = None) -> tuple[Mask, tuple[str, ...]]:
    """Return a mask of channels in which each tensor keeps a channel, and the names of those that would have kept none.

    Args:
        mask: as in ``channels``: bool (C,) by name.
        state: tensors by name, by which the channel with the largest L1 norm stays; None keeps the first.

    Examples:
        >>> import torch
        >>> scales = {"norm.weight": torch.tensor([0.1, -0.3, 0.2])}
        >>> never_emptied({"norm.weight": torch.tensor([False, False, False])}, scales)
        ({'norm.weight': tensor([False,  True, False])}, ('norm.weight',))
    """
    result, emptied = {}, []
    for name, entries in mask.items():
        result[name] = entries.clone()
        if not bool(entries.any()):
            best = 0 if state is None else int(state[name].abs().reshape(len(entries), -1).sum(1).argmax())
            result[name][best] = True
            emptied.append(name)
    return cast(Mask, result), tuple(emptied)


def close(structure: Structure, kept: Mask) -> bool:
    """Remove the parameters of channels that have left from ``kept``, in place; tell whether there were any.

    An output channel has left if nothing that it reaches reads it, and an input channel if all that reaches it has.
    """
    made, read = used(structure, kept)
    heeded = {name: numpy.zeros(len(sets), bool) for name, sets in structure.outs.items()}
    reached = {name: numpy.zeros(len(sets), bool) for name, sets in structure.ins.items()}
    for source, outs, reader, ins in structure.edges:
        if reader != OUTPUT and source != INPUT:
            heeded[source][outs[read[reader][ins]]] = True
            reached[reader][ins[made[source][outs]]] = True
    changed = False
    for layer in structure.layers:
        outs, ins = structure.outs[layer.name], structure.ins[layer.name]
        silent = (~heeded[layer.name] & ~structure.fixed[outs]).nonzero()[0]
        still = (~reached[layer.name] & ~structure.fixed[ins]).nonzero()[0]
        parts = [*((name, 0, silent) for name in layer.rows), *((name, axis, still) for name, axis in layer.columns)]
        for name, axis, leaving in parts:
            part = kept[name].transpose(0, axis)
            if bool(part[leaving].any()):
                part[leaving] = False
                changed = True
    return changed


def used(structure: Structure, kept: Mask) -> tuple[dict[str, numpy.ndarray], dict[str, numpy.ndarray]]:
    """Return by layer which outputs can differ from 0, and which inputs have an effect on its outputs, bool (C,)."""
    made, read = {}, {}
    for layer in structure.layers:
        name = layer.name
        if layer.weight is None:
            made[name], read[name] = (numpy.ones(len(ports[name]), bool) for ports in (structure.outs, structure.ins))
            continue
        made[name] = _any(kept[layer.weight], 0)
        read[name] = _any(kept[layer.weight], 0 if layer.each else 1)
        if layer.bias:
            made[name] = made[name] | _any(kept[layer.bias], 0)
    return made, read


def _any(kept: Tensor, axis: int) -> numpy.ndarray:
    """Return whether any entry is kept at each place along an axis, bool (C,)."""
    return kept.transpose(0, axis).reshape(kept.shape[axis], -1).any(1).cpu().numpy()
