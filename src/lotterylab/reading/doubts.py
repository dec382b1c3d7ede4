"""Doubts about a conclusion: sentences that hold for all runs, or only for runs of some sizes or data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from lotterylab.plan.nodes import Data, Train
from lotterylab.reading.rows import Rows

Doubt: TypeAlias = "str | Callable[[Rows], str]"  # "" if it does not hold for the rows


def held(doubts: Sequence[Doubt], results: Rows) -> list[str]:
    """Return the texts of the doubts that hold for these rows."""
    texts = [doubt if isinstance(doubt, str) else doubt(results) for doubt in doubts]
    return [text for text in texts if text]


@dataclass(frozen=True)
class Below:
    """A ``Below`` is a doubt that holds if a number of the runs is below ``limit``, the paper's number.

    ``name``: "images" (training images), "steps" or "epochs" of the longest run that is not a control, or a field of
    the model such as "width".  ``text``: the doubt, with {value} for the runs' number.
    """

    name: str
    limit: float
    text: str

    def __call__(self, results: Rows) -> str:
        """Return the text, or "" if the doubt does not hold."""
        values = [value for value in _values(self.name, results) if value is not None]
        value = max(values, default=self.limit)
        return self.text.format(value=f"{value:,}") if value < self.limit else ""


if_below = Below


def is_at_scale(doubts: Sequence[Doubt], results: Rows) -> bool:
    """Return whether the runs have a paper's size: there are doubts about size (``Below``), and none holds."""
    sizes = [doubt for doubt in doubts if isinstance(doubt, Below)]
    return bool(sizes) and bool(results) and not any(doubt(results) for doubt in sizes)


def of_data(field: str, texts: dict[Any, str]) -> Doubt:
    """Return a doubt whose text depends on a field of the data."""

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
    arms = Rows(row for row in results if not row.labels.get("control")) or results  # a control may train longer
    runs = (row.nodes.get("train") for row in arms)
    return ((run, run.data) for run in runs if isinstance(run, Train) and isinstance(run.data, Data))
