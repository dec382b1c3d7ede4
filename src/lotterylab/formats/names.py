"""The names of a network's tensors, without the prefixes that wrappers put before them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final

# what other libraries put into names: torch.compile, FSDP, activation checkpointing, Fabric, NNCF
INSIDE: Final = (
    *("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.", "_forward_module.", "nncf_module."),
)
BEFORE: Final = ("module.", "base_model.model.")  # DDP, DataParallel, AveragedModel; PEFT
PROBES, MOST_NAMES = 16, 10_000  # names and prefixes that are tried, and names of the other side, in an alignment
EXTRA: Final = "_extra_state"
OF_PARAMETERS: Final = re.compile(r"(^|\.)(weight|bias|kernel)[^.]*_mask$")  # the masks of torch.nn.utils.prune
PARAMETERS: Final = re.compile(
    r"^(weight|bias|kernel|scale|embedding|gamma|beta)(_|$|\d)|(^|_)(weight|bias|kernel)$|^running_|_proj$"
)


def unwrapped(names: Iterable[str]) -> tuple[str, dict[str, str]]:
    """Return the prefix that all names carry for a wrapper's sake, and each name without what wrappers put in.

    Examples:
        >>> unwrapped(["module._orig_mod.fc.weight", "module._orig_mod.fc.bias"])
        ('module._orig_mod.', {'module._orig_mod.fc.weight': 'fc.weight', 'module._orig_mod.fc.bias': 'fc.bias'})
    """
    given = list(names)
    short, prefix = dict(zip(given, given, strict=True)), ""
    while given:
        first = next((word for word in (*INSIDE, *BEFORE) if all(n.startswith(word) for n in short.values())), "")
        if not first:
            break
        prefix += first
        short = {name: rest.removeprefix(first) for name, rest in short.items()}
    for word in INSIDE:
        short = {name: re.sub(rf"(^|\.){re.escape(word)}", r"\1", rest) for name, rest in short.items()}
    if len(set(short.values())) < len(short):  # two tensors would have one name
        return "", dict(zip(given, given, strict=True))
    return prefix, short


def common_prefix(names: Collection[str]) -> str:
    """Return the first part of the names, with its dot, if all have the same and something behind it; else "".

    Examples:
        >>> common_prefix(["net.fc.weight", "net.fc.bias"]), common_prefix(["a.weight", "b.weight"])
        ('net.', '')
    """
    first = {name.partition(".")[0] if "." in name else "" for name in names}
    return f"{first.pop()}." if len(first) == 1 and "" not in first else ""


def aligned(names: Collection[str], like: Mapping[str, object]) -> dict[str, str]:
    """Return each name as it is called in ``like``: with a prefix more, or less, if that is how most of them fit.

    A mask may be named by its layer ("fc" for "fc.weight"), or by the buffer of ``torch.nn.utils.prune``
    ("fc.weight_mask").  Names that fit as they are stay, and so do names that fit equally well in two ways.

    Examples:
        >>> aligned(["model.fc.weight", "model.fc.bias"], {"fc.weight": 0, "fc.bias": 0})
        {'model.fc.weight': 'fc.weight', 'model.fc.bias': 'fc.bias'}
        >>> aligned(["fc"], {"net.fc.weight": 0})
        {'fc': 'net.fc.weight'}
    """
    as_they_are = dict(zip(names, names, strict=True))
    best, most, tied = as_they_are, sum(name in like for name in names), False
    if 2 * most >= min(len(names), len(like)):
        return as_they_are
    for ending in ("", "_mask", ".weight"):
        turned = {name: _ended(name, ending) for name in names}
        for less, more in _prefixes(list(turned.values()), like):
            renamed = {name: more + turn.removeprefix(less) for name, turn in turned.items()}
            fitting = sum(name in like for name in renamed.values())
            if fitting >= most and fitting and renamed != best and len(set(renamed.values())) == len(renamed):
                best, most, tied = renamed, fitting, fitting == most
    return as_they_are if tied else best


def fitted(names: Collection[str], like: Mapping[str, object]) -> dict[str, str]:
    """Return each name as it is called in ``like``, by ``aligned``, with wrappers left out if more names fit then.

    Examples:
        >>> fitted(["module.a._orig_mod.weight", "module.b.weight"], {"a.weight": 0, "b.weight": 0})
        {'module.a._orig_mod.weight': 'a.weight', 'module.b.weight': 'b.weight'}
    """
    _, short = unwrapped(names)
    plain = aligned(short.values(), like)
    ways = (aligned(names, like), {name: plain[new] for name, new in short.items()})
    return max(ways, key=lambda way: sum(name in like for name in way.values()))


def _ended(name: str, ending: str) -> str:
    return name.removesuffix(ending) if ending == "_mask" else name + ending


def _prefixes(names: list[str], like: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return the commonest pairs of a prefix to drop and a prefix to add, from names that end alike."""
    pairs: Counter[tuple[str, str]] = Counter()
    ends = sorted(names, key=len, reverse=True)[:PROBES]
    for other in list(like)[:MOST_NAMES]:
        for name in ends:
            if other.endswith(f".{name}"):
                pairs["", other.removesuffix(name)] += 1
            elif name.endswith(f".{other}"):
                pairs[name.removesuffix(other), ""] += 1
    return [("", ""), *(pair for pair, _ in pairs.most_common(PROBES))]
