"""LeNet-300-100 at several sparsities: compiled and portable kernel, torch's steps, and a competent loop of one's own.

    python benchmarks/chain.py [--steps 400] [--rounds 5] [--data FOLDER]

Each candidate trains on MNIST with Adam and batches of 60, in one process of one thread; the candidates take turns in
each round.  The loop of one's own holds the data in memory, normalised once, and uses torch's fused Adam; it multiplies
the weights by the mask after each step.  A line of JSON a sparsity gives milliseconds a step, the median over the
rounds with the least and the most, and the accuracy on 10,000 test images that each reaches.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from lotterylab.data import Augment, Mnist, NamedStream
from lotterylab.data.loader import Loader
from lotterylab.kernels.build import library
from lotterylab.kernels.links import links_of
from lotterylab.kernels.portable import Portable
from lotterylab.masks.select import select
from lotterylab.models import LeNet300100
from lotterylab.network import network
from lotterylab.training.loop import train
from lotterylab.training.optim import Adam
from lotterylab.training.recipe import Recipe
from lotterylab.training.watch import evaluate
from lotterylab.types import Dataset, Mask, Scores, State

BATCH, RATE = 60, 1.2e-3
SPARSITIES = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)


def ours(data: Dataset, start: State, mask: Mask, steps: int, kernel: Any) -> State:
    """Train by the loop of the package, with or without the kernel."""
    recipe = Recipe(epochs=0, steps=steps, optimizer=Adam(lr=RATE), batch_size=BATCH)
    loader = Loader(data, augment=Augment(), stream=NamedStream(), seed=0, batch_size=BATCH)
    (*_, last) = train(network(LeNet300100().build()), start, mask, loader, recipe, kernel=kernel)
    return last.state


@torch.no_grad()
def hold(held: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Multiply each weight by its mask."""
    for weight, factor in held:
        weight.mul_(factor)


def own(images: torch.Tensor, labels: torch.Tensor, start: State, mask: Mask, steps: int) -> State:
    """Train by a loop of one's own."""
    module = LeNet300100().build()
    module.load_state_dict(start)
    weights = dict(module.named_parameters())
    held = [(weights[name], kept.float()) for name, kept in mask.items()]
    optimizer = torch.optim.Adam(module.parameters(), lr=RATE, fused=True)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    hold(held)
    for step in range(steps):
        at = order[torch.arange(step * BATCH, (step + 1) * BATCH) % len(order)]
        optimizer.zero_grad(set_to_none=True)
        cross_entropy(module(images[at]), labels[at]).backward()
        optimizer.step()
        hold(held)
    return State({name: tensor.detach() for name, tensor in module.state_dict().items()})


def main() -> None:
    """Print a line for each sparsity."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LOTTERYLAB_DATA", ".")))
    given = parser.parse_args()
    torch.set_num_threads(1)
    kernel, links = library(), links_of(LeNet300100().build())
    if kernel is None or links is None:
        raise SystemExit("There is no C compiler here, so there is no kernel to measure. Install cc, gcc or clang.")
    data = Mnist(train=55_000, validation=5_000, test=10_000).load(given.data)
    loader = Loader(data, augment=Augment(), stream=NamedStream(), seed=0, batch_size=BATCH)
    whole = [loader.batch(loader.stream.epoch(0, 0, n=len(data.train), augment=loader.augment))]
    images, labels = torch.cat([torch.as_tensor(batch.inputs) for batch in whole]), whole[0].targets
    start, net = LeNet300100().initial(0, "init", "named"), network(LeNet300100().build())
    print(json.dumps({"torch": torch.__version__, "compiler": kernel.compiler, "machine": platform.machine()}))
    for sparsity in SPARSITIES:
        scores = Scores({name: start[name].abs() for name in net.prunable})
        mask = select(scores, sparsity)
        candidates: dict[str, Callable[[], State]] = {
            "own loop": lambda mask=mask: own(images, labels, start, mask, given.steps),
            "torch": lambda mask=mask: ours(data, start, mask, given.steps, None),
            "portable": lambda mask=mask: ours(data, start, mask, given.steps, (Portable(), links)),
            "kernel": lambda mask=mask: ours(data, start, mask, given.steps, (kernel, links)),
        }
        times: dict[str, list[float]] = {name: [] for name in candidates}
        reached = {}
        for _ in range(given.rounds):
            for name, run in candidates.items():
                began = time.perf_counter()
                state = run()
                times[name].append(1e3 * (time.perf_counter() - began) / given.steps)
                reached[name] = evaluate(net, state, loader, "test").accuracy
        medians = {name: statistics.median(values) for name, values in times.items()}
        line: dict[str, Any] = {"sparsity": sparsity, "own loop over kernel": medians["own loop"] / medians["kernel"]}
        for name, values in times.items():
            line[name] = {"ms": medians[name], "least": min(values), "most": max(values), "accuracy": reached[name]}
        print(json.dumps(line, default=float), flush=True)


if __name__ == "__main__":
    main()
