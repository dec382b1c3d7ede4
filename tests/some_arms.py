"""Arms to audit: small pruned networks made by hand, right in every respect, for tests to plant one fault in."""

import torch

from lotterylab import masks
from lotterylab.auditing import audit
from lotterylab.masks.select import select

SHAPES = {"fc1.weight": (30, 20), "fc1.bias": (30,), "fc2.weight": (10, 30), "fc2.bias": (10,)}
STATISTICS = {"bn.weight": (30,), "bn.bias": (30,), "bn.running_mean": (30,), "bn.running_var": (30,)}
PRUNABLE = ("fc1.weight", "fc2.weight")


def state(seed: int, shapes=SHAPES) -> dict:
    """Normal numbers; ``num_batches_tracked``, an integer, where there are batch-norm statistics."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    if "bn.running_mean" in tensors:
        tensors["bn.num_batches_tracked"] = torch.tensor(seed)
    return tensors


def later(earlier: dict, seed: int) -> dict:
    """``earlier`` after a training that moved everything a bit."""
    step = state(seed, {name: tensor.shape for name, tensor in earlier.items() if tensor.is_floating_point()})
    moved = {name: earlier[name] + 0.3 * tensor for name, tensor in step.items()}
    return {**earlier, **moved}


def right_arm(requested=0.8, shapes=SHAPES, scope="global", granularity="weight") -> dict:
    """The arguments of ``audit`` for one-shot magnitude pruning with a reset, held to the end."""
    init = state(0, shapes)
    dense = later(init, 1)
    scores = {name: dense[name].abs() for name in PRUNABLE}
    mask = select(scores, requested, scope=scope, granularity=granularity)
    start = masks.masked(init, mask)
    end = masks.masked(later(start, 2), mask)
    gradients = state(3, shapes)
    return {
        "init": init,
        "dense": dense,
        "start": start,
        "end": end,
        "mask": mask,
        "requested": requested,
        "scores": scores,
        "gradients": {name: gradients[name] for name in PRUNABLE},
        "accuracy": 0.9,
        "train_accuracy": 0.99,
        "classes": 10,
        "test_images": 500,
        "picked": "validation",
        "test_reads": 1,
    }


def with_mask(arm: dict, mask: dict) -> dict:
    """The same arm, pruned by another mask; without scores, which would not fit it."""
    start = masks.masked(arm["init"], mask)
    end = masks.masked(arm["end"], mask)
    arm = {name: value for name, value in arm.items() if name != "scores"}
    return {**arm, "mask": mask, "start": start, "end": end}


def codes(**arm) -> list[str]:
    """The codes of the alarms that an audit of the arm raises."""
    return [alarm.code for alarm in audit(**arm)]
