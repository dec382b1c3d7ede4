"""One table of results: the rows of a study, selected by label and read as one number for each seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, SupportsIndex, TypeAlias, overload

from lotterylab.engine.results import Result
from lotterylab.engine.shapes import BY_KIND
from lotterylab.errors import UsageError, edits, nearest, unknown
from lotterylab.formats.display import html_table
from lotterylab.formats.text import shown
from lotterylab.plan.plan import Label
from lotterylab.statistics import Interval, t_interval

METRICS = frozenset(name for names in BY_KIND.values() for name in names)  # that a row may lack
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
        """Return the rows that have these labels; a tuple asks for any of its values.

        Raises:
            UsageError: a name is nearly that of a label, and no row has it.
        """
        for name in labels:
            if self and not any(name in row.labels for row in self) and nearest(name, self[0].labels):
                raise unknown("label", name, self[0].labels)
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
        self._check_labels(names)
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
        """Return the mean over the rows of each seed that counts.

        Raises:
            UsageError: ``read`` is nearly the name of a number, and no row has it.
        """
        number = _reader(read)
        by_seed: dict[Any, list[float | None]] = {}
        for row in self:
            by_seed.setdefault(row.labels["seed"], []).append(number(row))
        means = {
            seed: sum(known) / len(known)
            for seed, values in by_seed.items()
            if len(known := [float(value) for value in values if value is not None]) == len(values)
        }
        if not means and isinstance(read, str) and (reason := self.unknown_number(read, typos=True)):
            raise reason
        return means

    def interval(self, read: Read) -> Interval | None:
        """Return the mean over the seeds that count, with its 95 % t interval; None if no seed counts."""
        values = self.per_seed(read)
        return t_interval(values.values()) if values else None

    def numbers(self) -> list[str]:
        """Return the names of the numbers that these rows have, for ``per_seed``: "train.test_accuracy" ..."""
        found = {
            f"{part}.{name}"
            for row in self
            for part, record in row.records.items()
            for name, value in record.metrics.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        return sorted(found)

    def unknown_number(self, name: str, *, typos: bool = False) -> UsageError | None:
        """Return the error for a number that none of the finished parts has; None if a part may yet have it.

        ``typos``: only for a name that is nearly that of a number, and that no kind of node has.
        """
        part, dot, metric = name.partition(".")
        having = [row.records[part].metrics for row in self if part in row.records]
        known = self.numbers()
        parts = {part for row in self for part in (*row.nodes, *row.records)}
        if not known or (part in parts and not having) or any(metric in metrics for metrics in having):
            return None
        if part not in parts:
            near = not dot or any(_is_slip(part, each) for each in parts)
        else:  # many numbers are optional, and what a run cost is not known in every unit
            names = [each.partition(".")[2] for each in known if each.startswith(f"{part}.")]
            near = metric not in METRICS and part != "cost" and any(_is_slip(metric, each) for each in names)
        return unknown("number", name, known) if near or not typos else None

    def _check_labels(self, names: Iterable[str]) -> None:
        for name in names:
            if self and name not in self[0].labels:
                raise unknown("label", name, self[0].labels)

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
        self._check_labels((name,))
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


def _is_slip(word: str, name: str) -> bool:
    """Return whether ``word`` is ``name`` with a slip of the keyboard, or a part of it, as "accuracy" is."""
    return (len(word) > 3 and word in name) or edits(word, name) <= len(word) // 4


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
