"""The results of ``tickets``: rows, numbers, alarms, a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
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
from lotterylab.types import Mask, State


@dataclass(frozen=True, kw_only=True)
class Tickets:
    """``Tickets`` are the results of ``tickets``.  ``failed``: digest -> message of each task that failed."""

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
        """Return the table, with intervals over seeds and the alarms."""
        from lotterylab.reading.table import render

        return render(self.study.title, self.rows, self.alarms, messages=True)


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
