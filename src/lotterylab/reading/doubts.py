"""Doubts that hold only at some sizes, made from what was run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from lotterylab.plan.nodes import Data, Train
from lotterylab.reading.rows import Rows

Doubt: TypeAlias = "str | Callable[[Rows], str]"  # "" where it does not hold


def held(doubts: Sequence[Doubt], results: Rows) -> list[str]:
    """Those that hold for these rows."""
    texts = [one if isinstance(one, str) else one(results) for one in doubts]
    return [text for text in texts if text]


@dataclass(frozen=True)
class Below:
    """``text``, its {value} filled in, where a number of the runs is below ``limit``, that of a paper.

    ``name``: "images" they train on, "steps" or "epochs" of the
    longest that is no control, or a field of the model such as "width".
    """

    name: str
    limit: float
    text: str

    def __call__(self, results: Rows) -> str:
        """The text; "" where it does not hold."""
        found = [value for value in _values(self.name, results) if value is not None]
        value = max(found, default=self.limit)
        return self.text.format(value=f"{value:,}") if value < self.limit else ""


if_below = Below


def is_at_scale(doubts: Sequence[Doubt], results: Rows) -> bool:
    """Whether no size is below a paper's: there is a doubt about size (``if_below``), and none of them holds."""
    sizes = [doubt for doubt in doubts if isinstance(doubt, Below)]
    return bool(sizes) and bool(results) and not any(doubt(results) for doubt in sizes)


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
    own = Rows(row for row in results if not row.labels.get("control")) or results  # a control may train longer
    runs = (row.nodes.get("train") for row in own)
    return ((run, run.data) for run in runs if isinstance(run, Train) and isinstance(run.data, Data))
