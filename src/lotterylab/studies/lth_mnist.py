"""Does LeNet-300-100 on MNIST hold winning tickets?  One-shot and iterative pruning against re-initialised and random.

The first experiment of [frankle2019lottery, section 2], with the stability of [frankle2019stabilizing, table 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lotterylab.masks.counts import Rate
from lotterylab.models import LeNet300100
from lotterylab.plan.nodes import Data
from lotterylab.plan.plan import Plan
from lotterylab.studies.lth import recipe, rows
from lotterylab.studies.lth_mnist_claims import PREDICTIONS, QUESTION

RATE = Rate(share=0.2, output=0.1)
ORDER_ROUND = 10  # 10.8 % of the weights are left; the table has 10.7 %


@dataclass(frozen=True, kw_only=True)
class Options:
    """``steps``: optimizer steps of each run (the paper: 50,000).  ``rounds``: of pruning, 20 % each."""

    SIZES: ClassVar[dict[str, dict[str, int]]] = {
        "quick": {"steps": 1_000, "rounds": 10, "seeds": 2},
        "standard": {},  # the defaults
        "paper": {"steps": 50_000, "rounds": 20, "seeds": 5},
    }

    steps: int = 10_000
    rounds: int = 16
    seeds: int = 5
    first_seed: int = 0


def build(options: Options, data: Data, *, title: str, notes: tuple[str, ...] = ()) -> Plan:
    """The plan; seed by seed."""
    model = LeNet300100(shape=data.spec.shape, classes=data.spec.classes)
    training = recipe(options.steps, 1.2e-3)
    rounds = {"rounds": options.rounds, "order_round": ORDER_ROUND}
    return Plan(
        name="lth-mnist",
        title=f"The lottery ticket hypothesis, LeNet-300-100 on {title}, {options.steps:,} steps a run",
        question=QUESTION,
        rows=tuple(
            row
            for seed in range(options.first_seed, options.first_seed + options.seeds)
            for row in rows("LeNet-300-100", model, training, RATE, data, seed=seed, **rounds)
        ),
        predictions=PREDICTIONS,
        notes=notes,
    )
