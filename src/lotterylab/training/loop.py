"""The training loop is one generator that yields a checkpoint after every epoch and at the requested last step."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lotterylab import rng
from lotterylab.masks import algebra
from lotterylab.network import Network
from lotterylab.training.held import Pruned
from lotterylab.training.recipe import Recipe
from lotterylab.training.slots import UPDATES, by_slot, flat
from lotterylab.training.watch import UNFINISHED, Means, Watch
from lotterylab.types import Checkpoint, Mask, State

if TYPE_CHECKING:
    from lotterylab.data.loader import Loader


def train(
    net: Network,
    start: State,
    mask: Mask | None,
    loader: Loader,
    recipe: Recipe,
    *,
    resume: Checkpoint | None = None,
    until: int | None = None,
    channels_last: bool = True,
) -> Iterator[Checkpoint]:
    """Train ``mask * start`` and yield a ``Checkpoint`` after each epoch and at the end; the last is the result.

    A training that resumes gives the same bits as one that never stopped.  Order and augmentation are functions of the
    seed and the epoch; dropout is a function of the seed and the step, because torch's global generator is seeded
    before each step.

    Training goes on with the tensors of a yielded checkpoint: copy them to keep them past the next one.

    Metrics of every recipe: "train_loss" and "train_accuracy" (means over each epoch, before each update),
    "<split>_accuracy" of each watched split, "best_epoch" (from 1), and "diverged_epoch" if the loss stopped being
    finite, which ends the training.  A recipe that watches by steps adds "watched_steps", "<split>_loss" and
    "best_step".

    Args:
        net: the network as a pure function.
        start: the state before masking.
        mask: the mask, or None for dense training.
        loader: the batches; training runs on the device of its images.
        recipe: optimizer, schedule, length and watched splits.
        resume: the checkpoint to go on from.
        until: the step to end at, possibly in the middle of an epoch; by default the recipe's last step.
        channels_last: the memory layout of 4-d tensors, if the network allows it.
    """
    device = loader.dataset.train.images.device
    channels_last = channels_last and net.channels_last
    begin = resume or first(net, start, mask, recipe)
    state = {name: _laid_out(tensor.to(device), channels_last) for name, tensor in begin.state.items()}
    slots = by_slot({name: _laid_out(tensor.to(device), channels_last) for name, tensor in begin.optimizer.items()})
    updates = int(begin.optimizer.get(UPDATES, begin.step))
    params = {name: state[name].requires_grad_() for name in net.trainable}
    held = _pruned(mask, params) if recipe.hold and mask is not None else {}
    watch = Watch(recipe, dict(begin.kept), dict(begin.metrics))
    per_epoch = loader.steps_per_epoch
    total = recipe.total_steps(per_epoch)
    end = total if until is None else min(until, total)
    step = begin.step
    while step < end and "diverged_epoch" not in watch.metrics:
        epoch, within = divmod(step, per_epoch)
        means = Means(watch.metrics.pop(UNFINISHED, None), device)
        for batch in loader.batches(epoch, start=within):
            _seed_forward(loader.seed, step, device)
            logits, state = net.forward(cast(State, state), batch.inputs, True)
            loss = cross_entropy(logits, batch.targets)
            gradients = _gradients(loss, params)
            rate = recipe.optimizer.lr * recipe.schedule.factor(step, steps_per_epoch=per_epoch, total_steps=total)
            moved, moved_slots = _select(gradients, params, slots)
            recipe.optimizer.update_(moved, gradients, moved_slots, lr=rate, step=updates)
            _hold(params, slots, held)
            step, updates = step + 1, updates + 1
            means.add(loss, logits, batch.targets)
            if watch.by_steps and (step % watch.by_steps == 0 or step == total):
                watch.look(net, state, loader, step)
            if step == end:
                break
        if step % per_epoch and step < total:
            watch.metrics[UNFINISHED] = means.sums()
        else:
            watch.end_epoch(means, epoch)
            if not watch.by_steps:
                watch.look(net, state, loader, step)
        yield Checkpoint(
            step=step,
            state=cast(State, {name: tensor.detach() for name, tensor in state.items()}),
            optimizer=_counted(recipe, slots, updates),
            kept=dict(watch.kept),
            metrics=watch.metrics,
        )


def _gradients(loss: Tensor, params: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return gradients of the parameters that the loss depends on; the others stay unchanged, as in torch.optim."""
    gradients = torch.autograd.grad(loss, list(params.values()), allow_unused=True)
    return {name: gradient for name, gradient in zip(params, gradients, strict=True) if gradient is not None}


def _select(
    names: Collection[str], params: dict[str, Tensor], slots: dict[str, dict[str, Tensor]]
) -> tuple[dict[str, Tensor], dict[str, dict[str, Tensor]]]:
    """Return the parameters of these names and their slots, without copying."""
    if len(names) == len(params):
        return params, slots
    selected = {slot: {name: tensors[name] for name in names} for slot, tensors in slots.items()}
    return {name: params[name] for name in names}, selected


def _seed_forward(seed: int, step: int, device: torch.device) -> None:
    """Seed the device's global torch generator, from which dropout layers draw in the forward pass."""
    number = rng.key(seed, "forward", step) & (2**63 - 1)
    generator = torch.default_generator if device.type == "cpu" else torch.cuda.default_generators[device.index or 0]
    generator.manual_seed(number)


def first(net: Network, start: State, mask: Mask | None, recipe: Recipe) -> Checkpoint:
    """Return the checkpoint of step 0: the masked state and a fresh optimizer state."""
    state = algebra.masked(start, mask or Mask({}))
    params = {name: state[name] for name in net.trainable}
    optimizer = _counted(recipe, recipe.optimizer.init(params), 0)
    return Checkpoint(step=0, state=state, optimizer=optimizer, kept={}, metrics={})


def _counted(recipe: Recipe, slots: Mapping[str, Mapping[str, Tensor]], updates: int) -> dict[str, Tensor]:
    """Return the optimizer's state for a checkpoint, with its count of updates if its rule uses the count."""
    return {**flat(slots), **({UPDATES: torch.tensor(updates)} if recipe.optimizer.counts else {})}


def _pruned(mask: Mask, params: Mapping[str, Tensor]) -> dict[str, Pruned]:
    """Return the pruned positions of each trained tensor that lost entries; the others need no work in a step."""
    pruned = {name: kept for name, kept in mask.items() if name in params and not bool(kept.all())}
    return {name: Pruned(kept.to(params[name].device)) for name, kept in pruned.items()}


def _hold(
    params: Mapping[str, Tensor], slots: Mapping[str, Mapping[str, Tensor]], pruned: Mapping[str, Pruned]
) -> None:
    with torch.no_grad():
        for name, positions in pruned.items():
            positions.zero_(params[name])
            for slot in slots.values():
                positions.zero_(slot[name])


def _laid_out(tensor: Tensor, channels_last: bool) -> Tensor:
    layout = torch.channels_last if channels_last and tensor.dim() == 4 else torch.contiguous_format
    return tensor.detach().clone(memory_format=layout)
