"""The x axis of a chart of lines: its places, ticks and limits, and a power law along it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lotterylab.reading.charts import Chart
from lotterylab.reading.rows import Rows
from lotterylab.report.figure_parts import places

KEPT_TICKS = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
MOST_ASIDE = 0.5  # of a logarithm: the most that a gap between levels counts
WIDEST_GAP = 0.1  # the same on the axis of the requested sparsity
FEW = 6  # places with a tick each
ALIKE = 0.03  # of a logarithm: points closer than this hide each other
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Axis:
    """An ``Axis`` has the places on the x axis.

    Args:
        gap: between lines of one place, in logarithms if ``log``.
        targets: the place of each requested sparsity.
        ticks: places and texts.
        limits: the ends of the axis; ``ends``: the least and the largest place of a point.
        crowds: for each line, the place of each of its points among the lines that have a point there, and how many.
    """

    gap: float = 0.0
    log: bool = False
    targets: Mapping[float, float] = None  # type: ignore[assignment]
    ticks: tuple[tuple[float, str], ...] = ()
    limits: tuple[float, float] | None = None
    ends: tuple[float, float] | None = None
    crowds: Mapping[tuple[int, float], tuple[int, int]] = None  # type: ignore[assignment]

    @property
    def stretched(self) -> bool:
        """Return whether the targets stand on another scale than their own."""
        return bool(self.targets) and any(place != target for target, place in self.targets.items())

    def beside(self, x: float, number: int, count: int) -> float:
        """Return the place of the number-th of ``count`` lines, moved so that bars do not hide each other."""
        if self.crowds is not None:
            number, count = self.crowds.get((number, x), (0, 1))
            return x * math.exp(self.gap * (number - (count - 1) / 2) / max(count - 1, 1))
        shift = self.gap * (number - (count - 1) / 2)
        if self.log:
            return x * math.exp(-shift / max(count - 1, 1))
        return self.targets.get(x, x) + shift if self.targets else x


def place_of(arm: Rows, x: object) -> float | None:
    """Return the place of an arm on the axis: its target, or the mean over its seeds."""
    if x == "sparsity":
        return arm[0].labels["sparsity"] or None  # type: ignore[return-value]
    interval = arm.interval("prune.reached" if x == "kept" else x)  # type: ignore[arg-type]
    if interval is None:
        return None
    return 1 - interval.mean if x == "kept" else interval.mean


def axis_of(wanted: Chart, lines: Sequence[Sequence[float]], targets: Sequence[float]) -> Axis:
    """Return the axis of a panel from the places of each line's points and the requested sparsities."""
    kept = [x for points in lines for x in points]
    if wanted.x == "sparsity":
        at = places(targets)
        gap = min((b - a for a, b in pairwise(at.values())), default=WIDEST_GAP)
        ends = (min(at.values()) - 0.06, max(at.values()) + 0.06) if at else None
        ticks = tuple((place, f"{target:g}") for target, place in at.items())
        gap = min(0.16 * min(gap, WIDEST_GAP), WIDEST_GAP / max(len(lines) - 1, 1))  # all lines within the limits
        return Axis(gap=gap, targets=at, ticks=ticks, limits=ends)
    if wanted.log_x and kept and min(kept) > 0:
        return _logarithmic(lines)
    if wanted.x != "kept" or not kept:
        return Axis(ends=(min(kept), max(kept)) if kept else None)
    levels = _apart(kept)
    gap = min((math.log(a / b) for a, b in pairwise(levels)), default=MOST_ASIDE)
    few = tuple((x, f"{x:.3g}") for x in levels)
    round_ones = tuple((tick, f"{tick:g}") for tick in KEPT_TICKS if tick >= levels[-1] * 0.7)
    third = min(gap, MOST_ASIDE) / 3
    edge = 1.15 * math.exp(third / 2)
    limits = max(kept) * edge, min(kept) / edge  # from many kept weights to few, as papers draw it
    ticks = few if len(levels) <= FEW else round_ones
    return Axis(gap=third, log=True, ticks=ticks, limits=limits, ends=(min(kept), max(kept)))


def _logarithmic(lines: Sequence[Sequence[float]]) -> Axis:
    """Return a logarithmic axis on which only points of one place are moved apart."""
    points = sorted((x, number) for number, line in enumerate(lines) for x in line)
    crowds: list[list[tuple[float, int]]] = []
    for x, number in points:
        if crowds and math.log(x / crowds[-1][0][0]) < ALIKE:
            crowds[-1].append((x, number))
        else:
            crowds.append([(x, number)])
    gap = min((math.log(b[0][0] / a[-1][0]) for a, b in pairwise(crowds)), default=MOST_ASIDE)
    spread = max(0.6 * min(gap, MOST_ASIDE), ALIKE)
    low, high = points[0][0], points[-1][0]
    edge = math.exp(spread / 2) * (high / low) ** 0.04 * 1.03
    return Axis(
        gap=spread,
        log=True,
        ticks=_ticks(low / edge, high * edge),
        limits=(low / edge, high * edge),
        ends=(low, high),
        crowds={
            (number, x): (rank, len(crowd))
            for crowd in crowds
            for rank, (x, number) in enumerate(sorted(crowd, key=lambda point: point[1]))
        },
    )


def _ticks(low: float, high: float) -> tuple[tuple[float, str], ...]:
    """Return ticks at 1, 2 and 5 times the powers of ten, or at the powers alone if these are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if len(powers) <= FEW else (1,)
    ticks = ((step, power) for power in powers for step in steps)
    return tuple((step * 10.0**power, _tick(step, power)) for step, power in ticks if low <= step * 10.0**power <= high)


def _tick(step: int, power: int) -> str:
    """Return the tick as text, "0.2", "500" or "2·10¹²"."""
    if -3 <= power <= 4:
        return f"{step * 10.0**power:g}"
    exponent = str(power).replace("-", "⁻").translate(SUPERSCRIPTS)
    return f"10{exponent}" if step == 1 else f"{step}·10{exponent}"


def _apart(kept: Iterable[float]) -> list[float]:
    """Return the different places, largest first; one-shot and iterative pruning round their counts differently."""
    each = sorted(set(kept), reverse=True)
    return [x for before, x in zip([math.inf, *each], each, strict=False) if x < before * 0.95]


@dataclass(frozen=True)
class PowerLaw:
    """A ``PowerLaw`` is ``y = factor * x ** exponent``; ``explained``: R^2 of log y."""

    factor: float
    exponent: float
    explained: float

    def __call__(self, x: float) -> float:
        """Return y at x."""
        return self.factor * x**self.exponent

    def __str__(self) -> str:
        exponent = f"{self.exponent:.3f}".replace("-", "−")
        return f"exponent {exponent}, R² {self.explained:.2f}"


def power_law(points: Sequence[tuple[float, float]]) -> PowerLaw | None:
    """Return the least squares of log y on log x; None with fewer than three points, a value up to 0, or one x."""
    if len(points) < 3 or min(min(point) for point in points) <= 0:
        return None
    logs = [(math.log(x), math.log(y)) for x, y in points]
    mean_x, mean_y = (sum(values) / len(logs) for values in zip(*logs, strict=True))
    squares_x, squares_y = (
        sum((v - m) ** 2 for v in vs) for vs, m in zip(zip(*logs, strict=True), (mean_x, mean_y), strict=True)
    )
    if not squares_x:
        return None
    together = sum((x - mean_x) * (y - mean_y) for x, y in logs)
    exponent = together / squares_x
    explained = together**2 / (squares_x * squares_y) if squares_y else 1.0
    return PowerLaw(math.exp(mean_y - exponent * mean_x), exponent, explained)
