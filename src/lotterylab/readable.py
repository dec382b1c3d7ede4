"""Modules and tensors that a mask cannot be made for or held on: each is refused by its name, before anything runs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lotterylab.errors import UsageError
from lotterylab.tied import has_own_operations, is_lazy
from lotterylab.weights import is_packed

if TYPE_CHECKING:
    from torch import Tensor, nn

QUANTISED = ("classes.quantized", "classes.rnn", "classes.sparse")  # where torch keeps its classes of packed weights


def check_loaded(module: nn.Module) -> None:
    """Refuse a module with a tensor that has no shape or no values yet, or whose weights are sharded as a whole.

    Raises:
        UsageError: a lazy module has seen no input, a tensor is on the meta device, or a layer is in FSDP's first form.

    Examples:
        >>> from torch import nn
        >>> check_loaded(nn.Linear(2, 2))
        >>> check_loaded(nn.LazyLinear(2))
        Traceback (most recent call last):
        ...
        lotterylab.errors.UsageError: 'weight' has no shape yet, as in a lazy module that has seen no input. ...
    """
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if is_lazy(tensor):
            raise UsageError(
                f"'{name}' has no shape yet, as in a lazy module that has seen no input. Run one batch through the "
                "module first: module(inputs)."
            )
        if tensor.is_meta:
            layer = name.rpartition(".")[0] or type(module).__name__
            raise UsageError(
                f"the weights of '{layer}' are not loaded: '{name}' is on the meta device, which holds no values. Load "
                "the whole module on a device first; a device map that offloads to disk leaves weights on meta."
            )
    loaded = sys.modules.get("torch.distributed.fsdp")  # it takes a second to import, and who uses it has done so
    for name, layer in module.named_modules():
        if loaded and isinstance(layer, loaded.FullyShardedDataParallel):
            raise UsageError(
                f"'{name or type(layer).__name__}' is sharded by FullyShardedDataParallel, whose parameters are flat "
                "shards. Prune the module, and apply the mask, before it is wrapped; DistributedDataParallel can hold "
                "a mask in training."
            )


def check_scorable(module: nn.Module) -> None:
    """Refuse a module that cannot be run as a function of its parameters, besides what ``check_loaded`` refuses.

    Raises:
        UsageError: a part is compiled by torch.jit, or a parameter is sharded, sparse, of float8 or of another special
            class.
    """
    import torch

    check_loaded(module)
    for name, layer in module.named_modules():
        if isinstance(layer, torch.jit.ScriptModule):
            raise UsageError(
                f"'{name or layer.original_name}' is compiled by torch.jit, which hides its layers. Prune the module "
                "before torch.jit.script or torch.jit.trace, and compile it with its mask applied."
            )
    for name, parameter in module.named_parameters():
        _check_kind(name, parameter)


def check_unpacked(module: nn.Module) -> None:
    """Refuse a module with weights that are packed outside of its parameters, which would be left out.

    Raises:
        UsageError: a layer has a weight as a buffer of whole numbers or as a packed object of torch.
    """
    import torch

    for name, layer in module.named_modules():
        buffers = layer.named_buffers(recurse=False)
        packed = [f"('{key}' is {one.dtype})" for key, one in buffers if "weight" in key and is_packed(one)]
        objects = [one for one in vars(layer).values() if isinstance(one, torch.ScriptObject)]
        if packed or any(word in str(one._type()) for one in objects for word in QUANTISED):
            place = re.split(r"\.?(_packed_params|_all_weight_values)", name)[0]
            raise UsageError(
                f"the weights of '{place or type(module).__name__}' are packed, as quantised layers keep them, so "
                f"they would be left out{f' {packed[0]}' if packed else ''}. Prune before quantising, or name the "
                "parameters to prune: params=[...]."
            )


def check_maskable(tensors: Iterable[tuple[str, Tensor]]) -> None:
    """Refuse tensors, by name, that a mask cannot set to zero in place.

    Raises:
        UsageError: a tensor is sharded, sparse, packed, of float8, expanded, or made in inference mode.
    """
    import torch

    for name, tensor in tensors:
        _check_kind(name, tensor)
        if is_packed(tensor):
            raise UsageError(
                f"'{name}' is {tensor.dtype}, as packed or quantised weights are, in which 0 need not mean a weight of "
                "0. Prune before quantising, or dequantise first."
            )
        if any(stride == 0 and size > 1 for size, stride in zip(tensor.shape, tensor.stride(), strict=True)):
            raise UsageError(
                f"'{name}' is an expanded tensor, in which several weights are one number in memory. Give it memory of "
                "its own: nn.Parameter(tensor.clone())."
            )
        if tensor.is_inference() and not torch.is_inference_mode_enabled():
            raise UsageError(
                f"'{name}' was made in torch.inference_mode and cannot be changed outside of it. Make the module "
                "outside of inference mode."
            )


def check_ordered(tensors: Iterable[tuple[str, Tensor]]) -> None:
    """Refuse tensors, by name, whose entries have no order by which a criterion could rank them.

    Raises:
        UsageError: a tensor is packed, complex or of whole numbers.
    """
    for name, tensor in tensors:
        if tensor.is_floating_point():
            continue
        if is_packed(tensor):
            check_maskable([(name, tensor)])
        advice = "Store torch.view_as_real of it as the parameter" if tensor.is_complex() else "Leave it out"
        raise UsageError(f"'{name}' is {tensor.dtype}, and only real numbers can be ranked. {advice}.")


def _check_kind(name: str, tensor: Tensor) -> None:
    import torch

    if tensor.layout != torch.strided:
        raise UsageError(
            f"'{name}' is {tensor.layout}, and a mask is for dense tensors. Use tensor.to_dense(); a mask then holds "
            "its zeros."
        )
    if has_own_operations(tensor):
        kind = type(tensor).__name__
        if kind == "DTensor":
            raise UsageError(
                f"'{name}' is a DTensor, a parameter that is sharded (fully_shard), and masks of sharded parameters "
                "are not supported. Prune the module, and apply the mask, before it is sharded; "
                "DistributedDataParallel can hold a mask in training."
            )
        raise UsageError(
            f"'{name}' is a {kind}, a tensor with operations of its own, as quantised weights are. Prune the module "
            "while its weights are plain floating-point tensors."
        )
    if "float8" in str(tensor.dtype) or "float4" in str(tensor.dtype):
        raise UsageError(
            f"'{name}' is {tensor.dtype}, a type for storage that torch hardly computes with. Prune the module in "
            "bfloat16 or float32, and convert it with its mask applied."
        )
