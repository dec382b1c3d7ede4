"""Shrinking: the smaller module without the channels that a mask removes, and the way back."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy

from lotterylab.errors import UsageError
from lotterylab.masks import algebra
from lotterylab.structure.channels import used
from lotterylab.structure.coupling import Structure, structure_of
from lotterylab.structure.layers import Layer
from lotterylab.types import Mask, State

if TYPE_CHECKING:
    from torch import Tensor, nn

STATISTICS = ("running_mean", "running_var")
TOLERANCE = 1e-6  # of the outputs of the two networks in float64, relative to the largest


@dataclass(frozen=True, kw_only=True, eq=False)
class Back:
    """A ``Back`` leads from a shrunk network to the whole one: ``back(small)`` scatters, ``back.cut(whole)`` gathers.

    Tensors are named as in a state.  Masks, and the flat names of an optimizer's state ("momentum/conv1.weight"), work
    as well.  Tensors from which no channel left are passed on.

    Args:
        places: by name of a parameter or buffer, the places that stay along its first axes, int (C,) each.
        whole: the whole network's tensors by name.  Running statistics of removed channels, which have no effect, are
            taken from here; other tensors are 0 there.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from lotterylab.network import state_of
        >>> from lotterylab.structure import channels
        >>> module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> mask = channels(module, {"0.weight": torch.tensor([True, False, True])}, shape=(2,))
        >>> small, state, back = shrink(module, state_of(module), mask, shape=(2,))
        >>> back(state)["0.weight"].shape, back.cut(mask)["2.weight"].shape
        (torch.Size([3, 2]), torch.Size([1, 2]))
    """

    places: Mapping[str, tuple[Tensor, ...]]
    whole: State

    def __call__(self, small: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the tensors in the shapes of the whole network."""
        import torch

        result = dict(small)
        for key, tensor in small.items():
            name = self._name(key)
            if name and tensor.shape == self.whole[name][self._index(name, "cpu")].shape:
                like = self.whole[name].to(tensor)
                result[key] = like.clone() if name.endswith(STATISTICS) else torch.zeros_like(like)
                result[key][self._index(name, tensor.device)] = tensor
        return result

    def cut(self, whole: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the tensors in the shapes of the small network."""
        result = dict(whole)
        for key, tensor in whole.items():
            name = self._name(key)
            if name and tensor.shape == self.whole[name].shape:
                result[key] = tensor[self._index(name, tensor.device)]
        return result

    def _name(self, key: str) -> str:
        """Return the tensor that a key names, "" if no channels left it."""
        name = key if key in self.whole else key.partition("/")[2]
        return name if name in self.places else ""

    def _index(self, name: str, device: Any) -> tuple[Tensor, ...]:
        places = [place.to(device) for place in self.places[name]]
        return (places[0],) if len(places) == 1 else (places[0][:, None], places[1])


def shrink(
    module: nn.Module, state: Mapping[str, Tensor], mask: Mask, *, shape: tuple[int, ...]
) -> tuple[nn.Module, State, Back]:
    """Return the module without the channels that a mask removes, its state, and the way back to the whole network.

    The small module gives the outputs of the whole one at ``mask * state``, which is checked in float64; trained with
    the cut mask, its surviving weights move as those of the whole one with the mask held.  A channel leaves where the
    mask removes all that makes it and all that reads it, in all layers that residual sums couple; what else the mask
    removes stays in the module, and in ``back.cut(mask)``.

    Args:
        module: the whole network; nothing of it is changed.
        state: its parameters and buffers by name.
        mask: bool tensors by name in the shapes of parameters, such as ``channels`` returns.
        shape: of one input, (C, H, W) or (features,).

    Returns:
        The small module, which holds the small state; that state, tensors by name; and the ``Back``.

    Raises:
        UsageError: the mask does not fit or removes all channels of a layer; the module cannot be followed, or cannot
            do with fewer channels.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from lotterylab.network import state_of
        >>> from lotterylab.structure import channels
        >>> module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))
        >>> mask = channels(module, {"1.weight": torch.tensor([True, False, True, False])}, shape=(1, 4, 4))
        >>> small, state, back = shrink(module, state_of(module), mask, shape=(1, 4, 4))
        >>> small[0].out_channels, small[4].in_features
        (2, 8)
    """
    structure = structure_of(module, shape)
    algebra.check(mask, dict(module.named_parameters()))
    leaving = _leaving(structure, cast(Mask, {**algebra.ones(dict(module.named_parameters())), **mask}))
    small = copy.deepcopy(module)
    places: dict[str, tuple[Tensor, ...]] = {}
    for layer in structure.layers:
        places |= _cut_layer(small.get_submodule(layer.name), layer, structure, leaving)
    whole = algebra.masked(cast(State, {name: tensor.detach() for name, tensor in state.items()}), mask)
    back = Back(places=places, whole=whole)
    small_state = cast(State, {name: tensor.clone() for name, tensor in back.cut(whole).items()})
    for name, tensor in (*small.named_parameters(), *small.named_buffers()):
        tensor.data = small_state[name].clone()
    _check_outputs(module, whole, small, shape)
    return small, small_state, back


def _leaving(structure: Structure, kept: Mask) -> Any:
    """Return which sets of channels leave, bool (sets,): those of groups of which nothing is made and nothing read."""
    made, read = used(structure, kept)
    groups = numpy.zeros(structure.groups.max() + 1, bool)
    groups[structure.groups[structure.fixed]] = True
    for ports, stay in ((structure.outs, made), (structure.ins, read)):
        for name, sets in ports.items():
            groups[structure.groups[sets[stay[name]]]] = True
    return ~groups[structure.groups]


def _cut_layer(layer: Any, names: Layer, structure: Structure, leaving: Any) -> dict[str, tuple[Tensor, ...]]:
    """Make a layer smaller, in place; return the places that stay in each of its tensors, none if all do."""
    import torch
    from torch import nn

    outs, ins = (
        torch.from_numpy(~leaving[sets[names.name]]).nonzero()[:, 0] for sets in (structure.outs, structure.ins)
    )
    if not len(outs) or not len(ins):
        raise UsageError(f"the mask removes all channels of '{names.name}'. A layer keeps at least one.")
    if not leaving[structure.outs[names.name]].any() and not leaving[structure.ins[names.name]].any():
        return {}
    if names.kind == "BatchNorm":
        layer.num_features = len(outs)
    elif names.kind == "Linear":
        layer.out_features, layer.in_features = len(outs), len(ins)
    else:
        layer.out_channels, layer.in_channels = len(outs), len(ins)
        layer.groups = len(outs) if names.each else 1
    places: dict[str, tuple[Tensor, ...]] = dict.fromkeys((*names.rows, *names.buffers), (outs,))
    if names.weight and not names.each:
        places[names.weight] = (outs, ins)
    for name in names.rows:
        part = name.rpartition(".")[2]
        old, place = getattr(layer, part), places[name]
        new = old.detach()[place[0].to(old.device)]
        new = new if len(place) == 1 else new[:, place[1].to(old.device)]
        setattr(layer, part, nn.Parameter(new.clone(), requires_grad=old.requires_grad))
    for name in names.buffers:
        part = name.rpartition(".")[2]
        setattr(layer, part, getattr(layer, part)[outs.to(getattr(layer, part).device)])
    return places


def _check_outputs(module: nn.Module, whole: State, small: nn.Module, shape: tuple[int, ...]) -> None:
    """Refuse a small module whose outputs differ from those of the masked whole one."""
    if not all(bool(tensor.isfinite().all()) for tensor in whole.values()):
        return  # a run that diverged has no outputs to compare
    expected = outputs_of(module, whole, shape)
    try:
        outputs = outputs_of(small, small.state_dict(), shape)
    except Exception as error:
        raise UsageError(f"the network cannot do with fewer channels; its forward pass fails: {error}") from error
    if outputs.shape != expected.shape or float((outputs - expected).abs().max()) > TOLERANCE * max(
        1.0, float(expected.abs().max())
    ):
        raise UsageError(
            "the network cannot do with fewer channels: without them its outputs differ from those of the masked "
            "network."
        )


def outputs_of(module: nn.Module, state: Mapping[str, Tensor], shape: tuple[int, ...]) -> Tensor:
    """Return the outputs (2, K) for two fixed random inputs, in evaluation mode and float64 on the CPU."""
    import torch
    from torch.func import functional_call

    inputs = torch.rand((2, *shape), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    tensors = {
        name: tensor.cpu().double() if tensor.is_floating_point() else tensor.cpu() for name, tensor in state.items()
    }
    with torch.no_grad():
        return functional_call(copy.deepcopy(module).cpu().double().eval(), tensors, (inputs,))
