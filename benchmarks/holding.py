"""Holding a mask: the bitwise and of ``training.held`` against ``masked_fill_`` and a multiplication, in one run.

python benchmarks/holding.py            one thread; microseconds, the median of 200 calls each, taken in turns
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable

import torch

from lotterylab.training.held import Pruned

SHAPES = {"LeNet-300-100, fc 1": (300, 784), "shallow CNN, fc 1": (256, 2304), "convolution": (128, 64, 3, 3)}
CALLS = 200


def medians(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Microseconds by name, the calls taken in turns so that the machine's moods hit all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(CALLS):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - began)
    return {name: 1e6 * statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, {platform.machine()}, one thread, median of {CALLS} calls, microseconds")
    print(f"{'tensor':22} {'sparsity':>8} {'masked_fill_':>13} {'times 0 or 1':>13} {'held':>8}")
    for name, shape in SHAPES.items():
        for sparsity in (0.2, 0.5, 0.9):
            generator = torch.Generator().manual_seed(0)
            tensor, kept = torch.randn(shape, generator=generator), torch.rand(shape, generator=generator) >= sparsity
            if tensor.dim() == 4:
                tensor, kept = (one.contiguous(memory_format=torch.channels_last) for one in (tensor, kept))
            pruned, where, factor = Pruned(kept), ~kept, kept.to(tensor.dtype)
            calls: dict[str, Callable[[], object]] = {
                "fill": lambda t=tensor, w=where: t.masked_fill_(w, 0.0),
                "times": lambda t=tensor, f=factor: t.mul_(f),
                "held": lambda t=tensor, p=pruned: p.zero_(t),
            }
            found = medians(calls)
            print(f"{name:22} {sparsity:8} {found['fill']:13.0f} {found['times']:13.0f} {found['held']:8.0f}")


if __name__ == "__main__":
    main()
