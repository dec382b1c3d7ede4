"""Coupled channels: the outputs of layers and the inputs of others that must leave together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy

from lotterylab.structure.layers import Layer
from lotterylab.structure.probe import INPUT, OUTPUT, Edge, probe

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, eq=False)
class Structure:
    """A ``Structure`` says which channels of a network are coupled; ``structure_of`` finds it.

    An output channel of a layer and the input channels of others that depend on it, with no layer in between, form a
    set.  A residual sum puts the channels that it adds into one set; flattening puts all pixels of a channel there.

    Args:
        layers: in the order of their calls.
        outs: by layer, the number of the set of each output channel, int (C,).
        ins: by layer, the number of the set of each input channel or feature, int (C,).
        fixed: bool (sets,), True where a set never leaves: it holds an input or output of the network, or nothing
            makes it, or nothing reads it.
        edges: the dependencies behind the sets: which output channels reach which input channels.
        groups: the number of the group of each set, int (sets,).  A norm couples the set before it with the set after
            it, so only whole groups can leave the module.

    Examples:
        >>> from torch import nn
        >>> module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
        >>> found = structure_of(module, (1, 4, 4))
        >>> (found.ins["4"] == found.outs["1"].repeat(4)).all()
        np.True_
        >>> (found.groups[found.outs["0"]] == found.groups[found.outs["1"]]).all()
        np.True_
    """

    layers: tuple[Layer, ...]
    outs: Mapping[str, numpy.ndarray]
    ins: Mapping[str, numpy.ndarray]
    edges: tuple[Edge, ...]
    fixed: numpy.ndarray
    groups: numpy.ndarray


def structure_of(module: nn.Module, shape: tuple[int, ...]) -> Structure:
    """Return which channels of a module are coupled.

    A copy of the module runs in evaluation mode with random numbers in the place of each layer's output, and gradients
    say on which of them the input of each layer depends.  So anything without parameters may stand between layers:
    activations, pools, sums, concatenations, padding, flattening.

    Args:
        module: convolutions, linear layers and batch norms, each called once; nothing of it is changed.
        shape: of one input, (C, H, W) or (features,).

    Raises:
        UsageError: the module cannot be followed, because it has other layers with parameters, mixes channels between
            layers, or calls a layer twice.

    Examples:
        >>> from torch import nn
        >>> structure_of(nn.Sequential(nn.Linear(2, 3), nn.GELU(), nn.Linear(3, 1)), (2,)).fixed.sum()
        np.int64(3)
    """
    found = probe(module, shape)
    ports = [*((name, "out") for name in found.outputs), *((name, "in") for name in found.inputs)]
    sizes = [*found.outputs.values(), *found.inputs.values()]
    places = dict(zip(ports, numpy.split(numpy.arange(sum(sizes)), numpy.cumsum(sizes)[:-1]), strict=True))
    pairs = [(places[edge.source, "out"][edge.outs], places[edge.reader, "in"][edge.ins]) for edge in found.edges]
    labels = _connected(pairs, sum(sizes))
    outs = {name: labels[places[name, "out"]] for name in found.outputs}
    ins = {name: labels[places[name, "in"]] for name in found.inputs}
    made, read, fixed = (numpy.zeros(labels.max() + 1, bool) for _ in range(3))
    made[numpy.concatenate(list(outs.values()))] = True
    read[numpy.concatenate(list(ins.values()))] = True
    fixed[numpy.concatenate([outs.pop(INPUT), ins.pop(OUTPUT)])] = True
    fixed |= ~(made & read)
    across = [(outs[layer.name], ins[layer.name]) for layer in found.layers if layer.each]
    groups = _connected(across, len(fixed))
    return Structure(layers=found.layers, outs=outs, ins=ins, edges=found.edges, fixed=fixed, groups=groups)


def _connected(pairs: Iterable[tuple[numpy.ndarray, numpy.ndarray]], size: int) -> numpy.ndarray:
    """Return the number of the component of each of ``size`` things, by the first of its members."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    empty = numpy.zeros(0, numpy.int64)
    a, b = (numpy.concatenate([empty, *(pair[side] for pair in pairs)]) for side in (0, 1))
    _, labels = connected_components(coo_matrix((numpy.ones(len(a)), (a, b)), shape=(size, size)), directed=False)
    _, first, inverse = numpy.unique(labels, return_index=True, return_inverse=True)
    return numpy.argsort(numpy.argsort(first))[inverse.reshape(-1)]
