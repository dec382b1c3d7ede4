"""What each rung of the ladder changes: paired differences from the rung before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lotterylab.report.arms import Arm, Arms
from lotterylab.statistics import Interval, differences, t_interval

LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Step:
    """Rung ``rung`` minus the one before, over the seeds that both have; ``interval`` is None where there is none."""

    activation: str
    method: str
    target: float
    rung: int
    interval: Interval | None
    same: bool  # every seed has exactly the same number on both rungs

    @property
    def tested(self) -> bool:
        """Whether there is an interval at all: two seeds or more that are not all equal by construction."""
        return self.interval is not None and self.interval.low is not None and not self.same

    @property
    def resolved(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.tested and self.interval is not None and (self.interval.above(0) or self.interval.below(0))


def steps(arms: Arms, rungs: dict[int, tuple[str, str]], metric: str) -> list[Step]:
    """All steps of all arms of the ladder, arm by arm."""
    return list(_steps(arms, rungs, metric))


def _steps(arms: Arms, rungs: dict[int, tuple[str, str]], metric: str) -> Iterator[Step]:
    protocols = [protocol for protocol, _ in rungs.values()]
    lines = {
        (arm.activation, arm.method, arm.sparsity): None
        for protocol in protocols
        for arm in arms.where(protocol=protocol, control="")
        if arms.rows(arm).per_seed(metric)
    }
    for activation, method, target in lines:
        for rung, (protocol, _) in rungs.items():
            if rung - 1 not in rungs:
                continue
            here = arms.rows(Arm(protocol, activation, method, "", target)).per_seed(metric)
            before = arms.rows(Arm(rungs[rung - 1][0], activation, method, "", target)).per_seed(metric)
            values = differences(here, before)
            yield Step(
                activation=activation,
                method=method,
                target=target,
                rung=rung,
                interval=t_interval(values, LEVEL) if values else None,
                same=bool(values) and not any(values),
            )
