"""Doubts that hold only at some sizes, made from what was run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from lotterylab.plan.nodes import Data, Train
from lotterylab.reading.rows import Rows

Doubt: TypeAlias = "str | Callable[[Rows], str]"  # "" where it does not hold


def held(doubts: Sequence[Doubt], results: Rows) -> list[str]:
    """Those that hold for these rows."""
    texts = [one if isinstance(one, str) else one(results) for one in doubts]
    return [text for text in texts if text]


def if_below(name: str, limit: float, text: str) -> Doubt:
    """``text``, its {value} filled in, where a number of the runs is below ``limit``: "images" they train on, "steps"
    or "epochs" of the longest, or a field of the model such as "width"."""

    def doubt(results: Rows) -> str:
        found = [value for value in _values(name, results) if value is not None]
        value = max(found, default=limit)
        return text.format(value=f"{value:,}") if value < limit else ""

    return doubt


def of_data(field: str, texts: dict[Any, str]) -> Doubt:
    """The text for the value of a field of the data, where there is one."""

    def doubt(results: Rows) -> str:
        values = {getattr(data.spec, field, None) for _, data in _trainings(results)}
        return " ".join(text for value, text in texts.items() if value in values)

    return doubt


def _values(name: str, results: Rows) -> Iterator[float | None]:
    for run, data in _trainings(results):
        if name == "images":
            yield data.spec.train
        elif name == "steps":
            yield run.total_steps
        elif name == "epochs":
            yield run.total_steps // run.steps_per_epoch
        else:
            yield getattr(run.model, name, None)


def _trainings(results: Rows) -> Iterator[tuple[Train, Data]]:
    runs = (row.nodes.get("train") for row in results)
    return ((run, run.data) for run in runs if isinstance(run, Train) and isinstance(run.data, Data))
