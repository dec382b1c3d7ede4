"""The tensors that ``attach`` holds, and its refusals: optimizers and gradients that cannot be held, and ranks that
disagree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lotterylab.errors import UsageError
from lotterylab.masks import algebra
from lotterylab.readable import check_loaded, check_maskable
from lotterylab.types import Mask
from lotterylab.weights import first_names


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield (path, tensor) for all tensors inside dicts, lists and tuples."""
    if isinstance(value, Tensor):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from walk(inner, f"{path}[{key!r}]")
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from walk(inner, f"{path}[{index}]")


def count_different_bits(values: Tensor, expected: Tensor) -> int:
    """Count the entries of ``values``, ``(entries,)``, whose bits are not those of ``expected``, as of -0.0 and 0.0."""
    different = values.view(torch.uint8) != expected.view(torch.uint8)
    return int(different.view(len(values), -1).any(dim=1).sum()) if len(values) else 0


def refuse_optimizer(optimizer: torch.optim.Optimizer) -> None:
    """Refuse an optimizer whose state cannot be held entry by entry."""
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise UsageError(f"{type(optimizer).__name__} is not a torch.optim.Optimizer, so it cannot be attached to.")
    if isinstance(optimizer, torch.optim.LBFGS):
        raise UsageError(
            f"{type(optimizer).__name__} keeps one flat history of all parameters and moves them many times in a step, "
            "so a mask cannot be held. Use SGD or Adam, or optimize a module of the kept weights alone."
        )
    if isinstance(optimizer, torch.optim.SparseAdam):
        raise UsageError(
            f"{type(optimizer).__name__} works on sparse gradients, which cannot be masked in place. Use Adam with "
            "dense gradients (Embedding(sparse=False))."
        )


def refuse_disagreement(mask: Mask, frozen: Mapping[str, Tensor] | None) -> None:
    """Refuse masks and frozen values that differ between the ranks of a distributed training."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return
    digests: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(digests, (algebra.digest(mask), algebra.digest(frozen or {})))
    masks, values = zip(*digests, strict=True)
    if len(set(values)) > 1:
        raise UsageError(
            f"the ranks have different frozen values: {', '.join(digest[:8] for digest in values)}. Build them with "
            "one seed on all ranks, or broadcast them (torch.distributed.broadcast)."
        )
    if len(set(masks)) > 1:
        raise UsageError(
            f"the ranks have different masks: {', '.join(digest[:8] for digest in masks)}. Prune on one rank "
            "and broadcast the mask (torch.distributed.broadcast_object_list), or prune with one seed and batch on all."
        )


def refuse_sparse(gradient: Tensor, name: str) -> None:
    """Refuse a gradient that is not dense."""
    if gradient.layout != torch.strided:
        raise UsageError(
            f"the gradient of '{name}' is {gradient.layout}, which cannot be masked in place. Use dense gradients "
            "(Embedding(sparse=False))."
        )


def find(module: nn.Module, optimizer: torch.optim.Optimizer, mask: Mask) -> dict[str, nn.Parameter]:
    """Return the masked parameters by name; refuse those that the optimizer does not move."""
    check_loaded(module)
    named = dict(module.named_parameters(remove_duplicate=False))
    algebra.check(mask, named)
    check_maskable((name, named[name]) for name in mask)
    kind = type(optimizer).__name__
    trained = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    seen: dict[str, str] = {}
    weight_of = first_names(module)
    for name in mask:
        parameter = named[name]
        if id(parameter) not in trained:
            raise UsageError(
                f"the mask names '{name}', which is in no parameter group of {kind}. Give it to the optimizer, or "
                "leave it out of the mask and set it once with lotterylab.apply."
            )
        if parameter.dim() == 0:
            raise UsageError(
                f"the mask names '{name}', a single number: its state in {kind} looks like a step count. Leave it out "
                "of the mask."
            )
        first = seen.setdefault(weight_of[id(parameter)], name)
        if first != name:
            raise UsageError(f"'{first}' and '{name}' are one tied parameter. Name it once in the mask.")
        for other, twin in module.named_parameters():
            if weight_of[id(twin)] == weight_of[id(parameter)] and twin is not parameter and id(twin) in trained:
                raise UsageError(
                    f"'{name}' and '{other}' are two parameters in one memory, and {kind} moves both. Assign one to "
                    "the other, so that they are one tied parameter, before you make the optimizer."
                )
    return {name: named[name] for name in mask}


def tensors(name: str, parameter: nn.Parameter, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    """Yield the parameter and its optimizer state of the same shape, each with its label for errors."""
    yield f"'{name}'", parameter
    kind = type(optimizer).__name__
    for path, tensor in walk(optimizer.state.get(parameter, {})):
        number = tensor.layout == torch.strided and (tensor.is_floating_point() or tensor.is_complex())
        if number and tensor.shape == parameter.shape:
            yield f"the state {path} of '{name}'", tensor
        elif tensor.numel() > 1:
            raise UsageError(
                f"{kind} keeps a state {path} of {tuple(tensor.shape)} and {tensor.dtype} for '{name}' of "
                f"{tuple(parameter.shape)}: it cannot be held entry by entry. Use an optimizer whose state is floating "
                "point and has the shape of the parameter (SGD, Adam, AdamW, RMSprop, Adagrad)."
            )
