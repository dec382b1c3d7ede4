"""From a study's rows to one number for each seed, the unit of all its statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from lotterylab.engine.results import Result

Read: TypeAlias = "str | Callable[[Result], float | None]"  # "part.metric", or what is made of several
Asked: TypeAlias = "str | float | tuple[str | float, ...]"
PerSeed: TypeAlias = dict[int, float]
Rows: TypeAlias = "tuple[tuple[str, tuple[Result, ...]], ...]"  # the name of each side of a comparison, and its rows


def where(results: Iterable[Result], **labels: Asked) -> list[Result]:
    """The rows that have these labels; a tuple asks for any of its values."""
    wanted = {name: value if isinstance(value, tuple) else (value,) for name, value in labels.items()}
    return [row for row in results if all(row.labels.get(name) in values for name, values in wanted.items())]


def read_from(row: Result, read: Read) -> Any:
    """What ``read`` finds in the row; None where the part has not run, or where the number is not finite."""
    return row.metric(read) if isinstance(read, str) else read(row)


def complete(rows: Iterable[Result], *reads: Read) -> list[Result]:
    """The rows of those seeds of which no row lacks any of these numbers, so that every seed has the same arms."""
    return [
        row
        for own in grouped(rows, "seed").values()
        if all(read_from(row, read) is not None for row in own for read in reads)
        for row in own
    ]


def per_seed(rows: Iterable[Result], read: Read) -> PerSeed:
    """The mean over the rows of each complete seed."""
    by_seed = grouped(complete(rows, read), "seed")
    return {seed: sum(float(read_from(row, read)) for row in own) / len(own) for seed, own in by_seed.items()}


def in_common(*sides: PerSeed) -> list[PerSeed]:
    """The same of those seeds alone that all sides have, so that their means can stand beside a paired difference."""
    return [{seed: value for seed, value in side.items() if all(seed in one for one in sides)} for side in sides]


def mean(values: PerSeed) -> float:
    """The mean over seeds."""
    return sum(values.values()) / len(values)


def grouped(rows: Iterable[Result], *names: str) -> dict[Any, list[Result]]:
    """Rows by these labels: by the label itself for one name, by a tuple for several; in order of appearance."""
    groups: dict[Any, list[Result]] = {}
    for row in rows:
        key = tuple(row.labels[name] for name in names)
        groups.setdefault(key if len(names) > 1 else key[0], []).append(row)
    return groups


def by_layer(rows: Iterable[Result], read: str | Callable[[Result], Any]) -> dict[str, list[float]]:
    """The numbers of each layer that has any; a network that diverged has none."""
    found: dict[str, list[float]] = {}
    for row in rows:
        for layer, value in read_from(row, read).items():
            if value is not None:
                found.setdefault(layer, []).append(value)
    return found


def diverged(rows: Iterable[Result]) -> list[Result]:
    """The rows whose training diverged."""
    return [row for row in rows if row.metric("train.diverged_epoch") is not None]


def seeds_of(rows: Iterable[Result]) -> list[int]:
    """The seeds of these rows."""
    return sorted(grouped(rows, "seed"))


def sparsities(rows: Iterable[Result]) -> list[float]:
    """The targets of these rows, from the lowest."""
    return sorted(grouped(rows, "sparsity"))
