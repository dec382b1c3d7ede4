"""The choice of the tensors in a nested checkpoint that are the network, by their names and shapes alone.

A checkpoint is often a dict of more than the network: ``{"net": state, "optimizer": ..., "mask": ..., "rng": ...}``.
The rules, in their order:

1. A dict is a network if it names tensors by layer ("fc.weight"), or has a parameter's name ("weight", "kernel").
2. Subtrees of an optimizer, and states of random generators, are no networks.
3. A dict of bool tensors, or one below a key such as "mask", is a mask.
4. Copies of the network (keys such as "ema", "teacher", "best") do not count if another network is there, and neither
   does an averaged copy inside a state ("model_ema.fc.weight" beside "model.fc.weight").
5. Layers below each other, ``{"fc": {"weight": ...}}``, are one network with the names "fc.weight".
6. Among several networks, one below a usual key ("state_dict", "model") is taken.  Otherwise the file is refused.

Other tensors of the file never stand in for the network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeAlias, TypeVar, get_args

from lotterylab.errors import UsageError, suggestion
from lotterylab.formats.names import EXTRA, PARAMETERS
from lotterylab.formats.text import shown

Leaf = TypeVar("Leaf")
Look: TypeAlias = "Callable[[object], tuple[str, tuple[int, ...]] | None]"  # the type and shape of a tensor, else None
Wanted: TypeAlias = Literal["network", "mask"]
Role: TypeAlias = Literal["network", "mask", "copy", "other"]  # other: a copy, unless it is a layer among layers

ROLES: tuple[Role, ...] = get_args(Role)
KNOWN = (
    *("state_dict", "model_state_dict", "model_state", "model", "module", "net", "network", "weights", "params"),
    *("network_weights", "network_state_dict", "net_state_dict", "student"),
)
MASK = re.compile(r"(^|_)masks?($|_)")
COPY = re.compile(r"(^|_)(ema|swa|avg|average|averaged|shadow|teacher|momentum|grads?|gradients?)($|_)")
OTHER = re.compile(r"(^|_)(best|last|old|prev|previous|init|initial|original|backup|reference|ref|target)($|_)")
OPTIMIZER = re.compile(r"optim|(^|_)(opt|scheduler|scaler|rng)($|_)")
RANDOM = re.compile(r"rng|random|seed")
NUMBERS = ("float", "bfloat", "complex", "refused", "bool")  # a network's tensors; a mask's are bool
DEEPEST, MOST_DICTS = 12, 100_000
MOST_PARTS = 500  # parts of a state among which copies are looked for, each compared with each


@dataclass(frozen=True, kw_only=True)
class Chosen(Generic[Leaf]):
    """A ``Chosen`` network of a checkpoint.

    Args:
        tensors: its tensors by name.
        below: the keys that lead to it, "state.model", or "".
        mask: the mask that the checkpoint holds beside it, by name; {} without one.
        mask_below: the keys that lead to the mask.
        ignored: the other keys of the checkpoint that hold tensors, and the network's entries that are no tensors.
        joined: whether its names were joined from nested dicts.
    """

    tensors: dict[str, Leaf]
    below: str = ""
    mask: dict[str, Leaf] = field(default_factory=dict)
    mask_below: str = ""
    ignored: tuple[str, ...] = ()
    joined: bool = False


@dataclass(frozen=True, kw_only=True)
class _Candidate(Generic[Leaf]):
    path: tuple[str, ...]
    tensors: dict[str, Leaf]
    role: Role
    layers: bool = False  # whether its names are those of one layer, or of layers joined here

    @property
    def key(self) -> str:
        return ".".join(self.path)


def network_in(value: object, look: Look, *, where: str, within: str = "", wanted: Wanted = "network") -> Chosen:
    """Return the network, or the mask, in a checkpoint.

    Args:
        value: the checkpoint, of dicts in dicts.
        look: returns the type ("float32") and the shape of a tensor, and None for any other value.
        where: the file or the argument, for errors.
        within: the keys of the network, "netG" or "state.model", if the choice is the caller's.
        wanted: "mask" for a file of masks.

    Raises:
        UsageError: there is no network, or several that no rule tells apart; the message lists them.
    """
    inside, outer = _inside(value, within, where)
    walk = _Walk(look, wanted)
    candidates = walk.below(inside, outer) or _Walk(look, wanted, lenient=True).below(inside, outer)
    masks = [candidate for candidate in candidates if candidate.role == "mask"]
    if wanted == "mask" and masks:
        chosen = _only(masks, "masks", where)
    else:
        networks = [candidate for candidate in candidates if candidate.role != "mask"] or masks
        if not networks:
            raise UsageError(f"{where} holds no network{_found(inside, look)}. Save module.state_dict().")
        chosen = _best(networks, where)
    beside = [mask for mask in masks if mask is not chosen] if wanted == "network" else []
    mask = beside[0] if len(beside) == 1 else None
    tensors, copies = _without_copies(chosen.tensors, look) if wanted == "network" else (chosen.tensors, ())
    return Chosen(
        tensors=tensors,
        below=chosen.key,
        mask=dict(mask.tensors) if mask else {},
        mask_below=mask.key if mask else "",
        ignored=(*_ignored(value, chosen, mask, look), *copies),
        joined=chosen.layers and any("." in name for name in chosen.tensors),
    )


class _Walk(Generic[Leaf]):
    """One pass through a checkpoint; ``lenient`` takes any names for a network's."""

    def __init__(self, look: Look, wanted: Wanted, *, lenient: bool = False) -> None:
        self.look, self.wanted, self.lenient, self.left = look, wanted, lenient, MOST_DICTS

    def below(self, node: object, path: tuple[str, ...], above: tuple[int, ...] = ()) -> list[_Candidate]:
        """Return the candidates at and below a node."""
        self.left -= 1
        if not isinstance(node, Mapping) or len(path) > DEEPEST or id(node) in above or self.left < 0:
            return []
        if "param_groups" in node or (path and OPTIMIZER.search(path[-1].lower())):
            return []
        direct = {
            name: leaf
            for name, leaf in node.items()
            if isinstance(name, str) and self._is_number(leaf, named=name.endswith(EXTRA))
        }
        found = [
            candidate
            for key, inner in node.items()
            if isinstance(key, str)
            for candidate in self.below(inner, (*path, key), (*above, id(node)))
        ]
        every = {name: leaf for name, leaf in node.items() if isinstance(name, str) and self.look(leaf) is not None}
        masks = [candidate for candidate in found if candidate.role == "mask"]
        own = _Candidate(path=path, tensors=every, role=self._role(path, every), layers=self._are_layers(every))
        if any("." in name for name in direct):
            return [own, *masks]
        if self._is_layer(direct, path):
            others = [candidate for candidate in found if candidate.role == "network"]
            return [own, *masks, *others]
        return self._joined(found, path)

    def _joined(self, found: list[_Candidate], path: tuple[str, ...]) -> list[_Candidate]:
        """Return layers below each other as one candidate, unless a usual key names one of them."""
        joined: list[_Candidate] = []
        usual = not path and any(candidate.path[0] in KNOWN for candidate in found)
        if not usual and any(candidate.role == "network" and candidate.layers for candidate in found):
            found = [replace(each, role="network") if each.role == "other" and each.layers else each for each in found]
        if self.wanted == "mask" and not usual and any(each.role == "mask" and each.layers for each in found):
            # some libraries write bool masks of some layers and numbers for others
            found = [replace(each, role="mask") if each.layers else each for each in found]
        for role in ROLES:
            alike = [candidate for candidate in found if candidate.role == role]
            if len(alike) > 1 and role != "copy" and not usual and all(candidate.layers for candidate in alike):
                tensors = {
                    ".".join((*candidate.path[len(path) :], name)): leaf
                    for candidate in alike
                    for name, leaf in candidate.tensors.items()
                }
                joined.append(_Candidate(path=path, tensors=tensors, role=self._role(path, tensors), layers=True))
            else:
                joined += alike
        return joined

    def _is_number(self, leaf: object, *, named: bool) -> bool:
        described = self.look(leaf)
        if described is None or named or not described[1]:
            return False
        return self.lenient or described[0].startswith(NUMBERS)

    def _is_layer(self, direct: Mapping[str, object], path: tuple[str, ...]) -> bool:
        """Tell whether undotted names are those of a layer."""
        if set(direct) == {"mask"} and path:  # torch.ao.pruning, {"fc.weight": {"mask": ...}}
            return True
        if self.lenient:
            return any(not RANDOM.search(name.lower()) for name in direct)
        return any(PARAMETERS.search(name) for name in direct)

    def _are_layers(self, tensors: Mapping[str, object]) -> bool:
        plain = not any("." in name for name in tensors)
        return plain and (set(tensors) == {"mask"} or any(PARAMETERS.search(name) for name in tensors))

    def _role(self, path: tuple[str, ...], tensors: Mapping[str, object]) -> Role:
        kinds = {described[0] for leaf in tensors.values() if (described := self.look(leaf)) is not None}
        if kinds == {"bool"} or set(tensors) == {"mask"} or any(MASK.search(key.lower()) for key in path):
            return "mask"
        if any(COPY.search(key.lower()) for key in path):
            return "copy"
        return "other" if any(OTHER.search(key.lower()) for key in path) else "network"


def _without_copies(tensors: Mapping[str, Leaf], look: Look) -> tuple[dict[str, Leaf], tuple[str, ...]]:
    """Return a state without extra states, and without averaged copies of its own part; and the names of the copies."""
    kept = {name: leaf for name, leaf in tensors.items() if not name.endswith(EXTRA)}
    parts: dict[str, dict[str, object]] = {}
    for name, leaf in kept.items():
        first, _, rest = name.partition(".")
        parts.setdefault(first, {})[rest] = look(leaf)
    copies = tuple(
        first
        for first, part in parts.items()
        if len(parts) <= MOST_PARTS
        and COPY.search(first.lower())
        and any(part.items() <= other.items() for name, other in parts.items() if name != first and "" not in other)
    )
    return {name: leaf for name, leaf in kept.items() if name.partition(".")[0] not in copies}, copies


def _inside(value: object, within: str, where: str) -> tuple[object, tuple[str, ...]]:
    """Return the part of the checkpoint below the caller's keys, and these keys."""
    path: tuple[str, ...] = ()
    while within:
        keys = [key for key in value if isinstance(key, str)] if isinstance(value, Mapping) else []
        key = next((key for key in keys if within == key or within.startswith(f"{key}.")), None)
        if key is None or not isinstance(value, Mapping):
            listed = ", ".join(map(shown, keys[:12])) or "nothing"
            raise UsageError(f"{where} has no '{shown(within)}'.{suggestion(within, keys)} Found there: {listed}.")
        value, within, path = value[key], within[len(key) + 1 :], (*path, key)
    return value, path


def _best(networks: Sequence[_Candidate], where: str) -> _Candidate:
    """Return the only network, the only one that is no copy, or the only one below a usual key."""
    originals = [candidate for candidate in networks if candidate.role == "network"]
    usual = [candidate for candidate in originals if candidate.path and candidate.path[-1] in KNOWN]
    for rank in (networks, originals, usual):
        if len(rank) == 1:
            return rank[0]
    return _only(originals or networks, "networks", where)


def _only(candidates: Sequence[_Candidate], what: str, where: str) -> _Candidate:
    if len(candidates) == 1:
        return candidates[0]
    listed = ", ".join(f"'{shown(each.key) or 'top'}' ({len(each.tensors)} tensors)" for each in candidates[:6])
    raise UsageError(
        f"{where} holds {len(candidates)} {what}: {listed}. Name one (within='KEY', or --within KEY), or save it alone."
    )


def _ignored(value: object, chosen: _Candidate, mask: _Candidate | None, look: Look) -> Iterator[str]:
    """Yield the keys beside the path to the network that hold tensors, and its entries that are not weights."""
    ways = [candidate.path for candidate in (chosen, mask) if candidate is not None]
    joined = {part for name in chosen.tensors for part in _beginnings(name)} if chosen.layers else set()
    node: object = value
    for depth in range(len(chosen.path) + 1):
        if not isinstance(node, Mapping):
            return
        for key, inner in node.items():
            here = (*chosen.path[:depth], str(key))
            is_here = depth == len(chosen.path) and (key in chosen.tensors or key in joined)
            is_extra = here[-1].endswith(EXTRA)
            is_taken = is_here or any(way[: depth + 1] == here for way in ways)
            if is_extra or (not is_taken and _holds_tensors(inner, look)):
                yield ".".join(here)
        node = node[chosen.path[depth]] if depth < len(chosen.path) else None


def _beginnings(name: str) -> Iterator[str]:
    """Yield what stands before each dot of a name."""
    place = name.find(".")
    while place >= 0:
        yield name[:place]
        place = name.find(".", place + 1)


def _holds_tensors(value: object, look: Look) -> bool:
    """Tell whether a tensor is anywhere inside, as far as a thousand values show."""
    waiting, left = [value], 1000
    while waiting and left:
        left -= 1
        inner = waiting.pop()
        if look(inner) is not None:
            return True
        if isinstance(inner, Mapping):
            waiting += list(inner.values())[:left]
        elif isinstance(inner, list | tuple):
            waiting += list(inner)[:left]
    return False


def _found(value: object, look: Look) -> str:
    if not isinstance(value, Mapping):
        return f" but a value of type {type(value).__name__}"
    names = [
        shown(str(key), most=40) + (" (a tensor)" if look(inner) is not None else "") for key, inner in value.items()
    ]
    return f"; it has {', '.join(names[:12])}" if names else "; it is empty"
