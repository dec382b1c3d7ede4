from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lotterylab.errors import UsageError
from lotterylab.training.schedules import Constant, EpochDrops, FractionDrops, Warmup


def multi_step(at: tuple[int, ...], gamma: float, epochs: int) -> list[float]:
    """Return the rate of each epoch by torch's MultiStepLR, from a base rate of 1."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(at), gamma)
    rates = []
    for _ in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@given(
    at=st.sets(st.integers(1, 12), max_size=4).map(lambda epochs: tuple(sorted(epochs))),
    gamma=st.sampled_from([0.1, 0.2, 0.5]),
    steps_per_epoch=st.integers(1, 7),
)
@settings(max_examples=40, deadline=None)
def test_epoch_drops_are_multi_step_lr(at: tuple[int, ...], gamma: float, steps_per_epoch: int) -> None:
    schedule, rates = EpochDrops(at=at, gamma=gamma), multi_step(at, gamma, 14)
    total = 14 * steps_per_epoch
    ours = [schedule.factor(step, steps_per_epoch=steps_per_epoch, total_steps=total) for step in range(total)]
    assert ours == pytest.approx([rates[step // steps_per_epoch] for step in range(total)], rel=1e-14)


def test_constant_is_one() -> None:
    assert {Constant().factor(step, steps_per_epoch=3, total_steps=9) for step in range(9)} == {1.0}


def test_half_and_three_quarters_of_160_epochs_are_drops_after_80_and_120() -> None:
    by_epochs, by_fractions = EpochDrops(at=(80, 120)), FractionDrops(at=(0.5, 0.75))
    for step in range(0, 160 * 391, 17):
        sizes: dict[str, Any] = {"steps_per_epoch": 391, "total_steps": 160 * 391}
        assert by_epochs.factor(step, **sizes) == by_fractions.factor(step, **sizes)


def first_drop(fraction: float, total: int) -> int:
    factors = [FractionDrops(at=(fraction,)).factor(s, steps_per_epoch=1, total_steps=total) for s in range(total + 1)]
    assert factors == sorted(factors, reverse=True) and set(factors) <= {1.0, 0.1}
    return factors.index(0.1)


def test_two_thirds_of_30000_steps_is_step_20000() -> None:
    schedule = FractionDrops(at=(2 / 3, 5 / 6))
    rates = {step: schedule.factor(step, steps_per_epoch=391, total_steps=30_000) for step in (19_999, 20_000, 25_000)}
    assert rates == {19_999: 1.0, 20_000: 0.1, 25_000: pytest.approx(0.01)}


@given(percent=st.integers(1, 99), total=st.integers(1, 300))
@settings(max_examples=60, deadline=None)
def test_a_fraction_is_rounded_half_up_from_its_decimal_digits(percent: int, total: int) -> None:
    exact = Fraction(percent, 100) * total
    assert first_drop(percent / 100, total) == int(exact + Fraction(1, 2))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EpochDrops(at=(0,)), "whole epochs"),
        (lambda: EpochDrops(at=(0.5,)), "FractionDrops"),  # type: ignore[arg-type]
        (lambda: EpochDrops(at=(20, 10)), "increase"),
        (lambda: EpochDrops(at=(10, 10)), "increase"),
        (lambda: EpochDrops(at=(10,), gamma=10.0), "gamma"),
        (lambda: FractionDrops(at=(80.0,)), "EpochDrops"),
        (lambda: FractionDrops(at=(0.5,), gamma=-0.1), "gamma"),
    ],
)
def test_a_schedule_out_of_range_is_refused(make: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()


@pytest.mark.parametrize("k", [2, 5, 40])
def test_a_warm_up_is_linear_lr_and_then_the_schedule(k: int) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    rising = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / k, total_iters=k - 1)
    sizes: dict[str, Any] = {"steps_per_epoch": 10, "total_steps": 60}
    warm, drops = Warmup(steps=k, then=FractionDrops(at=(0.5,))), FractionDrops(at=(0.5,))
    for step in range(60):
        expected = optimizer.param_groups[0]["lr"] * drops.factor(step, **sizes)
        assert warm.factor(step, **sizes) == pytest.approx(expected, rel=1e-12)
        optimizer.step()
        rising.step()
    assert Warmup(steps=k).factor(0, **sizes) == 1 / k and Warmup(steps=k).factor(k - 1, **sizes) == 1.0


def test_a_warm_up_by_its_share_is_one_of_as_many_steps() -> None:
    for step in range(90):
        sizes: dict[str, Any] = {"steps_per_epoch": 10, "total_steps": 90}
        assert Warmup(share=0.6667).factor(step, **sizes) == Warmup(steps=60).factor(step, **sizes)


@pytest.mark.parametrize("wrong", [{}, {"steps": 0}, {"share": 0.0}, {"share": 1.5}, {"steps": 3, "share": 0.1}])
def test_a_warm_up_that_means_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Warmup(**wrong)
