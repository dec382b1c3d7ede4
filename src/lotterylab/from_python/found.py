"""The results of ``tickets``: rows, numbers, curves, alarms, a table, a page."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill
from typing import Any

from lotterylab.auditing.alarms import Alarm, one, ordered
from lotterylab.auditing.shown import ShownAlarms
from lotterylab.engine.results import results
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError, unknown
from lotterylab.masks.shown import shown_mask
from lotterylab.plan.plan import Plan
from lotterylab.plan.user_nodes import UserTrain
from lotterylab.procedures import CONTROLS
from lotterylab.reading.rows import Rows
from lotterylab.statistics import Interval, differences, t_interval
from lotterylab.system.refusals import refusals
from lotterylab.types import Mask, State


@dataclass(frozen=True, kw_only=True, repr=False)
class Tickets:
    """``Tickets`` are the results of ``tickets``, which show themselves in a terminal and in a notebook.

    ``failed``: digest -> message of each task that failed.
    """

    study: Plan
    store: Store
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> Rows:
        """Return every row: labels (method, control, sparsity, seed) and records."""
        return Rows(results(self.study, self.store))

    @property
    def alarms(self) -> list[Alarm]:
        """Return the alarms of the runs, faults first."""
        from lotterylab.reading.alarms import alarms_of

        failures: list[Alarm] = []
        for message in dict.fromkeys(self.failed.values()):
            code, _, text = message.removeprefix("UsageError: ").partition(": ")
            known = code == "shape-changed"
            failures += one(code if known else "failed", text if known else message, "", "fault")
        return ShownAlarms(ordered([*failures, *alarms_of(self.rows)]))

    def values(self, metric: str = "test_accuracy", **labels: str | float) -> dict[int, float]:
        """Return one number for each seed: ``values(method="iterative", control="", sparsity=0.9)``.

        Raises:
            UsageError: no row has the labels, several rows of one seed have them, or no run has the number.
        """
        rows = self._rows_of(labels)
        number = f"train.{metric.removeprefix('train.')}"
        if rows.unknown_number(number):
            parts = (name.partition(".") for name in rows.numbers())
            raise unknown("metric", metric, [name for part, _, name in parts if part == "train"])
        return rows.per_seed(number)

    def interval(self, metric: str = "test_accuracy", **labels: str | float) -> Interval:
        """Return the mean over the seeds with its 95 % t interval; raise ``UsageError`` if no run has the number."""
        return _interval(self.values(metric, **labels).values(), metric, f"no finished run of {labels or 'all'}")

    def difference(self, a: Mapping[str, Any], b: Mapping[str, Any], metric: str = "test_accuracy") -> Interval:
        """Return a - b, paired by seed: ``difference({"control": "", "sparsity": 0.9}, {"method": "dense"})``.

        It raises ``UsageError`` if no seed has the number on both sides.
        """
        apart = differences(self.values(metric, **a), self.values(metric, **b))
        return _interval(apart, metric, f"no seed of both {dict(a)} and {dict(b)}")

    def curves(self, name: str, **labels: str | float) -> dict[int, list[tuple[int, float]]]:
        """Return a curve that the loop logged, (step, value), for each seed: ``curves("loss", method="dense")``.

        Raises:
            UsageError: no finished run with these labels logged it, or several rows of one seed have them.
        """
        found: dict[int, list[tuple[int, float]]] = {}
        for row in self._rows_of(labels):
            if curve := (row.metric("train.logged") or {}).get(name):
                found[int(row.labels["seed"])] = list(zip(curve["steps"], curve["values"], strict=True))
        if not found:
            known = sorted({name for row in self.rows for name in row.metric("train.logged") or ()})
            raise UsageError(
                f"no finished run of {labels or 'all'} logged '{name}'. It logged: {', '.join(known) or 'nothing'}; "
                "call run.log(step, name=value) in train_fn."
            )
        return found

    def to_frame(self) -> Any:  # pandas is not a dependency
        """Return a pandas ``DataFrame`` with one line for each finished run; its columns are those of results.csv.

        They are "method", "control" ("none" for a ticket), "sparsity", "seed" ..., and numbers as "part.metric", such
        as "train.test_accuracy".

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError:
            raise UsageError("to_frame needs pandas, which is not installed. Install it: pip install pandas.") from None
        from lotterylab.report.tidy import NONE, numbers, wide

        columns, lines = wide(numbers(self.rows))
        cells = [[NONE if value == "" else value for value in line] for line in lines]
        return pandas.DataFrame(cells, columns=columns)

    def report(self, folder: str | Path) -> Path:
        """Write a page that needs no network, with its figures and numbers as CSV, and return the page's path.

        Args:
            folder: the folder of the page; it is made if it is missing.

        Raises:
            UsageError: something else is in the place of the folder.
            SystemRefusal: the system refuses to write there.
        """
        from lotterylab.report.loop_page import loop_page

        folder = Path(folder).expanduser()
        with refusals(f"to write the page {folder}", folder):
            return loop_page(self.study, self.rows, self.alarms, folder, _seen_from_here(self.store.path))

    def _rows_of(self, labels: Mapping[str, str | float]) -> Rows:
        """Return the rows with these labels, at most one for each seed."""
        every = self.rows
        for name in labels:
            if every and name not in every[0].labels:
                raise unknown("label", name, every[0].labels)
        rows = every.where(**{name: _spelled(value) for name, value in labels.items()})
        if not rows or len(rows.seeds) < len(rows):
            left = "several rows of one seed" if rows else "no row"
            raise UsageError(f"the labels {labels} leave {left}. There are: {_labels(rows or every)}.")
        return rows

    def ticket(self, *, sparsity: float, seed: int, method: str = "") -> tuple[Mask, State, State]:
        """Return the mask of a ticket, the state that its training starts from, and its final state.

        Raises:
            UsageError: no finished row has these labels.
        """
        from lotterylab.engine.context import Context

        for row in self.rows:
            same = (row.labels["sparsity"], row.labels["seed"], row.labels["control"]) == (sparsity, seed, "")
            if same and row.complete and method in ("", row.labels["method"]):
                context, run = Context(store=self.store), row.nodes["train"]
                assert isinstance(run, UserTrain)
                return shown_mask(context.mask(run.mask)), context.state(run.at("start")), context.state(run.final)
        raise UsageError(f"no finished ticket has sparsity {sparsity} and seed {seed}; print the tickets to see them.")

    def __str__(self) -> str:
        """Return the answer in one sentence, and the table with intervals over seeds and the alarms."""
        from lotterylab.reading.loops import compared
        from lotterylab.reading.table import render

        rows = self.rows
        table = render(self.study.title, rows, self.alarms, messages=True)
        sentence = compared(rows)
        return f"{fill(sentence, get_terminal_size((100, 24)).columns)}\n\n{table}" if sentence else table

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the answer, a figure, a table and the alarms, which a notebook shows."""
        from lotterylab.report.loop_shown import loop_html

        return loop_html(self.rows, self.alarms)


def _interval(values: Collection[float], metric: str, nothing: str) -> Interval:
    if not values:
        raise UsageError(f"{nothing} has a number '{metric}'; print the tickets.")
    return t_interval(values)


def _labels(rows: Rows) -> str:
    """Return the labels in which rows differ, with their values."""
    labels = {name: rows.labels(name) for name in ("method", "control", "sparsity")}
    return "; ".join(f"{name} {', '.join(map(repr, values))}" for name, values in labels.items() if len(values) > 1)


def _spelled(value: str | float) -> str | float:
    """Return a control's word as the rows have it."""
    return value.replace("-", " ") if value in CONTROLS else value  # type: ignore[union-attr]


def _seen_from_here(path: Path) -> Path:
    """Return a path below the current folder as it is seen from there, and any other path as it is."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
