"""Values of a published figure or table beside ours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lotterylab.reading.lines import Labels
from lotterylab.reading.rows import Read, Rows
from lotterylab.statistics import Interval, t_interval


@dataclass(frozen=True, kw_only=True)
class Published:
    """A ``Published`` value is a number of a paper, with the labels of our rows that repeat it.

    Args:
        labels: the labels of those rows.
        quantity: the name of the number; ``read``: the same number in our rows.
        value: the published number, read off to ``error``.
        figure: where it was published.
        seed: the seed of the published run, if one of ours is that run again.
    """

    labels: Labels
    quantity: str
    read: Read
    value: float
    error: float
    figure: str = ""
    seed: int | None = None

    def label(self, name: str) -> str:
        """Return one of its labels as text."""
        return str(self.labels.get(name, ""))

    @property
    def target(self) -> float:
        """Return the sparsity of its rows."""
        return float(self.labels.get("sparsity", 0.0))


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A ``Beside`` is a published value beside ours.

    ``ours``: over the seeds other than the published one, which would agree with itself.  ``at_seed``: our value at
    the published seed.
    """

    published: Published
    ours: Interval | None
    at_seed: float | None

    @property
    def within(self) -> bool | None:
        """Return whether the value lies within its reading error and two standard deviations of our mean.

        None with fewer than two seeds.
        """
        if self.ours is None or self.ours.sd is None:
            return None
        return _within(self.published.value - self.ours.mean, self.published.error + 2 * self.ours.sd)

    @property
    def within_at_seed(self) -> bool | None:
        """Return whether our run of the published seed gives the value again, within the reading error."""
        return None if self.at_seed is None else _within(self.published.value - self.at_seed, self.published.error)


def beside(values: Iterable[Published], results: Rows) -> list[Beside]:
    """Return each published value with ours."""
    pairs = []
    for published in values:
        ours = results.where(**published.labels).per_seed(published.read)
        others = [value for seed, value in ours.items() if seed != published.seed]
        at_seed = ours.get(published.seed) if published.seed is not None else None
        pairs.append(Beside(published=published, ours=t_interval(others) if others else None, at_seed=at_seed))
    return pairs


def _within(difference: float, limit: float) -> bool:
    """Return whether |difference| <= limit, with room for the rounding of decimals such as 0.142 - 0.145."""
    return abs(difference) <= limit + 1e-9
