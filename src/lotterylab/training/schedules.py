"""Schedules of the learning rate: what to multiply the base rate by in each step.

``factor(step, ...)`` is the multiplier of the update that follows ``step`` finished ones, so the first update has
step 0.  It is a closed form of the step: a training that continues at step k needs no state of its schedule.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import TypeAlias

from lotterylab.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Constant:
    """The base rate throughout."""

    def factor(self, step: int, *, steps_per_epoch: int, total_steps: int) -> float:
        """Always 1."""
        return 1.0


@dataclass(frozen=True, kw_only=True)
class EpochDrops:
    """The rate times ``gamma`` after each of ``at`` whole epochs: MultiStepLR, stepped once an epoch.

    ``at=(80, 120)``: epochs 0 to 79 (from 0) run at the base rate, 80 to 119 at gamma times it.
    """

    at: tuple[int, ...]
    gamma: float = 0.1

    def __post_init__(self) -> None:
        _check(self.at, self.gamma)
        if not all(isinstance(epoch, int) and epoch > 0 for epoch in self.at):
            raise UsageError(f"at={self.at} must be whole epochs from 1. For shares of the training use FractionDrops.")

    def factor(self, step: int, *, steps_per_epoch: int, total_steps: int) -> float:
        """gamma to the number of drops passed."""
        return self.gamma ** sum(step >= epoch * steps_per_epoch for epoch in self.at)


@dataclass(frozen=True, kw_only=True)
class FractionDrops:
    """The rate times ``gamma`` from each of the given fractions of all steps on: ``at=(0.5, 0.75)``.

    A fraction f of T steps is step floor(f * T + 1/2), counted exactly from the decimal digits of f.  Rounded and not
    floored, so that 2/3 of 30,000 steps, which as a float is a little less, is step 20,000 and not 19,999.
    """

    at: tuple[float, ...]
    gamma: float = 0.1

    def __post_init__(self) -> None:
        _check(self.at, self.gamma)
        if not all(0 < fraction < 1 for fraction in self.at):
            raise UsageError(f"at={self.at} must be between 0 and 1. For whole epochs use EpochDrops.")

    def factor(self, step: int, *, steps_per_epoch: int, total_steps: int) -> float:
        """gamma to the number of drops passed."""
        return self.gamma ** sum(step >= _rounded(fraction, total_steps) for fraction in self.at)


@dataclass(frozen=True, kw_only=True)
class Warmup:
    """The rate rises in a straight line over the first k updates, and ``then`` multiplies it throughout.

    k is a number of ``steps``, or a ``share`` of all, rounded as the drops of ``FractionDrops`` are.  Update i of k
    (from 1) has i/k of the rate: the first is not lost to a rate of 0, the k-th has the whole rate.
    [frankle2019lottery, section 4, who say "linear warmup" over k iterations; goyal2017accurate, section 2.2]
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
        """min(1, (step + 1) / k) times that of ``then``."""
        k = max(1, _rounded(self.share, total_steps)) if self.share is not None else self.steps or 1
        return min(1.0, (step + 1) / k) * self.then.factor(
            step, steps_per_epoch=steps_per_epoch, total_steps=total_steps
        )


Schedule: TypeAlias = Constant | EpochDrops | FractionDrops | Warmup


def _rounded(fraction: float, total_steps: int) -> int:
    return floor(Fraction(str(fraction)) * total_steps + Fraction(1, 2))


def _check(at: tuple[float, ...], gamma: float) -> None:
    if list(at) != sorted(set(at)):
        raise UsageError(f"at={at} must increase, each once.")
    if not 0 <= gamma <= 1:
        raise UsageError(f"gamma={gamma} must be in [0, 1]: a drop multiplies the rate by it.")
