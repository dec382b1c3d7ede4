"""The inside of an optimizer: the optimizers that it wraps, and every tensor that they keep for a parameter.

Wrappers (accelerate, Lookahead, SAM, ZeRO) leave momentum in the optimizer inside them, and keep slow, saved or float32
weights in their own state or attributes.  Each of these tensors can bring a pruned weight back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lotterylab.errors import UsageError

OWN = ("state", "param_groups", "defaults")  # attributes that are read apart
SAVED = "_all_state_dicts"  # copies that ZeroRedundancyOptimizer has gathered for a checkpoint; nothing reads them back
LISTS = (list, tuple, deque, set, frozenset)


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield (path, tensor) for all tensors inside dicts, lists, tuples and sets."""
    if isinstance(value, Tensor):
        yield path, value
    elif isinstance(value, Mapping):
        for number, (key, inner) in enumerate(value.items()):
            yield from walk(inner, f"{path}[{_word(key, number)}]")
    elif isinstance(value, LISTS):
        for index, inner in enumerate(value):
            yield from walk(inner, f"{path}[{index}]")


def is_optimizer(value: Any) -> bool:
    """Tell whether a value is used as an optimizer: it has groups of parameters and takes steps."""
    if isinstance(value, torch.optim.Optimizer):
        return True
    if isinstance(value, type | Tensor | nn.Module):
        return False
    return isinstance(getattr(value, "param_groups", None), list) and callable(getattr(value, "step", None))


def calls_hooks(optimizer: Any) -> bool:
    """Tell whether torch calls hooks after ``optimizer.step()``; a class whose ``__init__`` skips torch's has none."""
    has_place = hasattr(optimizer, "_optimizer_step_post_hooks")
    return isinstance(optimizer, torch.optim.Optimizer) and has_place and hasattr(type(optimizer).step, "hooked")


class Inside:
    """An ``Inside`` finds what an optimizer and the optimizers inside it keep for the parameters of a module.

    Args:
        optimizer: the optimizer that was given; it may wrap others.
        parameters: the module's parameters by name.
        masked: the names of masked parameters; a tensor that may be a copy of one and belongs to none is refused.
    """

    def __init__(self, optimizer: Any, parameters: Mapping[str, nn.Parameter], masked: Iterable[str] = ()) -> None:
        self.optimizer, self._parameters = optimizer, parameters
        self._masked = [parameters[name] for name in masked if name in parameters]  # others are refused elsewhere
        self.is_plain = type(optimizer).__module__.startswith("torch.optim.")  # torch's own wrap nothing

    def parts(self) -> dict[str, Any]:
        """Return each optimizer by the path to it: "" for the given one, "base_optimizer" for one inside."""
        if self.is_plain:
            return {"": self.optimizer}
        found: dict[str, Any] = {"": self.optimizer}
        waiting = [("", self.optimizer)]
        while waiting:
            path, optimizer = waiting.pop()
            for name, value in _attributes(optimizer):
                for inner_path, inner in _optimizers(value, f"{path}.{name}" if path else name):
                    if all(inner is not known for known in found.values()):
                        found[inner_path] = inner
                        waiting.append((inner_path, inner))
        return found

    def moved(self, optimizer: Any) -> set[int]:
        """Return the ids of the module's parameters that an optimizer moves, itself or through copies of them."""
        return {id(parameter) for _, _, parameter in self.members(optimizer)}

    def members(self, optimizer: Any) -> Iterator[tuple[Mapping[str, Any], Tensor, Tensor]]:
        """Yield (group, tensor in it, the module's parameter that it is or stands for) for an optimizer."""
        copies: Mapping[int, Tensor] = {} if self.is_plain else self._copies()
        for group in _groups(optimizer):
            for tensor in group["params"]:
                owner = copies.get(id(tensor))
                yield group, tensor, tensor if owner is None else owner

    def outside(self) -> list[Tensor]:
        """Return the tensors that optimizers move and that neither are nor stand for parameters of the module."""
        known = {id(parameter) for parameter in self._parameters.values()}
        members = (member for part in self.parts().values() for member in self.members(part))
        return [parameter for _, _, parameter in members if id(parameter) not in known]

    def states(self) -> dict[int, list[tuple[str, dict[str, Any]]]]:
        """Return (path of the optimizer, state) by the id of the parameter that the state belongs to."""
        copies = {} if self.is_plain else self._copies()
        found: dict[int, list[tuple[str, dict[str, Any]]]] = {}
        seen: list[Any] = []  # a wrapper may show the state of the optimizer inside it as its own
        for path, optimizer in self.parts().items():
            state = getattr(optimizer, "state", None)
            if not isinstance(state, Mapping) or any(state is other for other in seen):
                continue
            seen.append(state)
            for key, of_key in state.items():
                if isinstance(key, Tensor):
                    found.setdefault(id(copies.get(id(key), key)), []).append((path, of_key))
        return found

    def loose(self) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Yield (path, tensor, parameter) for tensors outside the state of a parameter, such as lists of slow weights.

        Raises:
            UsageError: a tensor that may be a copy of masked weights, or their momentum, belongs to no parameter.
        """
        if self.is_plain:
            return
        same = {_address(tensor) for tensor in (*self._parameters.values(), *self._gradients())}
        for path, tensor, owner in self._assigned():
            if tensor is owner or (_address(tensor) in same and _address(tensor)):
                continue  # the weight itself, or a view of it
            if owner is not None:
                yield path, tensor, owner
            elif self._is_suspicious(tensor):
                raise UsageError(
                    f"{type(self.optimizer).__name__} keeps '{path}' of {tuple(tensor.shape)} outside the state of a "
                    "parameter, and it cannot be told to which weights it belongs, so a mask cannot be held there. "
                    "Attach to an optimizer that keeps one tensor for each parameter (SGD, Adam, AdamW)."
                )

    def _gradients(self) -> Iterator[Tensor]:
        return (p.grad for p in self._parameters.values() if p.grad is not None)

    def _is_suspicious(self, tensor: Tensor) -> bool:
        shapes = {parameter.shape for parameter in self._masked}
        whole = sum(parameter.numel() for parameter in self._masked)
        return tensor.numel() > 1 and (tensor.shape in shapes or tensor.numel() >= whole > 0)

    def _copies(self) -> dict[int, Tensor]:
        """Return the parameter that a tensor stands for, by the id of the tensor."""
        known = {id(parameter) for parameter in self._parameters.values()}
        copies: dict[int, Tensor] = {}
        for _, copy, owner in self._assigned():
            if owner is not None and id(copy) not in known:
                copies[id(copy)] = owner
        return copies

    def _assigned(self) -> Iterator[tuple[str, Tensor, Tensor | None]]:
        """Yield (path, tensor, the parameter that it belongs to or None) for tensors outside the states."""
        parts = self.parts()
        flat = {path: _flat(optimizer) for path, optimizer in parts.items()}
        owners = {id(tensor): tensor for tensors in (*flat.values(), self._parameters.values()) for tensor in tensors}
        by_key: dict[Any, Tensor] = {**self._parameters, **owners}
        own = list({id(parameter): parameter for parameter in self._parameters.values()}.values())
        whole = flat[""] or [tensor for tensors in flat.values() for tensor in tensors]
        for path, optimizer in parts.items():
            before = f"{path}." if path else ""
            groups = [group["params"] for group in _groups(optimizer)]
            orders = _orders([flat[path], *groups, whole, own])
            for name, value in _attributes(optimizer):
                yield from _owned(value, before + name, orders, groups, by_key)
            for number, group in enumerate(_groups(optimizer)):
                of_group = _orders([group["params"]])
                for key, value in group.items():
                    if key != "params":
                        place = f"{before}param_groups[{number}][{key!r}]"
                        yield from _owned(value, place, of_group, [], by_key)
            state = getattr(optimizer, "state", None)
            for number, (key, value) in enumerate(state.items() if isinstance(state, Mapping) else ()):
                if not isinstance(key, Tensor):
                    yield from _owned(value, f"{before}state[{_word(key, number)}]", orders, groups, by_key)
            if not {id(tensor) for tensor in flat[path]} <= {id(tensor) for tensor in whole}:
                yield from _owned(flat[path], f"{before}param_groups", _orders([whole]), [], by_key)


def _owned(
    value: Any,
    path: str,
    orders: Sequence[Sequence[Tensor]],
    groups: Sequence[Sequence[Tensor]],
    by_key: Mapping[Any, Tensor],
) -> Iterator[tuple[str, Tensor, Tensor | None]]:
    """Yield (path, tensor, parameter or None) for tensors in a value.

    A tensor belongs to the parameter that is its key, or that stands at its place in the same order, with its shape.

    Args:
        value: what an optimizer keeps under a name.
        path: the name, for errors.
        orders: parameters in the orders in which an optimizer goes through them.
        groups: the parameters of each group; a list with an item for each group follows them.
        by_key: parameters by their names and ids.
    """
    if isinstance(value, Mapping):
        for number, (key, inner) in enumerate(value.items()):
            owner = key if isinstance(key, Tensor) else by_key.get(key) if isinstance(key, str | int) else None
            place = f"{path}[{_word(key, number)}]"
            if owner is not None:
                yield from ((inner_path, tensor, owner) for inner_path, tensor in walk(inner, place))
            else:
                yield from _owned(inner, place, orders, groups, by_key)
        return
    if isinstance(value, Tensor):
        alone = len(orders[0]) == 1 and orders[0][0].shape == value.shape
        yield path, value, orders[0][0] if alone else None
        return
    items = list(value) if isinstance(value, LISTS) else []
    order = next((order for order in orders if _fits(items, order)), None)
    if len(items) == len(groups) > 1 and all(_fits(item, group) for item, group in zip(items, groups, strict=True)):
        for number, (item, group) in enumerate(zip(items, groups, strict=True)):
            yield from _owned(item, f"{path}[{number}]", [group], [], by_key)
    elif order is not None:
        for number, (item, owner) in enumerate(zip(items, order, strict=True)):
            yield from ((inner_path, tensor, owner) for inner_path, tensor in walk(item, f"{path}[{number}]"))
    else:
        for number, item in enumerate(items):
            yield from _owned(item, f"{path}[{number}]", orders, groups, by_key)


def _fits(items: Any, order: Sequence[Tensor]) -> bool:
    """Tell whether each item holds tensors of the shape of the parameter at its place, beside single numbers."""
    if not isinstance(items, LISTS) or len(items) != len(order):
        return False
    pairs = [(tensor.shape, owner.shape) for item, owner in zip(items, order, strict=True) for _, tensor in walk(item)]
    return any(one == other for one, other in pairs) and all(one == other or one.numel() == 1 for one, other in pairs)


def _orders(orders: Iterable[Sequence[Tensor]]) -> list[Sequence[Tensor]]:
    """Return each order, and the order of its trainable parameters."""
    found: list[Sequence[Tensor]] = []
    for order in orders:
        found += [order, [tensor for tensor in order if tensor.requires_grad]]
    return found


def _attributes(optimizer: Any) -> Iterator[tuple[str, Any]]:
    attributes = getattr(optimizer, "__dict__", {})
    return ((name, value) for name, value in attributes.items() if name not in OWN and name != SAVED)


def _optimizers(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield (path, optimizer) for the optimizers in a value."""
    if isinstance(value, Mapping):
        for number, (key, inner) in enumerate(value.items()):
            yield from _optimizers(inner, f"{path}[{_word(key, number)}]")
    elif isinstance(value, LISTS):
        for index, inner in enumerate(value):
            yield from _optimizers(inner, f"{path}[{index}]")
    elif is_optimizer(value):
        yield path, value


def _groups(optimizer: Any) -> Sequence[Mapping[str, Any]]:
    """Return the groups of parameters; a wrapper may have none of its own."""
    return getattr(optimizer, "param_groups", None) or ()


def _flat(optimizer: Any) -> list[Tensor]:
    return [tensor for group in _groups(optimizer) for tensor in group["params"]]


def _word(key: Any, number: int) -> str:
    """Return a key of a mapping as a short word; a parameter has no name here, and is called by its place."""
    return repr(key) if isinstance(key, str) else str(number)


def _address(tensor: Tensor) -> int:
    """Return where a tensor's numbers begin in memory, or 0 if it has no memory of its own."""
    try:
        return tensor.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError):
        return 0
