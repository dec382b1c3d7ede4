"""What a run costs beside its training: many trainings of one epoch each.

    python benchmarks/short_runs.py [--runs 600] [--workers 0] [--keep]

Half of the runs train a dense network on 600 digits; the others prune it by magnitude to a half and train it from its
first weights.  The same trainings are then made once more by ``training.loop.train`` alone, in this process: without a
plan, a store or worker processes.  The line has the milliseconds a run of both and their difference, the bookkeeping.
With several workers the seconds of the clock are multiplied by their number.  ``--keep`` appends the line to
``benchmarks/history.jsonl``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

import lotterylab as ll
from lotterylab.engine.facts import processor


def rows(runs: int) -> list[Any]:
    """Return a row for each pair of runs."""
    data = ll.plan.pinned(ll.data.Digits(train=600, validation=100, test=400))
    recipe = ll.plan.Recipe(epochs=1, optimizer=ll.plan.Sgd(lr=0.1), batch_size=60)
    made = []
    for seed in range(runs // 2):
        dense = ll.plan.dense_run(ll.models.Mlp(shape=(1, 8, 8), widths=(30,)), data, recipe, seed=seed)
        (ticket,) = ll.plan.one_shot(dense, [0.5], criterion=ll.criteria.Magnitude(), seed=seed)
        made.append(ll.plan.Row(labels={"seed": seed}, nodes={"dense": dense, "ticket": ticket.run}))
    return made


def by_plan(made: list[Any], workers: int) -> float:
    """Return the seconds of all runs by a plan, in a new store."""
    plan = ll.plan.Plan(name="short", title="short", rows=made)
    with tempfile.TemporaryDirectory() as store:
        began = time.perf_counter()
        ll.plan.run(plan, store, workers=workers, progress="none")
        return (time.perf_counter() - began) * max(workers, 1)


def alone(runs: int) -> float:
    """Return the seconds of as many trainings and evaluations without a plan."""
    from lotterylab.data.loader import Loader
    from lotterylab.kernels.build import library
    from lotterylab.kernels.links import links_of
    from lotterylab.network import network
    from lotterylab.training.kernel_during import stepper
    from lotterylab.training.loop import train
    from lotterylab.types import Mask

    torch.set_num_threads(1)
    row = rows(2)[0].nodes["dense"]
    data, recipe, module = row.data.spec.load(None), row.recipe, row.model.build()
    net, kernel, links = network(module), library(), links_of(module)
    chain = (kernel, links) if kernel and links else None
    starts = [row.model.initial(seed, "init", "named") for seed in range(runs)]
    began = time.perf_counter()
    for seed, start in enumerate(starts):
        loader = Loader(data, augment=recipe.augment, stream=recipe.stream, seed=seed, batch_size=recipe.batch_size)
        *_, last = train(net, start, None, loader, recipe, kernel=chain)
        if chain:
            scorer = stepper(*chain, recipe, last, Mask({}), loader, net)
            for split in ("validation", "test"):
                scorer.score(split)
    return time.perf_counter() - began


def main() -> None:
    """Print the line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=600)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="append the line to benchmarks/history.jsonl")
    given = parser.parse_args()
    by_plan(rows(4), 0)  # what is loaded once is not counted
    made, trained = by_plan(rows(given.runs), given.workers), alone(given.runs)
    line = json.dumps(
        {
            "name": f"{given.runs} very short runs",
            "date": time.strftime("%Y-%m-%d"),
            "ms a run": round(1e3 * made / given.runs, 2),
            "ms of training": round(1e3 * trained / given.runs, 2),
            "ms of bookkeeping": round(1e3 * (made - trained) / given.runs, 2),
            "workers": given.workers,
            "cores": os.cpu_count(),
            "processor": processor(),
            "torch": torch.__version__,
            "python": platform.python_version(),
        }
    )
    print(line)
    if given.keep:
        with (Path(__file__).parent / "history.jsonl").open("a") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    main()
