"""The parameters that hold a module's weights: those that are pruned by default, and those that would be left out.

"Two names of one weight" means one piece of memory: the same parameter, or another one that is a view of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

PRUNABLE_LAYERS = ("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Linear")
PACKED = ("uint8", "int8", "int16", "int32", "uint16", "uint32", "quint8", "qint8", "qint32", "quint4x2", "quint2x4")


def prunable_kinds() -> tuple[type[nn.Module], ...]:
    """Return the classes of ``PRUNABLE_LAYERS``."""
    from torch import nn

    return tuple(getattr(nn, name) for name in PRUNABLE_LAYERS)


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
    name_of = first_names(module)
    layers: dict[str, list[nn.Module]] = {}
    for layer in module.modules():
        if isinstance(layer, prunable_kinds()) and (weight := layer._parameters.get("weight")) is not None:
            layers.setdefault(name_of[id(weight)], []).append(layer)
    return {name: layers[name] for name in parameter_names(module) if name in layers}


def parameter_names(module: nn.Module) -> tuple[str, ...]:
    """Return the names of the parameters, a tied one once."""
    tied = tied_names(module)
    return tuple(name for name, _ in module.named_parameters() if name not in tied)


def computed_weights(module: nn.Module) -> tuple[str, ...]:
    """Return the Conv and Linear layers whose weight is computed, by a parametrization, weight_norm or prune."""
    kinds = prunable_kinds()
    layers = ((name, layer) for name, layer in module.named_modules() if isinstance(layer, kinds))
    return tuple(name or type(layer).__name__ for name, layer in layers if "weight" not in layer._parameters)


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
    return tuple(name for name, parameter in _unknown(module) if parameter.numel() > max(parameter.shape))


def unknown_scales(module: nn.Module) -> tuple[str, ...]:
    """Return the other parameters of two dimensions or more that are vectors: all their dimensions but one are 1.

    Examples:
        >>> import torch
        >>> unknown_scales(torch.nn.ParameterList([torch.ones(3, 1, 1), torch.ones(2, 2)]))
        ('0',)
    """
    return tuple(name for name, parameter in _unknown(module) if parameter.numel() == max(parameter.shape))


def shares(module: nn.Module) -> dict[str, float]:
    """Return the share of a module's weights that each parameter of two dimensions or more holds.

    Examples:
        >>> from torch import nn
        >>> shares(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2), nn.Bilinear(2, 2, 1)))
        {'0.weight': 0.375, '1.weight': 0.375, '2.weight': 0.25}
    """
    sizes = _sizes(module)
    total = sum(sizes.values())
    return {name: size / total for name, size in sizes.items()} if total else {}


def is_packed(tensor: Tensor) -> bool:
    """Return whether a tensor holds whole numbers, as quantised weights are stored."""
    return str(tensor.dtype).removeprefix("torch.") in PACKED


def is_lazy(tensor: Tensor) -> bool:
    """Return whether a tensor has no shape yet, as in a lazy module that has seen no input."""
    from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

    return isinstance(tensor, UninitializedParameter | UninitializedBuffer)


def has_own_operations(tensor: Tensor) -> bool:
    """Return whether a tensor is of a class that does its own operations: sharded, quantised, fake."""
    import torch

    kinds = (kind for kind in type(tensor).__mro__ if issubclass(kind, torch.Tensor) and kind is not torch.Tensor)
    return any("__torch_dispatch__" in vars(kind) for kind in kinds)


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
    by_memory: dict[int, list[tuple[str, Tensor]]] = {}
    for name, parameter in module.named_parameters():
        if _has_memory(parameter):
            by_memory.setdefault(parameter.untyped_storage().data_ptr(), []).append((name, parameter))
    tied: dict[str, str] = {}
    for sharing in by_memory.values():
        whole: list[tuple[str, Tensor]] = []
        for name, parameter in sorted(sharing, key=lambda pair: -pair[1].numel()) if len(sharing) > 1 else ():
            around = next((other for other, larger in whole if _lies_within(name, parameter, other, larger)), None)
            if around is None:
                whole.append((name, parameter))
            else:
                tied[name] = around
    return {name: tied[name] for name, _ in module.named_parameters() if name in tied}


def first_names(module: nn.Module) -> dict[int, str]:
    """Return the name of each parameter by its identity: the first one, or that of the weight which it is tied to."""
    tied = tied_names(module)
    return {id(parameter): tied.get(name, name) for name, parameter in module.named_parameters()}


def places_in(part: Tensor, whole: Tensor) -> Tensor:
    """Return where each entry of ``part`` lies in ``whole``, flat: int64 of the part's shape.

    Args:
        part: a tensor whose memory lies within that of ``whole``.
        whole: a tensor of the same type.
    """
    import torch

    own, all_ = _addresses(part).flatten(), _addresses(whole).flatten()
    ordered, order = torch.sort(all_)
    return order[torch.searchsorted(ordered, own)].view(part.shape)


def _known(module: nn.Module) -> Iterator[Tensor]:
    """Yield the weights of Conv and Linear layers, and the parameters that are left out without a word."""
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase

    for layer in module.modules():
        if isinstance(layer, (*prunable_kinds(), nn.Embedding, nn.EmbeddingBag)):
            names: tuple[str, ...] = ("weight",)
        elif isinstance(layer, nn.MultiheadAttention):
            names = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight", "bias_k", "bias_v")
        elif isinstance(layer, nn.LayerNorm | nn.GroupNorm | nn.RMSNorm | _NormBase):
            names = ("weight", "bias")
        else:
            continue
        yield from (one for name in names if (one := layer._parameters.get(name)) is not None)


def _unknown(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters of two dimensions or more that ``_known`` does not know, each with its name."""
    name_of = first_names(module)
    known = {name_of[id(parameter)] for parameter in _known(module)}
    yield from ((name, module.get_parameter(name)) for name in _sizes(module) if name not in known)


def _sizes(module: nn.Module) -> dict[str, int]:
    """Return the entries of each parameter of two dimensions or more that holds numbers, a tied one once."""
    parameters = dict(module.named_parameters())
    made = {name: parameters[name] for name in parameter_names(module) if not is_lazy(parameters[name])}
    return {
        name: parameter.numel()
        for name, parameter in made.items()
        if parameter.dim() >= 2 and (parameter.is_floating_point() or parameter.is_complex() or is_packed(parameter))
    }


def _has_memory(parameter: Tensor) -> bool:
    """Return whether a parameter is a plain tensor with memory of its own, which others may share."""
    import torch

    usual = not is_lazy(parameter) and not has_own_operations(parameter)
    return usual and parameter.layout == torch.strided and not parameter.is_meta and parameter.numel() > 0


def _lies_within(name: str, part: Tensor, other: str, whole: Tensor) -> bool:
    """Return whether the memory of ``part`` lies within that of ``whole``; refuse a part of it.

    Views of one buffer that have no entry in common are weights of their own.
    """
    if _laid_out(part) == _laid_out(whole):
        return True
    if _ends(part)[0] >= _ends(whole)[1] or _ends(whole)[0] >= _ends(part)[1]:
        return False
    import torch

    common = torch.isin(_addresses(part), _addresses(whole))
    if bool(common.any()) and not (bool(common.all()) and part.dtype == whole.dtype):
        raise UsageError(
            f"'{other}' and '{name}' share a part of their memory, so a mask of one would prune the other. Give each "
            "memory of its own: nn.Parameter(tensor.clone())."
        )
    return bool(common.any())


def _laid_out(tensor: Tensor) -> tuple[object, ...]:
    return tensor.dtype, tensor.data_ptr(), tuple(tensor.shape), tensor.stride()


def _ends(tensor: Tensor) -> tuple[int, int]:
    """Return the first byte of a tensor and the one behind its last."""
    reach = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True)) + 1
    return tensor.data_ptr(), tensor.data_ptr() + reach * tensor.element_size()


def _addresses(tensor: Tensor) -> Tensor:
    """Return the address of each entry, int64 of the tensor's shape."""
    import torch

    places = torch.zeros(tensor.shape, dtype=torch.int64)
    for axis, (size, stride) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
        shape = [1] * tensor.dim()
        shape[axis] = size
        places += (torch.arange(size) * stride).view(shape)
    return places * tensor.element_size() + tensor.data_ptr()
