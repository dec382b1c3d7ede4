"""The tidy tables, looked up by arm: what the figures and the page draw their numbers from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lotterylab.report.tidy import Number, Point
from lotterylab.statistics import Interval, t_interval


class Arm(NamedTuple):
    """What is the same over seeds."""

    protocol: str
    activation: str
    method: str
    control: str = ""
    sparsity: float = 0.0


class Arms:
    """Numbers and curves by arm, metric and seed; ``metric`` is "part.name", as in ``Result.metric``."""

    def __init__(self, numbers: Iterable[Number], points: Iterable[Point] = ()) -> None:
        self._values: dict[Arm, dict[str, dict[int, float]]] = {}
        self._curves: dict[tuple[Arm, str], dict[int, list[float | None]]] = {}
        for number in numbers:
            if number.value is not None:
                metrics = self._values.get(number[:5])  # type: ignore[call-overload]  # an Arm equals its plain tuple
                if metrics is None:
                    metrics = self._values[Arm(*number[:5])] = {}
                metrics.setdefault(f"{number.part}.{number.metric}", {})[number.seed] = number.value
        for point in points:
            seeds = self._curves.get((point[:5], point.curve))  # type: ignore[call-overload]
            if seeds is None:
                seeds = self._curves[Arm(*point[:5]), point.curve] = {}
            seeds.setdefault(point.seed, []).append(point.value)

    def where(self, **labels: str | float) -> list[Arm]:
        """The arms with these labels of which something is finished, in the study's order."""
        return [arm for arm in self._values if all(getattr(arm, name) == value for name, value in labels.items())]

    def labels(self, name: str, **labels: str | float) -> list[str]:
        """The different values of one label among the arms with the others, in the study's order."""
        return list(dict.fromkeys(getattr(arm, name) for arm in self.where(**labels)))

    def targets(self, **labels: str | float) -> list[float]:
        """The sparsities of the pruned arms, smallest first."""
        return sorted({arm.sparsity for arm in self.where(**labels) if arm.sparsity})

    def values(self, arm: Arm, metric: str) -> dict[int, float]:
        """One number a seed, of the seeds that have it."""
        return self._values.get(arm, {}).get(metric, {})

    def interval(self, arm: Arm, metric: str) -> Interval | None:
        """Mean and 95 % t interval over seeds; None where no seed has the number."""
        values = self.values(arm, metric)
        return t_interval(values.values()) if values else None

    def curves(self, arm: Arm, curve: str) -> dict[int, list[float | None]]:
        """One curve a seed; a curve that ends early is that of a run that diverged."""
        return self._curves.get((arm, curve), {})

    def curve_names(self, protocol: str) -> list[str]:
        """The curves that some arm of a protocol has."""
        return list(dict.fromkeys(name for arm, name in self._curves if arm.protocol == protocol))


def middle(targets: list[float], wanted: float = 0.8) -> float:
    """The target nearest to ``wanted``, which is the one whose curves the published study shows."""
    return min(targets, key=lambda target: (round(abs(target - wanted), 9), target))
