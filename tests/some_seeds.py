"""A study of two seeds; the last task of each seed waits for a file in the current folder."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lotterylab.asking.options import StudyOptions, option
from lotterylab.asking.study import Study
from lotterylab.criteria import Magnitude
from lotterylab.plan.nodes import Data, Dense, Init, Prune, Train
from lotterylab.plan.plan import Plan, Row
from lotterylab.types import Scores
from lotterylab.views import View
from some_plans import MODEL, RECIPE, SPEC

GATES = ("go", "book.jsonl")  # the files that the last tasks of the two seeds wait for
MOST_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Waits:
    """Magnitude, scored once a file exists; fails if the file never comes."""

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = False
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = False
    gate: str

    def __call__(self, view: View) -> Scores:
        """Return the magnitudes."""
        end = time.monotonic() + MOST_SECONDS
        while not Path(self.gate).exists():
            if time.monotonic() > end:
                raise TimeoutError(f"{self.gate} never came")
            time.sleep(0.01)
        return Magnitude()(view)


@dataclass(frozen=True, kw_only=True)
class Options(StudyOptions):
    """Two seeds."""

    seeds: int = option(2, help="Number of seeds", most=2)


def build(options: Options, data: Data) -> Plan:
    """Return a dense run and a mask for each seed."""
    rows = []
    for seed in options.all_seeds:
        start = Init(model=MODEL, seed=seed)
        run = Train(start=start, mask=Dense(model=MODEL), data=data, recipe=RECIPE, order_seed=seed)
        mask = Prune(criterion=Waits(gate=GATES[seed]), of=run.final, sparsity=0.5, seed=seed)
        labels = {"protocol": "", "activation": "relu", "method": "dense", "control": "", "sparsity": 0.0, "seed": seed}
        rows.append(Row(labels=labels, nodes={"train": run, "prune": mask}))
    return Plan(title="Two seeds", rows=tuple(rows))


STUDY = Study(name="two-seeds", question="Do the seeds overlap?", options=Options, data=SPEC, build=build)
