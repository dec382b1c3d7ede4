"""Refusals of what interventions return, in sentences that name them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from lotterylab.errors import UsageError, a_type
from lotterylab.views import Change, Intervention, View


@contextmanager
def named_errors(intervention: Intervention, when: str) -> Iterator[None]:
    """Put the name of an intervention, and when it was called, before a refusal that does not begin with the name."""
    try:
        yield
    except UsageError as error:
        name = name_of(intervention)
        if str(error).startswith(f"{name}:"):
            raise
        raise UsageError(f"{name}, {when}: {error}") from error


def name_of(intervention: Intervention) -> str:
    """Return the name of an intervention for events and errors: that of its class, or of a user's class."""
    return getattr(intervention, "called", type(intervention).__name__)


def checked_carry(carry: Any) -> Mapping[str, Tensor]:
    """Return what ``begin`` returned, if it is tensors by name.

    Raises:
        UsageError: it is something else, such as a ``Change``: nothing can change or stop before the first update.
    """
    if not isinstance(carry, Mapping):
        raise UsageError(
            f"begin() returned {a_type(carry)}. Return tensors by name; a training cannot change or stop "
            "before its first update."
        )
    for name, tensor in carry.items():
        if not isinstance(tensor, Tensor):
            raise UsageError(f"begin() returned '{name}' as {a_type(tensor)}. Return tensors by name.")
    return carry


def problems(change: Any, view: View, before: Mapping[str, Tensor], keeps: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with what an intervention returned, in sentences.

    Args:
        change: what it returned.
        view: the training that it was given.
        before: its carry before the change.
        keeps: the names under which it may keep masks and states.
    """
    if not isinstance(change, Change):
        yield f"it returned {a_type(change)}. Return a Change; an empty one leaves the training as it is."
        return
    for kind, tensors, there in (
        ("state", change.state, view.state),
        ("optimizer", change.optimizer, view.optimizer),
        ("mask", change.mask or {}, view.mask or {}),
    ):
        for name, tensor in tensors.items():
            yield from _misfits(kind, name, tensor, there)
    if change.mask is not None and (missing := sorted((view.mask or {}).keys() - change.mask.keys())):
        yield f"it returned a mask without '{missing[0]}'. Return every tensor of view.mask."
    for kind, names in (("mask", change.found), ("state", change.kept)):
        if unknown := sorted(names.keys() - set(keeps)):
            known = f"Its keeps are {', '.join(keeps)}" if keeps else "Its keeps are empty"
            yield f"it kept a {kind} as '{unknown[0]}'. {known}: name it there."
    for name, tensor in change.carry.items():
        is_tensor, old = isinstance(tensor, Tensor), before.get(name)
        if not is_tensor or old is None or form({name: tensor}) != form({name: old}):
            given = f"{tensor.dtype} of {tensor.dim()} dimensions" if is_tensor else a_type(tensor)
            yield (
                f"it carries '{name}' as {given}, which begin() did not. Return tensors of begin's names, types and "
                "numbers of dimensions."
            )


def _misfits(kind: str, name: str, tensor: Any, there: Mapping[str, Tensor]) -> Iterator[str]:
    """Yield what is wrong with one tensor of a change, beside those that the training has."""
    if name not in there:
        yield f"it returned {kind} '{name}', which the training does not have. Return names of the view."
    elif not isinstance(tensor, Tensor):
        yield f"it returned {kind} '{name}' as {a_type(tensor)}. Return a tensor."
    elif tensor.shape != there[name].shape:
        yield (
            f"it returned {kind} '{name}' of shape {tuple(tensor.shape)}; the training has "
            f"{tuple(there[name].shape)}. Return the shape of the view."
        )
    elif kind == "mask" and tensor.dtype != torch.bool:
        yield f"it returned mask '{name}' of {tensor.dtype}. Return bool, True = kept."
    elif kind != "mask" and not bool(torch.isfinite(tensor).all()):
        yield f"it returned {kind} '{name}' with a number that is not finite."


def form(carry: Mapping[str, Tensor]) -> dict[str, tuple[str, int]]:
    """Return the type and the number of dimensions of each tensor of a carry."""
    return {name: (str(tensor.dtype), tensor.dim()) for name, tensor in carry.items()}
