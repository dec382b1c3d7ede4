"""The rows of a study by arm: what the figures and the page draw their numbers from."""

from __future__ import annotations

from typing import NamedTuple

from lotterylab.plan.plan import ARM
from lotterylab.reading.rows import PerSeed, Rows
from lotterylab.statistics import Interval, t_interval


class Arm(NamedTuple):
    """What is the same over seeds."""

    protocol: str
    activation: str
    method: str
    control: str = ""
    sparsity: float = 0.0


class Arms:
    """Rows by arm.  Numbers are read by ``Rows.per_seed``, so that a bar has the n of the verdict below it.

    ``metric`` is "part.name", as in ``Result.metric``.
    """

    def __init__(self, rows: Rows) -> None:
        by_arm = {Arm(*key): own for key, own in rows.by(*ARM).items()}
        self._rows = {arm: own for arm, own in by_arm.items() if any(row.records for row in own)}
        self._values: dict[tuple[Arm, str], PerSeed] = {}

    def where(self, **labels: str | float) -> list[Arm]:
        """The arms with these labels of which something is finished, in the study's order."""
        return [arm for arm in self._rows if all(getattr(arm, name) == value for name, value in labels.items())]

    def labels(self, name: str, **labels: str | float) -> list[str]:
        """The different values of one label among the arms with the others, in the study's order."""
        return list(dict.fromkeys(getattr(arm, name) for arm in self.where(**labels)))

    def targets(self, **labels: str | float) -> list[float]:
        """The sparsities of the pruned arms, smallest first."""
        return sorted({arm.sparsity for arm in self.where(**labels) if arm.sparsity})

    def values(self, arm: Arm, metric: str) -> PerSeed:
        """One number for each seed that counts."""
        if (arm, metric) not in self._values:
            self._values[arm, metric] = self._rows[arm].per_seed(metric) if arm in self._rows else {}
        return self._values[arm, metric]

    def interval(self, arm: Arm, metric: str) -> Interval | None:
        """Mean and 95 % t interval over seeds; None if no seed counts."""
        values = self.values(arm, metric)
        return t_interval(values.values()) if values else None

    def curves(self, arm: Arm, curve: str) -> dict[int, list[float | None]]:
        """One curve a seed; a curve that ends early is that of a run that diverged."""
        found = {}
        for row in self._rows.get(arm, Rows()):
            values = (row.metric("train.curves") or {}).get(curve)
            if isinstance(values, list):
                found[int(row.labels["seed"])] = values
        return found

    def curve_names(self, protocol: str) -> list[str]:
        """The curves that some arm of a protocol has."""
        rows = (row for arm in self.where(protocol=protocol) for row in self._rows[arm])
        return list(dict.fromkeys(name for row in rows for name in row.metric("train.curves") or {}))


def middle(targets: list[float], wanted: float = 0.8) -> float:
    """The target nearest to ``wanted``, which is the one whose curves the published study shows."""
    return min(targets, key=lambda target: (round(abs(target - wanted), 9), target))
