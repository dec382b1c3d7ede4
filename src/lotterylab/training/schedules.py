"""Learning-rate schedules multiply the base rate by a factor in each step.

``factor(step, ...)`` is the multiplier of the update that follows ``step`` finished updates, so the first update has
step 0.  It is a closed form of the step, so a training that continues at step k needs no schedule state.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import TypeAlias

from lotterylab.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Constant:
    """The rate stays at the base rate.

    Examples:
        >>> Constant().factor(7, steps_per_epoch=10, total_steps=100)
        1.0
    """

    def factor(self, step: int, *, steps_per_epoch: int, total_steps: int) -> float:
        """Return 1."""
        return 1.0


@dataclass(frozen=True, kw_only=True)
class EpochDrops:
    """The rate is multiplied by ``gamma`` after each of ``at`` epochs, as MultiStepLR does once an epoch.

    Args:
        at: increasing whole epochs from 1.  With (80, 120), epochs 0 to 79 have the base rate and 80 to 119 gamma
            times the base rate.
        gamma: the factor of each drop, in [0, 1].

    Raises:
        UsageError: ``at`` or ``gamma`` is out of range.

    Examples:
        >>> drops = EpochDrops(at=(2,))
        >>> [drops.factor(step, steps_per_epoch=10, total_steps=30) for step in (19, 20)]
        [1.0, 0.1]
    """

    at: tuple[int, ...]
    gamma: float = 0.1

    def __post_init__(self) -> None:
        _check(self.at, self.gamma)
        if not all(isinstance(epoch, int) and epoch > 0 for epoch in self.at):
            raise UsageError(f"at={self.at} must be whole epochs from 1. For shares of the training use FractionDrops.")

    def factor(self, step: int, *, steps_per_epoch: int, total_steps: int) -> float:
        """Return gamma to the power of the number of drops passed."""
        return self.gamma ** sum(step >= epoch * steps_per_epoch for epoch in self.at)


@dataclass(frozen=True, kw_only=True)
class FractionDrops:
    """The rate is multiplied by ``gamma`` at each of the fractions ``at`` of all steps.

    A fraction f of T steps is step floor(f * T + 1/2), computed exactly from the decimal digits of f.  Rounding makes
    2/3 of 30,000 steps, which is a little less as a float, step 20,000 and not 19,999.

    Args:
        at: increasing fractions of the training, above 0 and below 1.
        gamma: the factor of each drop, in [0, 1].

    Raises:
        UsageError: ``at`` or ``gamma`` is out of range.

    Examples:
        >>> drops = FractionDrops(at=(0.5, 0.75))
        >>> [drops.factor(step, steps_per_epoch=10, total_steps=100) for step in (49, 50)]
        [1.0, 0.1]
    """

    at: tuple[float, ...]
    gamma: float = 0.1

    def __post_init__(self) -> None:
        _check(self.at, self.gamma)
        if not all(0 < fraction < 1 for fraction in self.at):
            raise UsageError(f"at={self.at} must be between 0 and 1. For whole epochs use EpochDrops.")

    def factor(self, step: int, *, steps_per_epoch: int, total_steps: int) -> float:
        """Return gamma to the power of the number of drops passed."""
        return self.gamma ** sum(step >= _rounded(fraction, total_steps) for fraction in self.at)


@dataclass(frozen=True, kw_only=True)
class Warmup:
    """The rate rises linearly over the first k updates, and the schedule ``then`` multiplies it throughout.

    Update i of k (from 1) has i/k of the rate: the first update has a rate above 0, and the k-th has the full rate.
    [frankle2019lottery, section 4, "linear warmup" over k iterations; goyal2017accurate, section 2.2]

    Args:
        steps: k as a number of updates.
        share: k as a fraction of all updates, rounded as in ``FractionDrops``; give ``steps`` or ``share``.
        then: the schedule that multiplies the rate in every step.

    Raises:
        UsageError: both or neither of ``steps`` and ``share`` are given, or one is out of range.

    Examples:
        >>> Warmup(steps=4).factor(0, steps_per_epoch=10, total_steps=100)
        0.25
    """

    steps: int | None = None
    share: float | None = None
    then: Constant | EpochDrops | FractionDrops = Constant()

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.share is None):
            raise UsageError("a warm-up has a number of steps or a share of the training: give one of the two.")
        if self.steps is not None and self.steps < 1:
            raise UsageError(f"a warm-up of {self.steps} steps: at least 1 is needed.")
        if self.share is not None and not 0 < self.share <= 1:
            raise UsageError(f"share={self.share} must be above 0 and at most 1. For optimizer steps use steps.")

    def factor(self, step: int, *, steps_per_epoch: int, total_steps: int) -> float:
        """Return min(1, (step + 1) / k) times the factor of ``then``."""
        k = max(1, _rounded(self.share, total_steps)) if self.share is not None else self.steps or 1
        return min(1.0, (step + 1) / k) * self.then.factor(
            step, steps_per_epoch=steps_per_epoch, total_steps=total_steps
        )


Schedule: TypeAlias = Constant | EpochDrops | FractionDrops | Warmup


def _rounded(fraction: float, total_steps: int) -> int:
    return floor(Fraction(str(fraction)) * total_steps + Fraction(1, 2))


def _check(at: tuple[float, ...], gamma: float) -> None:
    if list(at) != sorted(set(at)):
        raise UsageError(f"at={at} must increase strictly. Sort the values and name each once.")
    if not 0 <= gamma <= 1:
        raise UsageError(f"gamma={gamma} must be in [0, 1]: a drop multiplies the rate by it.")
