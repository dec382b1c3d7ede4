"""Networks, two at once: a DataLoader loop, an in-memory loop in two processes, and `lotterylab run`.

    python benchmarks/bench.py [--data FOLDER] [--rounds 3] [--only WORD] [--networks 2] [--keep]

The candidates take turns in each round, and each trains some networks (seeds 0, 1, ...) from the start of its processes
to the last evaluation:

    loader      one process of two threads: a DataLoader over tensors, torch.optim, one network after the other; in the
                first round alone, since it takes long
    own loop    two processes of one thread: data in memory, channels last, fused optimizer, weights times mask after
                each step; what a good engineer writes in an afternoon
    lotterylab  ``lotterylab.plan.run`` with two workers and a new store

All train the same initial weights with the same masks, and evaluate the test images after each epoch.  A line a case
gives seconds (median, least, most), the ratio to the own loop, accuracies, the most memory that a candidate's processes
take together, and the share of the machine's matrix products, measured in the same run, that lotterylab reaches, where
only multiplications of kept weights count.  ``--keep`` appends the lines to ``benchmarks/history.jsonl``, which
``draw.py`` draws.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from memory import Watched
from own_loop import Case, data_of, loop, spec_of

PROCESSES = 2

CASES = {
    **{f"LeNet-300-100, {s:.0%}": Case(model="lenet", epochs=12, sparsity=s) for s in (0.0, 0.8, 0.9, 0.98)},
    "LeNet-300-100, 20 rounds": Case(model="lenet", epochs=2, rounds=20),
    "shallow CNN, relu": Case(model="relu", epochs=8, rate=0.02),
    "shallow CNN, tanh": Case(model="tanh", epochs=8, rate=0.02),
    "shallow CNN, relu, norm": Case(model="norm", epochs=8, rate=0.02),
    **{f"shallow CNN, relu, {s:.0%}": Case(model="relu", epochs=8, sparsity=s, rate=0.02) for s in (0.8, 0.9, 0.98)},
    "ResNet-20, width 0.25": Case(model="resnet", epochs=4, rate=0.05),
    "ResNet-20, width 1": Case(model="wide resnet", epochs=2, rate=0.05),
    "VGG-11, width 0.25": Case(model="vgg", epochs=8, rate=0.02),
    "VGG-11, width 0.25, 90%": Case(model="vgg", epochs=8, sparsity=0.9, rate=0.02),
}


def by_loader(case: Case, folder: Path, networks: int) -> list[float]:
    """Train the networks one after the other, with two threads."""
    return _spawned([(case, folder, range(networks), PROCESSES, True)])


def by_own_loop(case: Case, folder: Path, networks: int) -> list[float]:
    """Train two networks at a time, with one thread each."""
    return _spawned([(case, folder, range(first, networks, PROCESSES), 1, False) for first in range(PROCESSES)])


def _spawned(calls: list[tuple[Any, ...]]) -> list[float]:
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.Queue()
    processes = [spawn.Process(target=_child, args=(*call, answers)) for call in calls]
    for process in processes:
        process.start()
    found = [answers.get() for _ in processes]
    for process in processes:
        process.join()
    return [accuracy for several in found for accuracy in several]


def _child(case: Case, folder: Path, seeds: range, threads: int, loader: bool, answers: Any) -> None:
    import torch

    torch.set_num_threads(threads)
    answers.put([loop(case, folder, seed, loader=loader) for seed in seeds])


def by_lotterylab(case: Case, folder: Path, networks: int) -> list[float]:
    """Train the networks by a plan, in a new store."""
    import lotterylab as ll

    data = ll.plan.pinned(data_of(case), folder=str(folder))
    optimizer = ll.plan.Adam(lr=case.rate) if case.mnist else ll.plan.Sgd(lr=case.rate, momentum=0.9, weight_decay=5e-4)
    recipe = ll.plan.Recipe(epochs=case.epochs, optimizer=optimizer, batch_size=case.batch, watch=("test",))
    rows = []
    for seed in range(networks):
        run = ll.plan.dense_run(spec_of(case), data, recipe, seed=seed)
        if case.sparsity:
            random = ll.criteria.Random()
            run = ll.plan.at_initialisation(run, [case.sparsity], criterion=random, seed=seed)[0].run
        if case.rounds:
            rates = [ll.plan.Rate(share=0.2)] * case.rounds
            run = ll.plan.iterative(run, rates, criterion=ll.criteria.Magnitude(), seed=seed)[-1].run
        rows.append(ll.plan.Row(labels={"seed": seed}, nodes={"train": run}))
    with tempfile.TemporaryDirectory() as store:
        found = ll.plan.run(ll.plan.Plan(name="bench", title="bench", rows=rows), store, workers=2, folder=str(folder))
    return [result.metric("train.test_accuracy") for result in found]


CANDIDATES = {"loader": by_loader, "own loop": by_own_loop, "lotterylab": by_lotterylab}


def products() -> float:
    """Return the GFLOP/s of matrix products of 1,024 on a side, of one thread, the best of several."""
    import torch

    torch.set_num_threads(1)
    one, best = torch.randn(1024, 1024), math.inf
    for _ in range(8):
        began = time.perf_counter()
        one @ one
        best = min(best, time.perf_counter() - began)
    return 2 * 1024**3 / best / 1e9


def work(case: Case) -> float:
    """Return the GFLOP of a network: a forward pass is a third of a step, and pruned weights count nothing."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    module, data = spec_of(case).build(), data_of(case)
    with FlopCounterMode(display=False) as counter:
        module(torch.zeros(2, *spec_of(case).shape))
    images = 3 * data.train + data.test
    kept = sum(0.8**number for number in range(case.rounds + 1)) * (1 - case.sparsity)
    return case.epochs * images * counter.get_total_flops() / 2 * kept / 1e9


def measured(name: str, case: Case, folder: Path, rounds: int, networks: int) -> dict[str, Any]:
    """Return the line of a case."""
    import torch

    from lotterylab.engine.facts import processor

    rate = products()
    times: dict[str, list[float]] = {word: [] for word in CANDIDATES}
    reached: dict[str, list[float]] = {}
    memory: dict[str, float | None] = {}
    for turn in range(rounds):
        for word, train in CANDIDATES.items():
            if turn and word == "loader":
                continue
            began = time.perf_counter()
            with Watched() as watched:
                reached[word] = train(case, folder, networks)
            memory[word] = watched.peak and round(watched.peak)
            times[word].append(time.perf_counter() - began)
    medians = {word: statistics.median(values) for word, values in times.items()}
    return {
        "name": name,
        "networks": networks,
        "date": time.strftime("%Y-%m-%d"),
        "ratio": round(medians["own loop"] / medians["lotterylab"], 3),
        "ratio to loader": round(medians["loader"] / medians["lotterylab"], 3),
        "seconds": {
            word: [round(f(values), 3) for f in (statistics.median, min, max)] for word, values in times.items()
        },
        "accuracy": {word: [round(value, 4) for value in values] for word, values in reached.items()},
        "MiB": memory,
        "share of products": round(networks * work(case) / medians["lotterylab"] / (2 * rate), 3),
        "GFLOP/s of products": round(rate, 1),
        "n": rounds,
        "cores": os.cpu_count(),
        "processor": processor(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def main() -> None:
    """Print a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("LOTTERYLAB_DATA", "."))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="the case of this name, or those whose name has this word")
    parser.add_argument("--networks", type=int, default=PROCESSES)
    parser.add_argument("--keep", action="store_true", help="append the lines to benchmarks/history.jsonl")
    given = parser.parse_args()
    for name, case in CASES.items():
        if name != given.only if given.only in CASES else given.only not in name:
            continue
        line = json.dumps(measured(name, case, given.data, given.rounds, given.networks))
        print(line, flush=True)
        if given.keep:
            with (Path(__file__).parent / "history.jsonl").open("a") as file:
                file.write(line + "\n")


if __name__ == "__main__":
    main()
