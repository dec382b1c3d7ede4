"""The training loop is one generator that yields a checkpoint after every epoch and at the requested last step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn.functional import cross_entropy

from lotterylab import rng
from lotterylab.errors import UsageError
from lotterylab.gates import gated, with_gates
from lotterylab.masks import algebra
from lotterylab.network import Network
from lotterylab.training.during import HELD, During
from lotterylab.training.flat_step import FlatStepper
from lotterylab.training.kernel_during import Gradients, Opened, stepper
from lotterylab.training.recipe import Recipe
from lotterylab.training.slots import flat
from lotterylab.training.step import Stepper, counted
from lotterylab.training.watch import UNFINISHED, Means, Watch
from lotterylab.types import Batch, Checkpoint, Mask, State
from lotterylab.views import Change, View

if TYPE_CHECKING:
    from lotterylab.data.loader import Loader
    from lotterylab.kernels.build import Library
    from lotterylab.kernels.links import Links
    from lotterylab.kernels.portable import Portable


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
    fresh: Callable[..., State] | None = None,
    frozen: State | None = None,
    kernel: tuple[Library | Portable, Links] | None = None,
) -> Iterator[Checkpoint]:
    """Train ``mask * start`` and yield a ``Checkpoint`` after each epoch and at the end; the last is the result.

    A training that resumes gives the same bits as one that never stopped.  Order and augmentation are functions of the
    seed and the epoch; dropout is a function of the seed and the step, because torch's global generator is seeded
    before each step.

    Training goes on with the tensors of a yielded checkpoint: copy them to keep them past the next one.

    Metrics of every recipe: "train_loss" and "train_accuracy" (means over each epoch, before each update),
    "<split>_accuracy" of each watched split, "best_epoch" (from 1), and "diverged_epoch" if the loss stopped being
    finite, which ends the training.  A recipe that watches by steps adds "watched_steps", "<split>_loss" and
    "best_step".  Interventions add "events" and, if one of them ended the training, "stopped_step".

    Args:
        net: the network as a pure function.
        start: the state before masking.
        mask: the mask, or None for dense training.
        loader: the batches; training runs on the device of its images.
        recipe: optimizer, schedule, loss, interventions, length and watched splits.
        resume: the checkpoint to go on from.
        until: the step to end at, possibly in the middle of an epoch; by default the recipe's last step.
        channels_last: the memory layout of 4-d tensors, if the network allows it.
        fresh: ``fresh(*names)`` draws an initial state anew, for interventions that ask for it.
        frozen: the values at which pruned weights are held, by the names of the mask; None is 0.
        kernel: computes the steps of a chain or of convolutions, if ``chain_step.fits`` this training.

    Raises:
        UsageError: an intervention does not fit the training, or returned what does not fit.
    """
    device = loader.dataset.train.images.device
    begin = resume or first(net, start, mask, recipe, frozen, seed=loader.seed)
    net = opened(net, recipe)
    held = begin.masks.get(HELD, mask)
    update = updates(net, begin, held, loader, recipe, channels_last=channels_last, frozen=frozen, kernel=kernel)
    watch = Watch(recipe, dict(begin.kept), dict(begin.metrics))
    during = During(recipe.interventions, begin.carry, begin.masks, watch.metrics)
    per_epoch = loader.steps_per_epoch
    total = recipe.total_steps(per_epoch)
    end = total if until is None else min(until, total)
    step = begin.step

    def rate(step: int) -> float:
        factor = recipe.schedule.factor(step, steps_per_epoch=per_epoch, total_steps=total)
        return recipe.optimizer.lr * factor

    def view(batch: Batch) -> View:
        assert isinstance(update, Stepper | Opened)
        gradients = update.gradients
        return View(
            net=net,
            loss=cross_entropy,
            state=update.detached(),
            names=tuple(mask or net.prunable),
            batch=batch,
            stream=lambda *names: rng.stream(loader.seed, *names),
            mask=during.masks.get(HELD, mask),
            initial=start,
            step=step,
            steps_per_epoch=per_epoch,
            total_steps=total,
            gradients=gradients,
            kept_gradients=gradients.kept if isinstance(gradients, Gradients) else None,
            optimizer=flat(update.slots),
            fresh=fresh,
            lr=rate(max(step - 1, 0)),
        )

    def put(change: Change) -> View:
        assert isinstance(update, Stepper | Opened) and batch is not None
        update.put(change.state, change.optimizer, change.mask)
        return view(batch)

    if during:
        epoch, within = divmod(step, per_epoch)
        during.begin(view(next(loader.batches(epoch, start=within))))
    while step < end and "diverged_epoch" not in watch.metrics and not during.stopped:
        epoch = step // per_epoch
        means = Means(watch.metrics.pop(UNFINISHED, None), device)
        for done, batch, loss in update.run(step, end, rate, means, watch.by_steps):
            step = done
            if during:
                assert batch is not None and loss is not None  # a chain in the kernel has none
                if not math.isfinite(float(loss)):
                    pass  # a run that diverged is left as it is
                elif during.is_due(step, per_epoch):
                    during.after(view(batch), put)
                    watch.kept |= during.kept
                else:
                    during.pass_by(during.masks.get(HELD, mask))
            if watch.by_steps and (step % watch.by_steps == 0 or step == total):
                watch.look(update, step, per_epoch)
            if during.stopped:
                break
        if step % per_epoch and step < total and not during.stopped:
            watch.metrics[UNFINISHED] = means.sums()
        else:
            watch.end_epoch(means, epoch)
            if not watch.by_steps:
                watch.look(update, step, per_epoch)
        state, optimizer = update.checkpointed()
        yield Checkpoint(
            step=step,
            state=state,
            optimizer=optimizer,
            kept=dict(watch.kept),
            metrics=watch.metrics,
            carry=dict(during.carry),
            masks=dict(during.masks),
        )


def updates(
    net: Network,
    begin: Checkpoint,
    mask: Mask | None,
    loader: Loader,
    recipe: Recipe,
    *,
    channels_last: bool = True,
    frozen: State | None = None,
    kernel: tuple[Library | Portable, Links] | None = None,
) -> Stepper | FlatStepper:
    """Return what makes the steps of a training; the arguments are those of ``train``, ``net`` with its gates."""
    if kernel:
        return stepper(*kernel, recipe, begin, mask or Mask({}), loader, net)
    laid_out = channels_last and net.channels_last
    return Stepper(net, recipe, begin, mask, loader=loader, channels_last=laid_out, frozen=frozen)


def opened(net: Network, recipe: Recipe) -> Network:
    """Return the network that a recipe trains: with gates, if it has a gate."""
    return gated(net, recipe.gate) if recipe.gate else net


def first(
    net: Network, start: State, mask: Mask | None, recipe: Recipe, frozen: State | None = None, *, seed: int = 0
) -> Checkpoint:
    """Return the checkpoint of step 0: the masked state, its gates drawn by ``seed``, and a fresh optimizer state."""
    state = algebra.masked(start, mask or Mask({}), frozen)
    if recipe.gate:
        if mask and algebra.kept(mask) < algebra.entries(mask):
            raise UsageError(
                f"{type(recipe.gate).__name__} was given a mask that removes weights; it learns which to remove. Give "
                "the mask of all weights, Dense(model=...)."
            )
        state = with_gates(net, recipe.gate, state, seed)
        net = opened(net, recipe)
    params: dict[str, Tensor] = {name: state[name] for name in net.trainable}
    optimizer = counted(recipe, recipe.optimizer.init(params), 0)
    return Checkpoint(step=0, state=state, optimizer=optimizer, kept={}, metrics={})
