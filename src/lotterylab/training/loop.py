"""The training loop: one generator that yields a checkpoint after every epoch, and where it is asked to stop."""

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
    """Train ``mask * start`` and yield a ``Checkpoint`` after each epoch and at the end; the last one is the result.

    Goes on from ``resume``, with the same bits as if it had never stopped: nothing random is carried over, since the
    order and the augmentation of an epoch are functions of the seed and the epoch, and dropout is one of the seed and
    the step (torch's global generator is seeded anew before each).  ``until``: the step to end at, before the recipe's
    last; also in the middle of an epoch.  Trains where the loader's data are.  The tensors of a yielded checkpoint are
    those that training goes on with; whoever keeps one longer than until the next copies it.

    Metrics: "train_loss", "train_accuracy" (running means over each epoch, before each step), for each watched split
    "<split>_accuracy", "best_epoch" (from 1), and "diverged_epoch" where the loss stopped being finite, after which
    training ends.  A recipe that watches by steps adds "watched_steps", "<split>_loss" and "best_step".
    """
    device = loader.dataset.train.images.device
    channels_last = channels_last and net.channels_last
    done = resume or first(net, start, mask, recipe)
    state = {name: _laid_out(tensor.to(device), channels_last) for name, tensor in done.state.items()}
    slots = by_slot({name: _laid_out(tensor.to(device), channels_last) for name, tensor in done.optimizer.items()})
    updates = int(done.optimizer.get(UPDATES, done.step))
    params = {name: state[name].requires_grad_() for name in net.trainable}
    held = _pruned(mask, params) if recipe.hold and mask is not None else {}
    watch = Watch(recipe, dict(done.kept), dict(done.metrics))
    per_epoch = loader.steps_per_epoch
    total = recipe.total_steps(per_epoch)
    end = total if until is None else min(until, total)
    step = done.step
    while step < end and "diverged_epoch" not in watch.metrics:
        epoch, within = divmod(step, per_epoch)
        means = Means(watch.metrics.pop(UNFINISHED, None), device)
        for batch in loader.batches(epoch, start=within):
            _seed_forward(loader.seed, step, device)
            logits, state = net.forward(cast(State, state), batch.inputs, True)
            loss = cross_entropy(logits, batch.targets)
            gradients = _gradients(loss, params)
            rate = recipe.optimizer.lr * recipe.schedule.factor(step, steps_per_epoch=per_epoch, total_steps=total)
            moved, own = _those(gradients, params, slots)
            recipe.optimizer.update_(moved, gradients, own, lr=rate, step=updates)
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
    """Of the parameters that the loss depends on; those that no path uses are left as they are, as in torch.optim."""
    found = torch.autograd.grad(loss, list(params.values()), allow_unused=True)
    return {name: one for name, one in zip(params, found, strict=True) if one is not None}


def _those(
    names: Collection[str], params: dict[str, Tensor], slots: dict[str, dict[str, Tensor]]
) -> tuple[dict[str, Tensor], dict[str, dict[str, Tensor]]]:
    """The parameters of these names and their slots; the same tensors."""
    if len(names) == len(params):
        return params, slots
    of = {slot: {name: tensors[name] for name in names} for slot, tensors in slots.items()}
    return {name: params[name] for name in names}, of


def _seed_forward(seed: int, step: int, device: torch.device) -> None:
    """Seed what layers that draw in their forward pass draw from: torch's global generator of the device."""
    number = rng.key(seed, "forward", step) & (2**63 - 1)
    generator = torch.default_generator if device.type == "cpu" else torch.cuda.default_generators[device.index or 0]
    generator.manual_seed(number)


def first(net: Network, start: State, mask: Mask | None, recipe: Recipe) -> Checkpoint:
    """Where a training begins: the masked state and an optimizer that has seen nothing."""
    state = algebra.masked(start, mask or Mask({}))
    params = {name: state[name] for name in net.trainable}
    optimizer = _counted(recipe, recipe.optimizer.init(params), 0)
    return Checkpoint(step=0, state=state, optimizer=optimizer, kept={}, metrics={})


def _counted(recipe: Recipe, slots: Mapping[str, Mapping[str, Tensor]], updates: int) -> dict[str, Tensor]:
    """The optimizer's state for a checkpoint, with its count where the rule depends on it."""
    return {**flat(slots), **({UPDATES: torch.tensor(updates)} if recipe.optimizer.counts else {})}


def _pruned(mask: Mask, params: Mapping[str, Tensor]) -> dict[str, Pruned]:
    """Where to set to zero; frozen tensors, and those of which nothing is pruned, are left out: they cost nothing."""
    pruned = {name: kept for name, kept in mask.items() if name in params and not bool(kept.all())}
    return {name: Pruned(kept.to(params[name].device)) for name, kept in pruned.items()}


def _hold(
    params: Mapping[str, Tensor], slots: Mapping[str, Mapping[str, Tensor]], pruned: Mapping[str, Pruned]
) -> None:
    with torch.no_grad():
        for name, where in pruned.items():
            where.zero_(params[name])
            for slot in slots.values():
                where.zero_(slot[name])


def _laid_out(tensor: Tensor, channels_last: bool) -> Tensor:
    layout = torch.channels_last if channels_last and tensor.dim() == 4 else torch.contiguous_format
    return tensor.detach().clone(memory_format=layout)
