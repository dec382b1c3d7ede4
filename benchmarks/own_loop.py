"""A loop of one's own for ``bench.py``: what is trained, and a good engineer's way to train it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Case:
    """A network and its data.

    Args:
        model: a word of ``spec_of``.
        epochs: of each training.
        sparsity: the share of its weights that is removed at random places at the start.
        rate: the learning rate.
        rounds: of pruning a fifth of what is left, those with the smallest trained values over all layers together,
            each followed by the training of the initial weights that are left.
    """

    model: str
    epochs: int
    sparsity: float = 0.0
    rate: float = 1.2e-3
    rounds: int = 0

    @property
    def mnist(self) -> bool:
        """Whether it is trained on MNIST, by Adam in batches of 60, or on 5,000 images of CIFAR-10, by SGD and 64."""
        return self.model == "lenet"

    @property
    def batch(self) -> int:
        """Images a step."""
        return 60 if self.mnist else 64


def spec_of(case: Case) -> Any:
    """Return the model."""
    from lotterylab import models

    made: dict[str, Any] = {
        "lenet": lambda: models.LeNet300100(),
        "relu": lambda: models.ShallowCnn(activation="relu"),
        "tanh": lambda: models.ShallowCnn(activation="tanh"),
        "norm": lambda: models.ShallowCnn(activation="relu", batch_norm=True),
        "resnet": lambda: models.ResNet(depth=20, width=0.25),
        "wide resnet": lambda: models.ResNet(depth=20),
        "vgg": lambda: models.Vgg(depth=11, width=0.25),
    }
    return made[case.model]()


def data_of(case: Case) -> Any:
    """Return the data."""
    from lotterylab import data

    if case.mnist:
        return data.Mnist(train=55_000, validation=0, test=10_000)
    return data.Cifar10(train=5_000, validation=0, test=5_000)


def ready(case: Case, folder: Path, seed: int) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
    """Return images and labels of both splits in memory, and masks by name."""
    import torch

    data = data_of(case).load(folder)
    tensors = []
    pixels = data.train.images.float() / 255
    mean, std = pixels.mean((0, 2, 3), keepdim=True), pixels.std((0, 2, 3), keepdim=True)
    for split in (data.train, data.test):
        images = (split.images.float() / 255 - mean) / std
        tensors += [images.contiguous(memory_format=torch.channels_last), split.labels]
    return (*tensors, random_masks(case, seed) if case.sparsity else {})


def random_masks(case: Case, seed: int) -> dict[str, Any]:
    """Return the masks that lotterylab draws, so that all candidates train the same networks."""
    import warnings

    import lotterylab as ll
    from lotterylab.errors import LotteryWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LotteryWarning)  # at 98 % a class may lose its last weight
        masks = ll.prune(spec_of(case).build(), ll.criteria.Random(), case.sparsity, seed=seed)
    return {name: mask.float() for name, mask in masks.items()}


def optimizer_of(case: Case, module: Any, **how: Any) -> Any:
    """Return the optimizer."""
    import torch

    if case.mnist:
        return torch.optim.Adam(module.parameters(), lr=case.rate, **how)
    return torch.optim.SGD(module.parameters(), lr=case.rate, momentum=0.9, weight_decay=5e-4, **how)


def pruned(module: Any, masks: dict[str, Any]) -> dict[str, Any]:
    """Return masks without the smallest fifth of the weights that are left."""
    import torch

    weights = {name: tensor.detach().abs() for name, tensor in module.named_parameters() if tensor.dim() > 1}
    kept = {name: masks[name] > 0 if name in masks else torch.ones_like(size).bool() for name, size in weights.items()}
    left = torch.cat([size[kept[name]] for name, size in weights.items()])
    least = left.kthvalue(round(0.2 * len(left))).values
    return {name: (kept[name] & (size > least)).float() for name, size in weights.items()}


def loop(case: Case, folder: Path, seed: int, *, loader: bool) -> float:
    """Train one network, or all rounds of one, by a loop of one's own and return the last accuracy."""
    *data, masks = ready(case, folder, seed)
    accuracy = 0.0
    for number in range(case.rounds + 1):
        module = spec_of(case).build()
        module.load_state_dict(spec_of(case).initial(seed, "init", "named"))
        accuracy = trained(case, module, data, masks, loader=loader)
        masks = pruned(module, masks) if number < case.rounds else masks
    return accuracy


def trained(case: Case, module: Any, data: list[Any], masks: dict[str, Any], *, loader: bool) -> float:
    """Train a network with held masks and return its accuracy."""
    import torch
    from torch.nn.functional import cross_entropy
    from torch.utils.data import DataLoader, TensorDataset

    images, labels, tests, answers = data
    if not loader:
        module = module.to(memory_format=torch.channels_last)
    optimizer = optimizer_of(case, module, **({} if loader else {"fused": True}))
    parameters = dict(module.named_parameters())
    batches = DataLoader(TensorDataset(images, labels), batch_size=case.batch, shuffle=True)

    @torch.no_grad()
    def hold() -> None:
        for name, mask in masks.items():
            parameters[name].mul_(mask)

    def shuffled() -> Iterator[tuple[Any, Any]]:
        order = torch.randperm(len(images))
        return ((images[at], labels[at]) for at in order.split(case.batch))

    hold()
    accuracy = 0.0
    for _ in range(case.epochs):
        module.train()
        for x, y in batches if loader else shuffled():
            optimizer.zero_grad(set_to_none=True)
            cross_entropy(module(x), y).backward()
            optimizer.step()
            hold()
        module.eval()
        with torch.no_grad():
            pairs = zip(tests.split(250), answers.split(250), strict=True)
            accuracy = sum(int((module(x).argmax(1) == y).sum()) for x, y in pairs) / len(answers)
    return accuracy
