"""The training speed of this machine, measured from a few steps."""

from __future__ import annotations

import time
from itertools import count, islice
from pathlib import Path

from lotterylab.engine.exact import exact
from lotterylab.plan.nodes import Train

STEPS = 12


def measure(node: Train, data_dir: Path | None, *, fast: bool, device: str = "cpu") -> float:
    """Return the seconds that one thread takes for one training image of ``node``: the median of a few steps."""
    import torch
    from torch.nn.functional import cross_entropy

    from lotterylab.data.loader import Loader
    from lotterylab.data.streams import NamedStream
    from lotterylab.network import network

    dataset = node.data.spec.load(data_dir).to(device)
    recipe = node.recipe
    loader = Loader(
        dataset,
        augment=recipe.augment,
        stream=NamedStream(),
        seed=0,
        batch_size=min(recipe.batch_size, len(dataset.train)),
    )
    net = network(node.model.build(pool_first=fast))
    layout = torch.channels_last if fast and net.channels_last else torch.contiguous_format
    state = node.model.initial(0, "init", "named")
    state = {name: tensor.to(device) for name, tensor in state.items()}
    state = {
        name: tensor.contiguous(memory_format=layout) if tensor.dim() == 4 else tensor for name, tensor in state.items()
    }
    leaves = {name: state[name].requires_grad_() for name in net.trainable}
    batches = (batch for epoch in count() for batch in loader.batches(epoch))
    times, images = [], 0
    with exact(device):
        for batch in islice(batches, STEPS):
            began = time.perf_counter()
            logits, _ = net.forward({**state, **leaves}, batch.inputs, True)  # type: ignore[arg-type]
            torch.autograd.grad(cross_entropy(logits, batch.targets), list(leaves.values()), allow_unused=True)
            if device != "cpu":
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - began)
            images = max(images, len(batch.targets))
    return sorted(times)[len(times) // 2] / images
