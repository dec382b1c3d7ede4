"""The refusals of ``attach``: optimizers and gradients that cannot be held, and ranks that disagree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from lotterylab.errors import UsageError
from lotterylab.masks import algebra
from lotterylab.types import Mask


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


def count_nonzero_bits(values: Tensor) -> int:
    """Count the entries of ``values``, ``(entries,)``, with any bit set, such as -0.0."""
    return int((values.view(torch.uint8) != 0).view(len(values), -1).any(dim=1).sum()) if len(values) else 0


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


def refuse_disagreement(mask: Mask) -> None:
    """Refuse masks that differ between the ranks of a distributed training."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return
    digests: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(digests, algebra.digest(mask))
    if len(set(digests)) > 1:
        raise UsageError(
            f"the ranks have different masks: {', '.join(str(digest)[:8] for digest in digests)}. Prune on one rank "
            "and broadcast the mask (torch.distributed.broadcast_object_list), or prune with one seed and batch on all."
        )


def refuse_sparse(gradient: Tensor, name: str) -> None:
    """Refuse a gradient that is not dense."""
    if gradient.layout != torch.strided:
        raise UsageError(
            f"the gradient of '{name}' is {gradient.layout}, which cannot be masked in place. Use dense gradients "
            "(Embedding(sparse=False))."
        )
