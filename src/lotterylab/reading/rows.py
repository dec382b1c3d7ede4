"""One table of results: the rows of a study, selected by label and read as one number for each seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, SupportsIndex, TypeAlias, overload

from lotterylab.engine.results import Result
from lotterylab.formats.display import html_table
from lotterylab.formats.text import shown
from lotterylab.plan.plan import Label
from lotterylab.statistics import Interval, t_interval

Read: TypeAlias = "str | Callable[[Result], float | None]"  # "part.metric", or a function of several
Asked: TypeAlias = "Label | tuple[Label, ...]"
PerSeed: TypeAlias = dict[int, float]
Sides: TypeAlias = "tuple[tuple[str, Rows], ...]"  # the name of each side of a comparison, and its rows


class Rows(tuple[Result, ...]):
    """``Rows`` are the rows of a study, or some of them, in the study's order.

    Figures, tables, verdicts, alarms and Python all read their numbers here, so one rule says which seeds count:
    **a seed counts for a number if each of its rows has that number.**  A seed with a row that is missing, unfinished
    or without the number (such as a diverged run) is left out whole, so that every seed that counts is a mean over the
    same arms.  ``n`` is the number of seeds that count.

    Examples:
        >>> from lotterylab.engine.records import Record
        >>> def row(seed: int, method: str, accuracy: float | None) -> Result:
        ...     train = Record(digest="", kind="Train", metrics={"test_accuracy": accuracy}, facts={})
        ...     return Result(labels={"seed": seed, "method": method, "sparsity": 0.5}, records={"train": train})
        >>> rows = Rows([row(0, "grasp", 0.4), row(0, "snip", 0.6), row(1, "grasp", 0.5), row(1, "snip", None)])
        >>> rows.where(method="grasp").per_seed("train.test_accuracy")
        {0: 0.4, 1: 0.5}
        >>> rows.per_seed("train.test_accuracy")  # seed 1 lacks one of its two rows
        {0: 0.5}
        >>> rows.levels, rows.seeds, list(rows.by("method"))
        ([0.5], [0, 1], ['grasp', 'snip'])
        >>> rows.where(method="grasp")
        2 rows, 2 finished; mean test accuracy over seeds, with its 95 % t interval
          grasp, 0.5  0.45 [−0.1853, 1.085], n = 2
    """

    def where(self, **labels: Asked) -> Rows:
        """Return the rows that have these labels; a tuple asks for any of its values."""
        one = {name: value for name, value in labels.items() if not isinstance(value, tuple)}
        rows = self._grouped(tuple(one)).get(tuple(one.values()), Rows()) if one else self
        for name, values in labels.items():
            if isinstance(values, tuple):
                rows = Rows(row for row in rows if row.labels.get(name) in values)
        return rows

    def _grouped(self, names: tuple[str, ...]) -> dict[tuple[Any, ...], Rows]:
        """Return the rows by the values of these labels: a page asks a thousand times for some of 10,000 rows."""
        kept: dict[tuple[str, ...], dict[tuple[Any, ...], Rows]] = vars(self).setdefault("_groups", {})
        if names not in kept:
            groups: dict[tuple[Any, ...], list[Result]] = {}
            for row in self:
                groups.setdefault(tuple([row.labels.get(name) for name in names]), []).append(row)
            kept[names] = {values: Rows(rows) for values, rows in groups.items()}
        return kept[names]

    def by(self, *names: str) -> dict[Any, Rows]:
        """Return the rows grouped by labels, in order of appearance; several names give tuples as keys."""
        groups: dict[Any, list[Result]] = {}
        for row in self:
            key = tuple(row.labels[name] for name in names)
            groups.setdefault(key if len(names) > 1 else key[0], []).append(row)
        return {key: Rows(rows) for key, rows in groups.items()}

    def having(self, *reads: Read) -> Rows:
        """Return the rows of the seeds that count for each of these numbers."""
        numbers = list(map(_reader, reads))
        left_out = {row.labels["seed"] for row in self if any(number(row) is None for number in numbers)}
        return Rows(row for row in self if row.labels["seed"] not in left_out)

    def per_seed(self, read: Read) -> PerSeed:
        """Return the mean over the rows of each seed that counts."""
        number = _reader(read)
        by_seed: dict[Any, list[float | None]] = {}
        for row in self:
            by_seed.setdefault(row.labels["seed"], []).append(number(row))
        return {
            seed: sum(known) / len(known)
            for seed, values in by_seed.items()
            if len(known := [float(value) for value in values if value is not None]) == len(values)
        }

    def interval(self, read: Read) -> Interval | None:
        """Return the mean over the seeds that count, with its 95 % t interval; None if no seed counts."""
        values = self.per_seed(read)
        return t_interval(values.values()) if values else None

    def by_layer(self, read: str | Callable[[Result], Any]) -> dict[str, list[float]]:
        """Return the numbers of each layer that has any; a network that diverged has none."""
        of_layers = _reader(read)
        numbers: dict[str, list[float]] = {}
        for row in self:
            for layer, value in of_layers(row).items():
                if value is not None:
                    numbers.setdefault(layer, []).append(value)
        return numbers

    def __repr__(self) -> str:
        """Return one line an arm: its labels, and the test accuracy over seeds."""
        lines = list(self._arms())
        width = max((len(name) for name, _ in lines), default=0)
        return "\n".join([self._headline(), *(f"  {name:<{width}}  {number}".rstrip() for name, number in lines)])

    def _repr_html_(self) -> str:
        """Return the same as a table, which a notebook shows."""
        return html_table(("arm", "test accuracy"), self._arms(), caption=self._headline())

    def _headline(self) -> str:
        finished = sum(row.complete for row in self)
        whole = f"{len(self)} row{'s' * (len(self) != 1)}, {finished} finished"
        return f"{whole}; mean test accuracy over seeds, with its 95 % t interval"

    def _arms(self) -> Iterator[tuple[str, str]]:
        """Yield the labels of each arm and its test accuracy, "" before it is trained."""
        arms: dict[tuple[Any, ...], list[Result]] = {}
        for row in self:
            arms.setdefault(tuple(value for name, value in row.labels.items() if name != "seed"), []).append(row)
        for labels, rows in arms.items():
            accuracy = Rows(rows).interval("train.test_accuracy")
            yield shown(", ".join(str(label) for label in labels if label not in ("", 0.0))), str(accuracy or "")

    def labels(self, name: str) -> list[Any]:
        """Return the different values of a label, in order of appearance."""
        return list(dict.fromkeys(row.labels[name] for row in self))

    @property
    def seeds(self) -> list[int]:
        """Return the seeds of these rows, finished or not."""
        return sorted(self.labels("seed"))

    @property
    def levels(self) -> list[float]:
        """Return the target sparsities of the pruned rows, lowest first."""
        return sorted(level for level in self.labels("sparsity") if level)

    @property
    def trained(self) -> Rows:
        """Return the rows whose training is finished."""
        return Rows(row for row in self if "train" in row.records)

    @property
    def diverged(self) -> Rows:
        """Return the rows whose training diverged."""
        return Rows(row for row in self if row.metric("train.diverged_epoch") is not None)

    def __add__(self, other: Iterable[Result]) -> Rows:  # type: ignore[override]
        """Return both, one after the other."""
        return Rows((*self, *other))

    @overload
    def __getitem__(self, key: SupportsIndex) -> Result: ...
    @overload
    def __getitem__(self, key: slice) -> Rows: ...
    def __getitem__(self, key: SupportsIndex | slice) -> Result | Rows:
        """Return a row, or the rows of a slice."""
        item = super().__getitem__(key)
        return Rows(item) if isinstance(key, slice) else item  # type: ignore[return-value]


def read_from(row: Result, read: Read) -> Any:
    """Return the number ``read`` of a row; None if its part has not run, or if it is not finite."""
    return _reader(read)(row)


def _reader(read: Read | Callable[[Result], Any]) -> Callable[[Result], Any]:
    """Return the function that reads a number of a row, as ``Result.metric`` does, with its name taken apart once."""
    if not isinstance(read, str):
        return read
    part, _, metric = read.partition(".")
    return lambda row: row.records[part].metrics.get(metric) if part in row.records else None


def in_common(*sides: PerSeed) -> list[PerSeed]:
    """Return each side for the seeds that all sides have, so that its mean can stand beside a paired difference."""
    return [{seed: value for seed, value in side.items() if all(seed in other for other in sides)} for side in sides]


def mean(values: PerSeed) -> float:
    """Return the mean over seeds."""
    return sum(values.values()) / len(values)
