"""Damage to the files of a store: bits, cuts, swaps, losses."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

# how many of a store's flipped bits go to each kind of file: small files that decide much get as many as large ones
SHARES = {
    "manifests": 4,
    "objects": 3,
    "partial heads": 6,
    "partial bodies": 2,
    "same": 3,
    "failed": 2,
    "format": 1,
    "lock": 1,
    "known": 2,
}
HEAD_BYTES = 2000  # of a checkpoint: its notes


@dataclass(frozen=True, kw_only=True)
class Damage:
    """A change to a store, by name."""

    name: str
    kind: str
    apply: Callable[[Path], None]


def kind_of(name: str) -> str:
    """The kind of a file of a store, from its relative path."""
    first = name.split("/", maxsplit=1)[0]
    kinds = {
        "runs": "manifests",
        "objects": "objects",
        "partial": "partial",
        "format.json": "format",
        "known.jsonl": "known",
    }
    return kinds.get(first, first)


def by_kind(store: Path) -> dict[str, list[str]]:
    """The files of a store, by kind, in order."""
    found: dict[str, list[str]] = {}
    for path in sorted(store.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(store))
            found.setdefault(kind_of(name), []).append(name)
    return found


def places(store: Path) -> dict[str, list[tuple[str, range]]]:
    """File and bytes of each kind of place."""
    found: dict[str, list[tuple[str, range]]] = {}
    for kind, names in by_kind(store).items():
        for name in names:
            size = (store / name).stat().st_size
            if kind == "partial":
                found.setdefault("partial heads", []).append((name, range(min(size, HEAD_BYTES))))
                found.setdefault("partial bodies", []).append((name, range(min(size, HEAD_BYTES), size)))
            else:
                found.setdefault(kind, []).append((name, range(size)))
    return {kind: [place for place in of if len(place[1])] for kind, of in found.items()}


def flips(store: Path, count: int, seed: int) -> list[Damage]:
    """Single bits over every kind of file."""
    draw, kinds = random.Random(seed), {kind: of for kind, of in places(store).items() if of}
    names, weights = list(kinds), [SHARES.get(kind, 1) for kind in kinds]
    found = []
    for _ in range(count):
        kind = draw.choices(names, weights)[0]
        name, span = draw.choice(kinds[kind])
        found.append(flip(name, kind, draw.choice(span), draw.randrange(8)))
    return found


def flip(name: str, kind: str, byte: int, bit: int) -> Damage:
    """One bit of a file."""

    def apply(store: Path) -> None:
        data = bytearray((store / name).read_bytes())
        data[byte] ^= 1 << bit
        (store / name).write_bytes(data)

    return Damage(name=f"bit {bit} of byte {byte} of {short(name)}", kind=kind, apply=apply)


def short(name: str) -> str:
    """A path with its digests cut."""
    return "/".join(part[:12] for part in name.split("/"))


def _change(name: str, kind: str, what: str, change: Callable[[bytes], bytes | None]) -> Damage:
    def apply(store: Path) -> None:
        data = change((store / name).read_bytes())
        if data is None:
            (store / name).unlink()
        else:
            (store / name).write_bytes(data)

    return Damage(name=f"{short(name)} {what}", kind=kind, apply=apply)


CHANGES: dict[str, Callable[[bytes], bytes | None]] = {
    "emptied": lambda data: b"",
    "deleted": lambda data: None,
    "cut in half": lambda data: data[: len(data) // 2],
    "without its last byte": lambda data: data[:-1],
    "without its first byte": lambda data: data[1:],
    "twice in a row": lambda data: data + data,
    "with a newline": lambda data: data + b"\n",
    "zeroed": lambda data: bytes(len(data)),
    "with zeroes at its end": lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
}


def losses(store: Path, of_each: int, seed: int) -> Iterator[Damage]:
    """Files of every kind cut, emptied, deleted, zeroed."""
    draw = random.Random(seed)
    for kind, names in by_kind(store).items():
        for name in draw.sample(names, min(of_each, len(names))):
            for what, change in CHANGES.items():
                yield _change(name, kind, what, change)


def swaps(store: Path, of_each: int, seed: int) -> Iterator[Damage]:
    """Two files of a kind in each other's place, and one in the place of both."""
    draw = random.Random(seed)
    for kind, names in by_kind(store).items():
        pairs = [(a, b) for a in names for b in names if a < b]
        for a, b in draw.sample(pairs, min(of_each, len(pairs))):
            yield swap(a, b, kind)
            yield _copy(a, b, kind)


def swap(a: str, b: str, kind: str) -> Damage:
    """Two files in each other's place."""

    def apply(store: Path) -> None:
        first, second = (store / a).read_bytes(), (store / b).read_bytes()
        (store / a).write_bytes(second)
        (store / b).write_bytes(first)

    return Damage(name=f"{short(a)} and {short(b)} swapped", kind=kind, apply=apply)


def _copy(a: str, b: str, kind: str) -> Damage:
    def apply(store: Path) -> None:
        (store / b).write_bytes((store / a).read_bytes())

    return Damage(name=f"{short(a)} in the place of {short(b)} too", kind=kind, apply=apply)
