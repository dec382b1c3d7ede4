"""Matching: the order of one network's units that brings its weights nearest to those of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy

from lotterylab.errors import UsageError
from lotterylab.structure.coupling import Structure, structure_of
from lotterylab.structure.shrink import TOLERANCE, outputs_of

if TYPE_CHECKING:
    from torch import Tensor, nn

LEAST_GAIN = 1e-9  # of the similarity, relative to the norms of both networks; below it nothing has changed


@dataclass(frozen=True, kw_only=True, eq=False)
class Order:
    """An ``Order`` puts the units of a network in other places; the network still computes the same function.

    ``order(tensors)`` returns a state or a mask in the new order.  Names that the order does not know are passed on.

    Args:
        places: by the name of a parameter or buffer, for each of its first axes the old place of what comes to each new
            place, int (C,).

    Examples:
        >>> import numpy, torch
        >>> order = Order(places={"weight": (numpy.array([1, 0]),)})
        >>> order({"weight": torch.tensor([[1.0, 2.0], [3.0, 4.0]])})["weight"].tolist()
        [[3.0, 4.0], [1.0, 2.0]]
    """

    places: Mapping[str, tuple[numpy.ndarray, ...]]

    def __call__(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the tensors in the new order; those that were given stay as they are."""
        import torch

        result = {name: tensor.detach().clone() for name, tensor in tensors.items()}
        for name in result.keys() & self.places.keys():
            for axis, places in enumerate(self.places[name]):
                index = torch.from_numpy(places).to(result[name].device)
                result[name] = result[name].index_select(axis, index)
        return result


def match(module: nn.Module, a: Mapping[str, Tensor], b: Mapping[str, Tensor], *, shape: tuple[int, ...]) -> Order:
    """Return the order of the units of ``a`` in which its weights are nearest to those of ``b``.

    The permutations P maximise the sum over all parameters of ``<P(A), B>``, one layer at a time by an optimal
    assignment.  The first pass goes from the input to the output and compares the incoming weights alone; then all
    layers are matched again by all weights, until nothing changes.   [ainsworth2023git, section 3.2]

    Units that are the same channel of several layers (residual sums, a norm after a convolution) move together, and all
    pixels of a channel move together behind a flattening.  The inputs and outputs of the network stay in place.

    Differs from the paper: its one pass visits the layers in a random order and begins with all weights.  A first pass
    by incoming weights finds the order of a network whose units were only permuted, exactly, if no two units of a layer
    have equal incoming weights.

    Args:
        module: the network of both; nothing of it is changed.
        a: the state to be put in order, tensors by name.
        b: the state that it is matched with.
        shape: of one input, (C, H, W) or (features,).

    Raises:
        UsageError: a state has tensors of other widths or numbers that are not finite, or the module's channels cannot
            be followed or exchanged.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from lotterylab.network import state_of
        >>> module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> a = state_of(module)
        >>> swapped = {**a, "0.weight": a["0.weight"].flip(0), "0.bias": a["0.bias"].flip(0)}
        >>> b = {**swapped, "2.weight": a["2.weight"].flip(1)}
        >>> match(module, a, b, shape=(2,)).places["0.weight"][0].tolist()
        [2, 1, 0]
    """
    for side, state in (("a", a), ("b", b)):
        _check(module, state, side)
    units = Units.of(structure_of(module, shape))
    names = [name for name in units.sides if name in dict(module.named_parameters())]
    arrays = {side: {name: _array(state[name]) for name in names} for side, state in (("a", a), ("b", b))}
    search = _Search(units=units, a=arrays["a"], b=arrays["b"])
    found = search.best()
    order = Order(
        places={name: tuple(units.places(ids, found) for ids in sides) for name, sides in units.sides.items()}
    )
    _check_function(module, a, order, shape)
    return order


@dataclass(frozen=True, kw_only=True, eq=False)
class Units:
    """The units of a network: which tensors hold them along which axes, and which can change places.

    ``sides``: by tensor, the number of the unit at each place along its first axes.  ``classes``: the units that can
    take each other's place: those that stand equally often in each axis of each tensor.
    """

    sides: Mapping[str, tuple[numpy.ndarray, ...]]
    classes: tuple[numpy.ndarray, ...]
    count: int

    @classmethod
    def of(cls, structure: Structure) -> Units:
        """Return the units of a structure; those at the network's inputs and outputs are in no class."""
        sides: dict[str, tuple[numpy.ndarray, ...]] = {}
        for layer in structure.layers:
            outs, ins = (structure.groups[ports[layer.name]] for ports in (structure.outs, structure.ins))
            sides |= dict.fromkeys((*layer.rows, *layer.buffers), (outs,))
            if layer.weight and not layer.each:
                sides[layer.weight] = (outs, ins)
        count = int(structure.groups.max()) + 1
        counts = [numpy.bincount(ids, minlength=count) for axes in sides.values() for ids in axes]
        free = numpy.ones(count, bool)
        free[structure.groups[structure.fixed]] = False
        kinds: dict[bytes, list[int]] = {}
        for unit in free.nonzero()[0]:
            kinds.setdefault(numpy.array([each[unit] for each in counts]).tobytes(), []).append(int(unit))
        return cls(
            sides=sides, classes=tuple(numpy.array(kind) for kind in kinds.values() if len(kind) > 1), count=count
        )

    def places(self, ids: numpy.ndarray, found: numpy.ndarray) -> numpy.ndarray:
        """Return the old place of what comes to each place of an axis, if unit u is replaced by ``found[u]``."""
        order = numpy.argsort(ids, kind="stable")
        starts = numpy.searchsorted(ids[order], numpy.arange(self.count))
        nth = numpy.empty(len(ids), numpy.int64)
        nth[order] = numpy.arange(len(ids)) - starts[ids[order]]  # a unit's first, second, ... place along the axis
        return order[starts[found[ids]] + nth]


@dataclass(kw_only=True, eq=False)
class _Search:
    """The assignment of the units of ``a`` to those of ``b``, float64 arrays by name."""

    units: Units
    a: Mapping[str, numpy.ndarray]
    b: Mapping[str, numpy.ndarray]

    def best(self) -> numpy.ndarray:
        """Return for each unit the unit of ``a`` that takes its place, int (units,)."""
        found = numpy.arange(self.units.count)
        settled = numpy.ones(self.units.count, bool)
        for units in self.units.classes:
            settled[units] = False
        for units in self.units.classes:
            found = self._assigned(units, found, settled)
            settled[units] = True
        least = LEAST_GAIN * _norm(self.a) * _norm(self.b)
        similarity, changed = self._similarity(found), True
        while changed:
            changed = False
            for units in self.units.classes:
                other = self._assigned(units, found, settled)
                if (reached := self._similarity(other)) > similarity + least:
                    found, similarity, changed = other, reached, True
        return found

    def _assigned(self, units: numpy.ndarray, found: numpy.ndarray, settled: numpy.ndarray) -> numpy.ndarray:
        """Return ``found`` with the best assignment of one class, by the weights whose other ends are settled."""
        from scipy.optimize import linear_sum_assignment

        scores = numpy.zeros((len(units), len(units)))
        parts = list(self._slices(units, found, settled)) or list(self._slices(units, found, settled | True))
        for of_a, of_b in parts:
            scores += of_b @ of_a.T
        result = found.copy()
        result[units] = units[linear_sum_assignment(scores, maximize=True)[1]]
        return result

    def _slices(
        self, units: numpy.ndarray, found: numpy.ndarray, settled: numpy.ndarray
    ) -> Iterator[tuple[numpy.ndarray, numpy.ndarray]]:
        """Yield the weights of each unit in each tensor, in ``a`` and in ``b``: (units, weights)."""
        for name, old in self.a.items():
            sides = self.units.sides[name]
            for axis, ids in enumerate(sides):
                members = numpy.isin(ids, units)
                others = [side for number, side in enumerate(sides) if number != axis]
                if not members.any() or not all(settled[side].all() for side in others):
                    continue
                moved = old
                for number, side in enumerate(sides):
                    if number != axis:
                        moved = moved.take(self.units.places(side, found), number)
                places = members.nonzero()[0][numpy.argsort(ids[members], kind="stable")].reshape(len(units), -1)
                both = (
                    numpy.moveaxis(array, axis, 0)[places].reshape(len(units), -1) for array in (moved, self.b[name])
                )
                yield tuple(both)  # type: ignore[misc]

    def _similarity(self, found: numpy.ndarray) -> float:
        """Return the sum over all parameters of the products of permuted ``a`` and ``b``."""
        total = 0.0
        for name, old in self.a.items():
            moved = old
            for axis, ids in enumerate(self.units.sides[name]):
                moved = moved.take(self.units.places(ids, found), axis)
            total += float((moved * self.b[name]).sum())
        return total


def _norm(arrays: Mapping[str, numpy.ndarray]) -> float:
    return float(numpy.sqrt(sum(float((array**2).sum()) for array in arrays.values())))


def _array(tensor: Tensor) -> numpy.ndarray:
    return tensor.detach().cpu().double().numpy()


def _check(module: nn.Module, state: Mapping[str, Tensor], side: str) -> None:
    """Refuse a state of another network, or one that diverged."""
    for name, parameter in module.named_parameters():
        if name not in state:
            raise UsageError(f"the state '{side}' has no tensor '{name}'. Give states of the network that is aligned.")
        if state[name].shape != parameter.shape:
            raise UsageError(
                f"'{name}' of the state '{side}' has the shape {tuple(state[name].shape)}; the network has "
                f"{tuple(parameter.shape)}. Only networks of equal widths can be aligned."
            )
        if not bool(state[name].isfinite().all()):
            raise UsageError(f"'{name}' of the state '{side}' has a number that is not finite. Did its run diverge?")


def _check_function(module: nn.Module, state: Mapping[str, Tensor], order: Order, shape: tuple[int, ...]) -> None:
    """Refuse an order after which the network computes something else."""
    whole = {**{name: tensor.detach() for name, tensor in module.state_dict().items()}, **state}
    expected, outputs = (outputs_of(module, tensors, shape) for tensors in (whole, order(whole)))
    if float((outputs - expected).abs().max()) > TOLERANCE * max(1.0, float(expected.abs().max())):
        raise UsageError(
            "the units of this network cannot change places: something between its layers depends on their order."
        )
