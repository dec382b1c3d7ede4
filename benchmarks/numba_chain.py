"""A sparse LeNet-300-100 in numba, beside the compiled kernel and the portable steps; numba is not a dependency.

    pip install numba && python benchmarks/numba_chain.py [--steps 400] [--rounds 3] [--data FOLDER]

The numba step has the kernel's order of computing: compressed rows, 64 images at a time, each unit's images side by
side, one row of numbers for the kept weights with Adam on it.  Compiling it is not counted, and is told by itself.  A
line of JSON a sparsity gives milliseconds a step, the median over the rounds with the least and the most.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from chain import BATCH, RATE, ours
from numba import njit  # type: ignore[import-not-found]

from lotterylab.data import Augment, Mnist, NamedStream
from lotterylab.data.loader import Loader
from lotterylab.kernels.build import library
from lotterylab.kernels.links import links_of
from lotterylab.kernels.portable import Portable
from lotterylab.masks.select import select
from lotterylab.models import LeNet300100
from lotterylab.types import Scores

TILE = 64


@njit(fastmath=True)
def forward(start, col, v, bias, x, y, relu):  # type: ignore[no-untyped-def]
    """Set the values behind a layer."""
    for r in range(len(start) - 1):
        row = y[r]
        row[:] = bias[r]
        for j in range(start[r], start[r + 1]):
            before, w = x[col[j]], v[j]
            for b in range(TILE):
                row[b] += w * before[b]
        if relu:
            for b in range(TILE):
                row[b] = max(row[b], np.float32(0))


@njit(fastmath=True)
def backward(start, col, v, x, dy, g, g_bias, dx, back):  # type: ignore[no-untyped-def]
    """Set the gradients of a layer, and of the values before it where they are wanted."""
    if back:
        dx[:] = 0
    for r in range(len(start) - 1):
        row = dy[r]
        g_bias[r] = row.sum()
        for j in range(start[r], start[r + 1]):
            before, found = x[col[j]], np.float32(0)
            for b in range(TILE):
                found += row[b] * before[b]
            g[j] = found
            if back:
                after, w = dx[col[j]], v[j]
                for b in range(TILE):
                    after[b] += w * row[b]
    if back:
        for unit in range(len(x)):
            for b in range(TILE):
                if x[unit, b] <= 0:
                    dx[unit, b] = 0


@njit(fastmath=True)
def adam(w, g, m, v, rate, step):  # type: ignore[no-untyped-def]
    """Update a row of numbers."""
    first, second = 1 - 0.9**step, 1 - 0.999**step
    for i in range(len(w)):
        m[i] = np.float32(0.9) * m[i] + np.float32(0.1) * g[i]
        v[i] = np.float32(0.999) * v[i] + np.float32(0.001) * g[i] * g[i]
        w[i] -= np.float32(rate / first) * m[i] / (np.sqrt(v[i] / np.float32(second)) + np.float32(1e-8))


@njit(fastmath=True)
def softmax(z, labels, batch):  # type: ignore[no-untyped-def]
    """Put the gradient of the mean loss in the place of the logits."""
    for b in range(TILE):
        if b >= batch:
            z[:, b] = 0
            continue
        top, whole = z[:, b].max(), np.float32(0)
        for k in range(len(z)):
            z[k, b] = np.exp(z[k, b] - top)
            whole += z[k, b]
        for k in range(len(z)):
            z[k, b] = (z[k, b] / whole - (k == labels[b])) / batch


@njit
def gathered(images, order, x):  # type: ignore[no-untyped-def]
    """Lay the images of a batch side by side."""
    for b in range(len(order)):
        image = images[order[b]]
        for k in range(len(image)):
            x[k, b] = image[k]


class InNumba:
    """A network of three layers and its steps."""

    def __init__(self, state: dict[str, torch.Tensor], mask: dict[str, torch.Tensor]) -> None:
        self.layers: list[dict[str, np.ndarray]] = []
        for name, kept in mask.items():
            rows = np.zeros(len(kept) + 1, dtype=np.int32)
            rows[1:] = kept.sum(1).cumsum(0).numpy()
            numbers = {"v": state[name][kept].numpy(), "bias": state[name.replace("weight", "bias")].numpy()}
            slots = {f"{part}_{slot}": np.zeros_like(numbers[part]) for part in numbers for slot in "gmv"}
            sides = {side: np.zeros((len(kept), TILE), dtype=np.float32) for side in ("y", "dx")}
            col = kept.nonzero()[:, 1].to(torch.int32).numpy()
            self.layers.append(
                {"start": rows, "col": col, **{k: a.copy() for k, a in numbers.items()}, **slots, **sides}
            )
        self.x = np.zeros((mask[next(iter(mask))].shape[1], TILE), dtype=np.float32)

    def run(self, images: np.ndarray, labels: np.ndarray, order: np.ndarray, steps: int) -> None:
        """Make so many steps."""
        for step in range(steps):
            at = order[step * BATCH : (step + 1) * BATCH]
            gathered(images, at, self.x)
            values = [self.x, *(layer["y"] for layer in self.layers)]
            for place, one in enumerate(self.layers):
                last = place + 1 == len(self.layers)
                forward(one["start"], one["col"], one["v"], one["bias"], values[place], values[place + 1], not last)
            dy = values[-1]
            softmax(dy, labels[at], BATCH)
            for place in reversed(range(len(self.layers))):
                one, back = self.layers[place], place > 0
                dx = self.layers[place - 1]["dx"] if back else self.x
                backward(one["start"], one["col"], one["v"], values[place], dy, one["v_g"], one["bias_g"], dx, back)
                dy = dx
                for part in ("v", "bias"):
                    adam(one[part], one[f"{part}_g"], one[f"{part}_m"], one[f"{part}_v"], RATE, step + 1)


def main() -> None:
    """Print a line for each sparsity."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LOTTERYLAB_DATA", ".")))
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = Mnist(train=55_000, validation=5_000, test=10_000).load(given.data)
    loader = Loader(data, augment=Augment(), stream=NamedStream(), seed=0, batch_size=BATCH)
    meaning = loader.meanings()[0].numpy()
    images, labels = meaning[data.train.images.flatten(1).numpy()], data.train.labels.numpy()
    order, links = loader.order(0).numpy(), links_of(LeNet300100().build())
    start = LeNet300100().initial(0, "init", "named")
    for sparsity in (0.8, 0.9, 0.95, 0.98):
        weights = {name: tensor for name, tensor in start.items() if tensor.dim() == 2}
        mask = select(Scores({name: tensor.abs() for name, tensor in weights.items()}), sparsity)
        began = time.perf_counter()
        InNumba(start, mask).run(images, labels, order, 1)
        compiled = time.perf_counter() - began
        same, theirs = InNumba(start, mask), ours(data, start, mask, 20, (library(), links))
        same.run(images, labels, order, 20)
        apart = max(
            float(np.abs(one["v"] - theirs[name][mask[name]].numpy()).max())
            for one, name in zip(same.layers, mask, strict=True)
        )
        candidates: dict[str, Callable[[], Any]] = {
            "numba": lambda mask=mask: InNumba(start, mask).run(images, labels, order, given.steps),
            "portable": lambda mask=mask: ours(data, start, mask, given.steps, (Portable(), links)),
            "kernel": lambda mask=mask: ours(data, start, mask, given.steps, (library(), links)),
        }
        times: dict[str, list[float]] = {name: [] for name in candidates}
        for _ in range(given.rounds):
            for name, run in candidates.items():
                began = time.perf_counter()
                run()
                times[name].append(1e3 * (time.perf_counter() - began) / given.steps)
        line: dict[str, Any] = {"sparsity": sparsity, "seconds of compiling, or of one step": round(compiled, 2)}
        line["largest difference to the kernel after 20 steps"] = apart
        for name, values in times.items():
            line[name] = {"ms": statistics.median(values), "least": min(values), "most": max(values)}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
