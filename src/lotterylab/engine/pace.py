"""The training speed of this machine, measured from a few steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, cast

from lotterylab.engine.exact import exact
from lotterylab.plan.nodes import Train

if TYPE_CHECKING:
    from lotterylab.data.loader import Loader
    from lotterylab.kernels.build import Library
    from lotterylab.kernels.links import Links
    from lotterylab.types import State

STEPS = 12


def measure(node: Train, data_dir: Path | None, *, fast: bool, device: str = "cpu") -> float:
    """Return the seconds that one thread takes for one training image of ``node``: the median of a few steps."""
    from lotterylab.data.loader import Loader
    from lotterylab.data.streams import NamedStream
    from lotterylab.engine.paths import chain_of

    dataset = node.data.spec.load(data_dir).to(device)
    recipe = node.recipe
    loader = Loader(
        dataset,
        augment=recipe.augment,
        stream=NamedStream(),
        seed=0,
        batch_size=min(recipe.batch_size, len(dataset.train)),
    )
    state = node.model.initial(0, "init", "named")
    kernel = chain_of(node, node.model.build()) if fast and device == "cpu" else None
    steps = _by_kernel(node, *kernel, state, loader) if kernel else _by_torch(node, state, loader, fast, device)
    times, images = [], 0
    with exact(device):
        for step, seen in islice(steps, STEPS):
            began = time.perf_counter()
            step()
            times.append(time.perf_counter() - began)
            images = max(images, seen)
    return sorted(times)[len(times) // 2] / images


def _by_torch(
    node: Train, state: State, loader: Loader, fast: bool, device: str
) -> Iterator[tuple[Callable[[], None], int]]:
    """Yield steps and their numbers of images: forward and backward."""
    import torch
    from torch.nn.functional import cross_entropy

    from lotterylab.network import network

    net = network(node.model.build(pool_first=fast))
    layout = torch.channels_last if fast and net.channels_last else torch.contiguous_format
    there = {name: tensor.to(device) for name, tensor in state.items()}
    there = {name: one.contiguous(memory_format=layout) if one.dim() == 4 else one for name, one in there.items()}
    leaves = {name: there[name].requires_grad_() for name in net.trainable}
    for batch in (batch for epoch in count() for batch in loader.batches(epoch)):

        def step(batch=batch) -> None:
            logits, _ = net.forward(cast("State", {**there, **leaves}), batch.inputs, True)
            torch.autograd.grad(cross_entropy(logits, batch.targets), list(leaves.values()), allow_unused=True)
            if device != "cpu":
                torch.cuda.synchronize(device)

        yield step, len(batch.targets)


def _by_kernel(
    node: Train, library: Library, links: Links, state: State, loader: Loader
) -> Iterator[tuple[Callable[[], None], int]]:
    """Yield steps of a chain and their numbers of images."""
    from lotterylab.network import network
    from lotterylab.training.conv_step import stepper as stepper_of
    from lotterylab.training.loop import first
    from lotterylab.training.recipe import Recipe
    from lotterylab.training.watch import Means
    from lotterylab.types import Mask

    recipe, device = cast(Recipe, node.recipe), loader.dataset.train.images.device
    begin = first(network(node.model.build()), state, None, recipe)
    stepper = stepper_of(library, links, recipe, begin, Mask({}), loader)
    for at in count():
        means = Means(None, device)

        def step(at=at, means=means) -> None:
            next(stepper.run(at, at + 1, lambda _: 0.0, means, None))

        yield step, loader.batch_size
