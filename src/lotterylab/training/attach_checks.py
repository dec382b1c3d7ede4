"""The tensors that ``attach`` holds, and its refusals: optimizers and gradients that cannot be held, and ranks that
disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lotterylab.errors import UsageError
from lotterylab.masks import algebra
from lotterylab.own_code.arguments import described
from lotterylab.readable import check_loaded, check_maskable
from lotterylab.training.wrapped import Inside, calls_hooks, is_optimizer, walk
from lotterylab.types import Mask
from lotterylab.weights import first_names

Labelled = list[tuple[str, Tensor]]  # tensors with their labels for errors


def count_different_bits(values: Tensor, expected: Tensor) -> int:
    """Count the entries of ``values``, ``(entries,)``, whose bits are not those of ``expected``, as of -0.0 and 0.0."""
    different = values.view(torch.uint8) != expected.view(torch.uint8)
    return int(different.view(len(values), -1).any(dim=1).sum()) if len(values) else 0


def refuse_optimizer(optimizer: Any) -> None:
    """Refuse an optimizer whose state cannot be held entry by entry, also inside a wrapper."""
    kind = type(optimizer).__name__
    parts = Inside(optimizer, {}).parts()
    if not any(map(is_optimizer, parts.values())):
        raise UsageError(
            f"{described(optimizer)} is not a torch.optim.Optimizer. Call attach(module, optimizer, mask) with the "
            "optimizer of your loop."
        )
    for path, part in parts.items():
        name = f"{type(part).__name__} (inside {kind})" if path else kind
        if isinstance(part, torch.optim.LBFGS):
            raise UsageError(
                f"{name} keeps one flat history of all parameters and moves them many times in a step, so a mask "
                "cannot be held. Use SGD or Adam, or optimize a module of the kept weights alone."
            )
        if isinstance(part, torch.optim.SparseAdam):
            raise UsageError(
                f"{name} works on sparse gradients, which cannot be masked in place. Use Adam with dense gradients "
                "(Embedding(sparse=False))."
            )
        if getattr(part, "_overlap_with_ddp", False):
            raise UsageError(
                f"{name} with overlap_with_ddp=True takes its steps inside the backward pass, where a mask cannot be "
                "held. Make it with overlap_with_ddp=False."
            )
        if type(part).__module__.startswith("bitsandbytes") and getattr(part.args, "optim_bits", 32) == 8:
            raise UsageError(
                f"{name} keeps its state in codes of 8 bits, which cannot be held entry by entry. Make it with "
                "optim_bits=32, or use torchao's AdamW8bit."
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


def find(module: nn.Module, inside: Inside, mask: Mask) -> tuple[dict[str, nn.Parameter], list[Any]]:
    """Return the masked parameters by name, and the optimizers whose steps move them and call hooks.

    Raises:
        UsageError: the mask does not fit, the optimizer does not move a parameter, or no hook is called where it does.
    """
    check_loaded(module)
    named = dict(module.named_parameters(remove_duplicate=False))
    algebra.check(mask, named)
    check_maskable((name, named[name]) for name in mask)
    kind = type(inside.optimizer).__name__
    moved = [(optimizer, inside.moved(optimizer)) for optimizer in inside.parts().values() if is_optimizer(optimizer)]
    hooked = [(optimizer, ids) for optimizer, ids in moved if calls_hooks(optimizer)]
    trained = {number for _, ids in moved for number in ids}
    seen: dict[str, str] = {}
    weight_of = first_names(module)
    for name in mask:
        parameter = named[name]
        if id(parameter) not in trained:
            raise UsageError(
                f"the mask names '{name}', which is in no parameter group of {kind}. Give it to the optimizer, or "
                "leave it out of the mask and set it once with lotterylab.apply."
            )
        if not any(id(parameter) in ids for _, ids in hooked):
            raise UsageError(
                f"{kind} moves '{name}' and has no step hooks: its __init__ does not call that of "
                "torch.optim.Optimizer, and no optimizer inside it moves the weight. Call super().__init__(params, "
                "defaults) there."
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
    return {name: named[name] for name in mask}, [optimizer for optimizer, _ in hooked]


def tensors(parameters: Mapping[str, nn.Parameter], inside: Inside) -> dict[str, Labelled]:
    """Return each parameter with all that optimizers keep for it, by name, each with its label for errors.

    Raises:
        UsageError: something is kept that cannot be held entry by entry.
    """
    kept: dict[str, Labelled] = {name: [(f"'{name}'", parameter)] for name, parameter in parameters.items()}
    names = {id(parameter): name for name, parameter in parameters.items()}
    kind, states = type(inside.optimizer).__name__, inside.states()
    for name, parameter in parameters.items():
        for part, state in states.get(id(parameter), ()):
            for path, tensor in walk(state, part):
                if tensor is not parameter and (label := _label(tensor, parameter, path, name, kind)):
                    kept[name].append((label, tensor))
    for path, tensor, parameter in inside.loose():
        if (name := names.get(id(parameter))) and (label := _label(tensor, parameter, path, name, kind)):
            kept[name].append((label, tensor))
    return kept


def _label(tensor: Tensor, parameter: Tensor, path: str, name: str, kind: str) -> str:
    """Return the label of a tensor that can be held, and "" for a count of steps."""
    number = tensor.layout == torch.strided and (tensor.is_floating_point() or tensor.is_complex())
    if number and tensor.shape == parameter.shape:
        return f"the state {path} of '{name}'"
    if tensor.numel() > 1:
        raise UsageError(
            f"{kind} keeps a state {path} of {tuple(tensor.shape)} and {tensor.dtype} for '{name}' of "
            f"{tuple(parameter.shape)}: it cannot be held entry by entry. Use an optimizer whose state is floating "
            "point and has the shape of the parameter (SGD, Adam, AdamW, RMSprop, Adagrad)."
        )
    return ""
