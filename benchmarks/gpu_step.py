"""A step of a small ResNet on one CPU thread and on a GPU: in full float32 with equal bits, and as torch does it.

    python benchmarks/gpu_step.py --data-dir FOLDER [--width 0.25] [--steps 80]

Trains ResNet-20 on CIFAR-10's first 5,000 images in batches of 128, as the study ``rewinding`` does; milliseconds a
step, in the memory layout that the engine takes (channels-last) and in the plain one.  Measured on an H100 with torch
2.11, width 0.25: 15.3 and 13.9 exact, 13.5 and 11.8 as torch does it; of the 15.3, kernels ran for 5.
"""

from __future__ import annotations

import argparse
import time
from contextlib import nullcontext
from pathlib import Path

import torch

from lotterylab.data import Cifar10
from lotterylab.data.loader import Loader
from lotterylab.engine.exact import exact
from lotterylab.models import ResNet
from lotterylab.network import network
from lotterylab.studies.rewinding import recipe
from lotterylab.training.loop import train

WARM_UP = 10
USED = recipe(40)


def step_ms(device: str, loader: Loader, model: ResNet, steps: int, *, channels_last: bool) -> float:
    """Milliseconds for one step, after a few that are not counted."""

    def some(count: int) -> float:
        began = time.perf_counter()
        for _ in train(net, start, None, loader, USED, until=count, channels_last=channels_last):
            pass
        if device != "cpu":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    net, start = network(model.build()), model.initial(0, "init", "named")
    some(WARM_UP)
    return 1e3 * some(steps) / steps


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--steps", type=int, default=80)
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset = Cifar10(train=5000, validation=1000, test=5000).load(options.data_dir)
    model = ResNet(depth=20, width=options.width, shape=(3, 32, 32), classes=10)
    gpu = ("cuda",) if torch.cuda.is_available() else ()
    print(
        f"torch {torch.__version__}, {torch.cuda.get_device_name() if gpu else 'no GPU'}, ResNet-20 x {options.width}"
    )
    print(f"{'':24} {'channels-last':>14} {'plain':>8}   ms a step")
    for device in ("cpu", *gpu):
        loader = Loader(
            dataset.to(device), augment=USED.augment, stream=USED.stream, seed=0, batch_size=USED.batch_size
        )
        ways = {"exact": exact(device), "as torch does it": nullcontext()} if device != "cpu" else {"": nullcontext()}
        for word, context in ways.items():
            with context:
                layouts = [step_ms(device, loader, model, options.steps, channels_last=one) for one in (True, False)]
            print(f"{f'{device} {word}':24} {layouts[0]:14.1f} {layouts[1]:8.1f}")


if __name__ == "__main__":
    main()
