"""The parameters that hold a module's weights: those that are pruned by default, and those that would be left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from typing import TYPE_CHECKING

from lotterylab.tied import is_lazy, tied

if TYPE_CHECKING:
    from torch import Tensor, nn

PRUNABLE_LAYERS = ("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Linear")
PACKED = ("uint8", "int8", "int16", "int32", "uint16", "uint32", "quint8", "qint8", "qint32", "quint4x2", "quint2x4")


@cache
def prunable_kinds() -> tuple[type[nn.Module], ...]:
    """Return the classes of ``PRUNABLE_LAYERS``."""
    from torch import nn

    return tuple(getattr(nn, name) for name in PRUNABLE_LAYERS)


class Weights:
    """``Weights`` tell the parameters of a module apart; each question is answered once.

    The functions below ask one question of a module.

    Args:
        module: as it is now; later changes are not seen.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.named: dict[str, nn.Parameter] = dict(module.named_parameters())
        self.layers = dict(module.named_modules())

    @cached_property
    def tied(self) -> dict[str, str]:
        """The name of the other parameter, for each whose memory lies within another's."""
        return tied(self.named)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters, a tied one once."""
        return tuple(name for name in self.named if name not in self.tied)

    @cached_property
    def name_of(self) -> dict[int, str]:
        """The name of each parameter by its identity: the first one, or that of the weight which it is tied to."""
        return {id(parameter): self.tied.get(name, name) for name, parameter in self.named.items()}

    @cached_property
    def layers_of(self) -> dict[str, list[nn.Module]]:
        """The Conv and Linear layers of each prunable weight; a tied weight has several."""
        layers: dict[str, list[nn.Module]] = {}
        for layer in self.layers.values():
            if isinstance(layer, prunable_kinds()) and (weight := layer._parameters.get("weight")) is not None:
                layers.setdefault(self.name_of[id(weight)], []).append(layer)
        return {name: layers[name] for name in self.names if name in layers}

    @cached_property
    def computed(self) -> tuple[str, ...]:
        """The Conv and Linear layers whose weight is not a parameter."""
        layers = ((name, layer) for name, layer in self.layers.items() if isinstance(layer, prunable_kinds()))
        return tuple(name or type(layer).__name__ for name, layer in layers if "weight" not in layer._parameters)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The entries of each parameter of two dimensions or more that holds numbers, a tied one once."""
        made = {name: self.named[name] for name in self.names if not is_lazy(self.named[name])}
        return {name: one.numel() for name, one in made.items() if one.dim() >= 2 and _holds_numbers(one)}

    @cached_property
    def shares(self) -> dict[str, float]:
        """The share of the weights that each of these parameters holds."""
        total = sum(self.sizes.values())
        return {name: size / total for name, size in self.sizes.items()} if total else {}

    @cached_property
    def unknown(self) -> dict[str, Tensor]:
        """Those of them that ``_known`` does not know."""
        known = {self.name_of[id(parameter)] for parameter in _known(self.layers.values())}
        return {name: self.named[name] for name in self.sizes if name not in known}

    @property
    def unknown_weights(self) -> tuple[str, ...]:
        """Those of the unknown ones that are no vectors."""
        return tuple(name for name, one in self.unknown.items() if one.numel() > max(one.shape))

    @property
    def unknown_scales(self) -> tuple[str, ...]:
        """Those of the unknown ones that are vectors: all their dimensions but one are 1."""
        return tuple(name for name, one in self.unknown.items() if one.numel() == max(one.shape))


def prunable_names(module: nn.Module) -> tuple[str, ...]:
    """Return the names of the weights of Conv and Linear layers, a tied weight once, under its first name.

    Biases, norms and embeddings are left out, as in the sparsities that papers report.

    Examples:
        >>> from torch import nn
        >>> prunable_names(nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3)))
        ('0.weight',)
    """
    return tuple(layers_of_weights(module))


def layers_of_weights(module: nn.Module) -> dict[str, list[nn.Module]]:
    """Return the Conv and Linear layers of each prunable weight; a tied weight has several."""
    return Weights(module).layers_of


def parameter_names(module: nn.Module) -> tuple[str, ...]:
    """Return the names of the parameters, a tied one once."""
    return Weights(module).names


def computed_weights(module: nn.Module) -> tuple[str, ...]:
    """Return the Conv and Linear layers whose weight is computed, by a parametrization, weight_norm or prune."""
    return Weights(module).computed


def unknown_weights(module: nn.Module) -> tuple[str, ...]:
    """Return the other parameters of two dimensions or more: of recurrent layers, of Bilinear, experts, a layer's own.

    Only its code tells a layer's own matrix from positions that are added to the inputs.  Embeddings, the projections
    of ``nn.MultiheadAttention`` and norms are not among them, nor is a weight that is tied to a Conv or Linear layer.
    Scales of one number for each channel, such as (C, 1, 1), are among ``unknown_scales``.

    Examples:
        >>> from torch import nn
        >>> unknown_weights(nn.ModuleList([nn.GRUCell(2, 3), nn.Linear(3, 2), nn.Embedding(5, 2)]))
        ('0.weight_ih', '0.weight_hh')
    """
    return Weights(module).unknown_weights


def unknown_scales(module: nn.Module) -> tuple[str, ...]:
    """Return the other parameters of two dimensions or more that are vectors: all their dimensions but one are 1.

    Examples:
        >>> import torch
        >>> unknown_scales(torch.nn.ParameterList([torch.ones(3, 1, 1), torch.ones(2, 2)]))
        ('0',)
    """
    return Weights(module).unknown_scales


def shares(module: nn.Module) -> dict[str, float]:
    """Return the share of a module's weights that each parameter of two dimensions or more holds.

    Examples:
        >>> from torch import nn
        >>> shares(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2), nn.Bilinear(2, 2, 1)))
        {'0.weight': 0.375, '1.weight': 0.375, '2.weight': 0.25}
    """
    return Weights(module).shares


def is_packed(tensor: Tensor) -> bool:
    """Return whether a tensor holds whole numbers, as quantised weights are stored."""
    return str(tensor.dtype).removeprefix("torch.") in PACKED


def tied_names(module: nn.Module) -> dict[str, str]:
    """Return, for each parameter whose memory lies within another's, the name of the other.

    A parameter that is registered twice has one name already.  These are different parameters of one memory, such as
    ``nn.Parameter(other.data)`` and ``nn.Parameter(other.T)``.

    Raises:
        UsageError: two parameters share a part of their memory, and neither holds the other.

    Examples:
        >>> from torch import nn
        >>> encoder, decoder = nn.Linear(3, 2), nn.Linear(2, 3)
        >>> decoder.weight = nn.Parameter(encoder.weight.detach().T)
        >>> tied_names(nn.Sequential(encoder, decoder))
        {'1.weight': '0.weight'}
    """
    return Weights(module).tied


def first_names(module: nn.Module) -> dict[int, str]:
    """Return the name of each parameter by its identity: the first one, or that of the weight which it is tied to."""
    return Weights(module).name_of


def _known(layers: Iterable[nn.Module]) -> Iterator[Tensor]:
    """Yield the weights of Conv and Linear layers, and the parameters that are left out without a word."""
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase

    for layer in layers:
        if isinstance(layer, (*prunable_kinds(), nn.Embedding, nn.EmbeddingBag)):
            names: tuple[str, ...] = ("weight",)
        elif isinstance(layer, nn.MultiheadAttention):
            names = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight", "bias_k", "bias_v")
        elif isinstance(layer, nn.LayerNorm | nn.GroupNorm | nn.RMSNorm | _NormBase):
            names = ("weight", "bias")
        else:
            continue
        yield from (one for name in names if (one := layer._parameters.get(name)) is not None)


def _holds_numbers(parameter: Tensor) -> bool:
    return parameter.is_floating_point() or parameter.is_complex() or is_packed(parameter)
