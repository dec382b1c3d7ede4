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
        drops = (floor(Fraction(str(fraction)) * total_steps + Fraction(1, 2)) for fraction in self.at)
        return self.gamma ** sum(step >= drop for drop in drops)


@dataclass(frozen=True, kw_only=True)
class Warmup:
    """The rate rises in a straight line over the first ``steps`` updates, and ``then`` multiplies it throughout.

    Update i of k (from 1) has i/k of the rate: the first is not lost to a rate of 0, the k-th is the whole rate.
    [frankle2019lottery, section 4: "linear warmup" over k iterations, 0 and k being its ends; goyal2017accurate]
    """

    steps: int
    then: Constant | EpochDrops | FractionDrops = Constant()

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UsageError(f"a warm-up of {self.steps} steps: at least 1 is needed.")

    def factor(self, step: int, *, steps_per_epoch: int, total_steps: int) -> float:
        """min(1, (step + 1) / steps) times that of ``then``."""
        risen = min(1.0, (step + 1) / self.steps)
        return risen * self.then.factor(step, steps_per_epoch=steps_per_epoch, total_steps=total_steps)


Schedule: TypeAlias = Constant | EpochDrops | FractionDrops | Warmup


def _check(at: tuple[float, ...], gamma: float) -> None:
    if list(at) != sorted(set(at)):
        raise UsageError(f"at={at} must increase, each once.")
    if not 0 <= gamma <= 1:
        raise UsageError(f"gamma={gamma} must be in [0, 1]: a drop multiplies the rate by it.")
