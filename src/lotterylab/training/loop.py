"""The training loop: one generator that yields a checkpoint after every epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lotterylab import masks, rng
from lotterylab.network import Network
from lotterylab.training.recipe import Recipe
from lotterylab.types import Checkpoint, Mask, State

if TYPE_CHECKING:
    from lotterylab.data.loader import Loader


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Accuracy and mean loss on a split; ``exact`` leaves out the images that are listed as approximate."""

    accuracy: float
    exact: float
    loss: float


def train(
    net: Network,
    start: State,
    mask: Mask | None,
    loader: Loader,
    recipe: Recipe,
    *,
    resume: Checkpoint | None = None,
    channels_last: bool = True,
) -> Iterator[Checkpoint]:
    """Train ``mask * start`` and yield a ``Checkpoint`` after each epoch; the last one is the result.

    Goes on from ``resume``, with the same bits as if it had never stopped: nothing random is carried over, since the
    order and the augmentation of an epoch are functions of the seed and the epoch, and dropout is one of the seed and
    the step (torch's global generator is seeded anew before each).  Trains where the loader's data are.  The tensors of
    a yielded checkpoint are those that training goes on with; whoever keeps one longer than until the next copies it.

    Metrics: "train_loss", "train_accuracy" (running means over each epoch, before each step), for each watched split
    "<split>_accuracy" per epoch, "best_epoch" (from 1), and "diverged_epoch" where the loss stopped being finite, after
    which training ends.
    """
    device = loader.dataset.train.images.device
    done = resume or _first(net, start, mask, recipe)
    state = {name: _laid_out(tensor.to(device), channels_last) for name, tensor in done.state.items()}
    slots = _unflatten({name: _laid_out(tensor.to(device), channels_last) for name, tensor in done.optimizer.items()})
    params = {name: state[name].requires_grad_() for name in net.parameters}
    held = _pruned(mask, params) if recipe.hold and mask is not None else {}
    kept, metrics = dict(done.kept), dict(done.metrics)
    per_epoch = loader.steps_per_epoch
    total = recipe.epochs * per_epoch
    step = done.step
    for epoch in range(step // per_epoch, recipe.epochs):
        if "diverged_epoch" in metrics:
            return
        seen = 0
        loss_sum, correct = torch.zeros((), device=device), torch.zeros((), dtype=torch.int64, device=device)
        for batch in loader.batches(epoch):
            _seed_forward(loader.seed, step, device)
            logits, state = net.forward(cast(State, state), batch.inputs, True)
            loss = cross_entropy(logits, batch.targets)
            gradients = torch.autograd.grad(loss, list(params.values()))
            rate = recipe.optimizer.lr * recipe.schedule.factor(step, steps_per_epoch=per_epoch, total_steps=total)
            recipe.optimizer.update_(params, dict(zip(params, gradients, strict=True)), slots, lr=rate, step=step)
            _hold(params, slots, held)
            step += 1
            seen += len(batch.targets)
            loss_sum += loss.detach() * len(batch.targets)
            correct += (logits.detach().argmax(1) == batch.targets).sum()
        _append(metrics, "train_loss", float(loss_sum) / seen)
        _append(metrics, "train_accuracy", int(correct) / seen)
        for split in recipe.watch:
            _append(metrics, f"{split}_accuracy", evaluate(net, state, loader, split).accuracy)
        if not math.isfinite(metrics["train_loss"][-1]):
            metrics["train_loss"][-1] = None
            metrics["diverged_epoch"] = epoch + 1
        if recipe.pick and _is_best(metrics[f"{recipe.pick}_accuracy"]):
            kept["best"] = cast(State, {name: tensor.detach().clone() for name, tensor in state.items()})
            metrics["best_epoch"] = epoch + 1
        yield Checkpoint(
            step=step,
            state=cast(State, {name: tensor.detach() for name, tensor in state.items()}),
            optimizer=_flatten(slots),
            kept=dict(kept),
            metrics=metrics,
        )


def evaluate(net: Network, state: Mapping[str, Tensor], loader: Loader, split: str) -> Evaluation:
    """The network in evaluation mode on a whole split, without augmentation."""
    images = loader.split(split)
    right, loss_sum = [], torch.zeros((), dtype=torch.float64, device=images.labels.device)
    with torch.no_grad():
        for batch in loader.evaluation_batches(split):
            logits, _ = net.forward(cast(State, state), batch.inputs, False)
            right.append(logits.argmax(1) == batch.targets)
            loss_sum += cross_entropy(logits, batch.targets, reduction="sum").double()
    correct = torch.cat(right)
    exact = correct[~images.approximate.to(correct.device)]
    return Evaluation(
        accuracy=int(correct.sum()) / len(correct),
        exact=int(exact.sum()) / len(exact) if len(exact) else math.nan,
        loss=float(loss_sum) / len(correct),
    )


def _seed_forward(seed: int, step: int, device: torch.device) -> None:
    """Seed what layers that draw in their forward pass draw from: torch's global generator of the device."""
    number = rng.key(seed, "forward", step) & (2**63 - 1)
    generator = torch.default_generator if device.type == "cpu" else torch.cuda.default_generators[device.index or 0]
    generator.manual_seed(number)


def _first(net: Network, start: State, mask: Mask | None, recipe: Recipe) -> Checkpoint:
    state = masks.masked(start, mask or Mask({}))
    params = {name: state[name] for name in net.parameters}
    return Checkpoint(step=0, state=state, optimizer=_flatten(recipe.optimizer.init(params)), kept={}, metrics={})


def _pruned(mask: Mask, params: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Where to fill with zero; tensors of which nothing is pruned are left out, so that they cost nothing."""
    return {
        name: _laid_out(
            ~kept.to(params[name].device),
            params[name].dim() == 4 and params[name].is_contiguous(memory_format=torch.channels_last),
        )
        for name, kept in mask.items()
        if not bool(kept.all())
    }


def _hold(
    params: Mapping[str, Tensor], slots: Mapping[str, Mapping[str, Tensor]], pruned: Mapping[str, Tensor]
) -> None:
    with torch.no_grad():
        for name, where in pruned.items():
            params[name].masked_fill_(where, 0.0)
            for slot in slots.values():
                slot[name].masked_fill_(where, 0.0)


def _laid_out(tensor: Tensor, channels_last: bool) -> Tensor:
    layout = torch.channels_last if channels_last and tensor.dim() == 4 else torch.contiguous_format
    return tensor.detach().clone(memory_format=layout)


def _is_best(curve: list[float]) -> bool:
    return all(curve[-1] > earlier for earlier in curve[:-1])


def _append(metrics: dict[str, Any], name: str, value: float) -> None:
    metrics[name] = [*metrics.get(name, []), value]


def _flatten(slots: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {f"{slot}/{name}": tensor for slot, tensors in slots.items() for name, tensor in tensors.items()}


def _unflatten(flat: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    slots: dict[str, dict[str, Tensor]] = {}
    for key, tensor in flat.items():
        slot, name = key.split("/", 1)
        slots.setdefault(slot, {})[name] = tensor
    return slots
