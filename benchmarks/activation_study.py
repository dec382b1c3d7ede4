"""How long an epoch of the activation study takes: the way such scripts are usually written, and ours.

    python benchmarks/activation_study.py --data-dir FOLDER [--epochs 3] [--rounds 3]

Both train the shallow CNN (tanh) on CIFAR-10's first 5,000 images, crop and flip, batch 64, SGD 0.1/0.9/5e-4, and
evaluate on the first 5,000 test images after each epoch.

    usual   one process, all cores as threads: a DataLoader over single images, torch.optim, loss.item() each step
    ours    one process of one thread for each core, each with a network of its own, as the engine runs them

A round times both, one after the other; what is printed is the median over rounds of seconds per network and epoch.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import statistics
import time
from pathlib import Path

IMAGES, BATCH = 5000, 64


def usual(data_dir: Path, epochs: int) -> float:
    """Seconds for an epoch of one network."""
    import torch
    from torch import nn
    from torch.nn import functional as F
    from torch.utils.data import DataLoader, Dataset

    from lotterylab.data.cifar import MEAN, STD, Cifar10

    data = Cifar10(train=IMAGES, test=IMAGES).load(data_dir)
    mean, std = (torch.tensor(one).view(3, 1, 1) for one in (MEAN, STD))

    class Images(Dataset):
        def __init__(self, split, augment):
            self.images, self.labels, self.augment = split.images, split.labels, augment

        def __len__(self):
            return len(self.labels)

        def __getitem__(self, i):
            image = self.images[i]
            if self.augment:
                row, col = (int(torch.randint(0, 9, (1,))) for _ in range(2))
                image = F.pad(image, (4, 4, 4, 4))[:, row : row + 32, col : col + 32]
                if torch.rand(1) < 0.5:
                    image = image.flip(-1)
            return (image.float() / 255 - mean) / std, self.labels[i]

    network = nn.Sequential(
        *(nn.Conv2d(3, 32, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(4096, 128), nn.Tanh(), nn.Linear(128, 10)),
    )
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    training = DataLoader(Images(data.train, True), batch_size=BATCH, shuffle=True)
    testing = DataLoader(Images(data.test, False), batch_size=BATCH)
    began = time.perf_counter()
    for _ in range(epochs):
        total = 0.0
        for x, y in training:
            optimizer.zero_grad()
            loss = F.cross_entropy(network(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        with torch.no_grad():
            sum((network(x).argmax(1) == y).sum().item() for x, y in testing)
    return (time.perf_counter() - began) / epochs


def ours(data_dir: Path, epochs: int, workers: int) -> float:
    """Seconds for an epoch of one network, when each worker trains one."""
    from lotterylab.engine.worker import ENVIRONMENT

    os.environ.update(ENVIRONMENT)
    spawn = multiprocessing.get_context("spawn")
    ready, answers = spawn.Barrier(workers), spawn.Queue()
    processes = [spawn.Process(target=_network, args=(data_dir, epochs, ready, answers)) for _ in range(workers)]
    for process in processes:
        process.start()
    seconds = [answers.get() for _ in processes]
    for process in processes:
        process.join()
    return max(seconds) / epochs / workers


def _network(data_dir: Path, epochs: int, ready, answers) -> None:
    import torch

    from lotterylab.data.augment import Augment
    from lotterylab.data.cifar import Cifar10
    from lotterylab.data.loader import Loader
    from lotterylab.data.streams import NamedStream
    from lotterylab.models import ShallowCnn
    from lotterylab.network import network
    from lotterylab.training.loop import train
    from lotterylab.training.optim import Sgd
    from lotterylab.training.recipe import Recipe
    from lotterylab.training.schedules import Constant

    torch.set_num_threads(1)
    model = ShallowCnn(activation="tanh")
    recipe = Recipe(
        epochs=epochs,
        optimizer=Sgd(lr=0.1, momentum=0.9, weight_decay=5e-4),
        schedule=Constant(),
        augment=Augment(crop_padding=4, flip=True),
        stream=NamedStream(),
        watch=("test",),
    )
    data = Cifar10(train=IMAGES, test=IMAGES).load(data_dir)
    loader = Loader(data, augment=recipe.augment, stream=recipe.stream, seed=0, batch_size=BATCH)
    start = model.initial(0, "init", "named")
    net = network(model.build(pool_first=True))
    ready.wait()
    began = time.perf_counter()
    for _ in train(net, start, None, loader, recipe):
        pass
    answers.put(time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("LOTTERYLAB_DATA"))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    workers = os.cpu_count() or 1
    timed: dict[str, list[float]] = {"usual": [], "ours": []}
    for number in range(1, options.rounds + 1):
        timed["usual"].append(usual(Path(options.data_dir), options.epochs))
        timed["ours"].append(ours(Path(options.data_dir), options.epochs, workers))
        print(f"round {number}: usual {timed['usual'][-1]:.2f} s, ours {timed['ours'][-1]:.2f} s", flush=True)
    import torch

    medians = {name: statistics.median(values) for name, values in timed.items()}
    machine = f"{platform.processor() or platform.machine()}, {workers} cores, torch {torch.__version__}"
    print(f"{machine}, n = {options.rounds} rounds")
    for name, values in timed.items():
        print(f"{name:6} {medians[name]:.2f} s for a network and epoch [{min(values):.2f} .. {max(values):.2f}]")
    print(f"ratio  {medians['usual'] / medians['ours']:.2f}; 510 epochs: {510 * medians['ours'] / 60:.1f} min")


if __name__ == "__main__":
    main()
