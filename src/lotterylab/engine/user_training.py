"""Training by a user's functions, with the checkpoints, masks and records of the engine's own loop."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from lotterylab.auditing.alarms import listed
from lotterylab.engine.made import made_by_interventions, on_cpu
from lotterylab.engine.trainings import (
    Outcome,
    beginning,
    checkpoint_at,
    first_step,
    resume_of,
    save_if_ahead,
)
from lotterylab.engine.user_interventions import intervene, miscounted, said
from lotterylab.errors import UsageError
from lotterylab.masks import algebra
from lotterylab.network import modes_kept, state_of
from lotterylab.plan.nodes import At, MaskOf, first_of
from lotterylab.plan.user_nodes import Promises, UserTrain
from lotterylab.training.during import HELD, STOPPED, During
from lotterylab.training.judged import noticing
from lotterylab.training.user import Run, UserTraining
from lotterylab.types import Checkpoint, Mask, State

if TYPE_CHECKING:
    from lotterylab.engine.context import Context

BROKEN, LOGGED = "broken_promises", "logged"
MOST_LAYERS = 5  # layers that are named which act as in training while eval_fn judges


@dataclass(frozen=True, kw_only=True)
class Called:
    """The result of a call of a training function; ``broken`` describes the promises that it broke."""

    last: Checkpoint
    broken: tuple[str, ...]


def call(node: UserTrain, context: Context, begin: Checkpoint, mask: Mask, until: int) -> Called:
    """Train from a checkpoint to a step, with the mask of the checkpoint if interventions made one."""
    training = cast(UserTraining, context.resolve(node.recipe))
    module = loaded(node, begin.state)
    place = next(module.parameters()).device
    mask = begin.masks.get(HELD, mask)
    run = Run(
        module=module,
        mask=cast(Mask, {name: kept.to(place) for name, kept in mask.items()}),
        seed=node.order_seed,
        steps=range(begin.step, until),
        slots=begin.optimizer,
        intervene=lambda held: intervene(held, node, training, context, begin),
        told=lambda done: context.progress(node, done, until - begin.step),
    )
    training.train(module, run)
    state = on_cpu(state_of(module))
    during = run.attached.during if run.attached else During((), begin.carry, begin.masks, said(begin.metrics))
    broken = tuple(_broken(begin.state, state, during.masks.get(HELD, mask), run))
    last = Checkpoint(
        step=run.attached.step if run.attached and during.stopped else until,
        state=state,
        optimizer=on_cpu(run.saved or {}),
        kept={name: on_cpu(kept) for name, kept in during.kept.items()},
        metrics={
            BROKEN: list(broken),
            **({LOGGED: curves} if (curves := run.logged.curves) else {}),
            **said(during.metrics),
        },
        carry=on_cpu(during.carry),
        masks={name: cast(Mask, on_cpu(found)) for name, found in during.masks.items()},
    )
    return Called(last=last, broken=broken)


def loaded(node: UserTrain, state: Mapping[str, Tensor]) -> nn.Module:
    """Return the user's network with a state."""
    module = node.model.build()
    with torch.no_grad():
        for name, tensor in {**dict(module.named_parameters()), **dict(module.named_buffers())}.items():
            tensor.copy_(state[name])
    return module


def _broken(before: State, after: State, mask: Mask, run: Run) -> Iterator[str]:
    changed = sorted(name for name in before.keys() | after.keys() if _shape(before, name) != _shape(after, name))
    if changed:
        raise UsageError(f"shape-changed: train_fn left {', '.join(changed)} with another shape, or removed the name.")
    lost = [name for name, tensor in after.items() if not bool(tensor.isfinite().all())]
    if lost:
        yield f"diverged: not finite when train_fn returns: {listed(lost)}"
    moved = sum(int((after[name][~kept] != 0).sum()) for name, kept in mask.items())
    if moved:
        yield f"pruned-weights-moved: {moved:,} removed weights are not 0 when train_fn returns"
    if run.saved is None:
        yield "not-held: train_fn did not use run.hold(optimizer), so the optimizer's state is lost where it goes on"
    elif run.left is not None and run.left != algebra.digest({name: after[name] for name in run.weights}):
        yield (
            "changed-after-hold: train_fn changed weights after its run.hold block, where neither the mask nor the "
            "optimizer's state is kept"
        )
    if run.attached:
        yield from miscounted(run.attached, run.steps)
    if all(torch.equal(before[name], after[name]) for name in before):
        yield "not-trained: train_fn left every weight as it was"


def _shape(state: State, name: str) -> tuple[int, ...] | None:
    return tuple(state[name].shape) if name in state else None


def evaluated(node: UserTrain, module: nn.Module) -> dict[str, float]:
    """Return the numbers that ``eval_fn`` gives, by name; a single number is the test accuracy.

    Raises:
        UsageError: ``eval_fn`` returns anything else.
    """
    training = cast(UserTraining, node.recipe)
    with modes_kept(module), torch.no_grad():
        answer = training.evaluate(module)
    named = answer if isinstance(answer, Mapping) else {"test_accuracy": answer}
    for name, value in named.items():
        if not isinstance(value, Real) and not (isinstance(value, Tensor) and value.numel() == 1):
            raise UsageError(f"eval_fn gave {name} = {value!r}. Return a number, or a dict of numbers by name.")
    return {str(name): float(value) for name, value in named.items()}


def promises(node: Promises, context: Context, begin: Checkpoint) -> dict[str, Any]:
    """Return the metrics of ``Promises``."""
    run, mask = node.run, context.mask(node.run.mask)
    until = min(node.steps, run.total_steps)
    first, second = (call(run, context, begin, mask, until).last for _ in range(2))
    reseeded = call(replace(run, order_seed=run.order_seed + 1), context, begin, mask, until).last
    judged = loaded(run, first.state)
    with noticing(judged) as noticed:
        evaluations = [evaluated(run, judged)]
    evaluations.append(evaluated(run, loaded(run, first.state)))
    half = call(run, context, begin, mask, max(1, until // 2)).last
    resumed = call(run, context, half, mask, until).last if half.step < until and not _ended(half) else half
    metrics = {
        "steps": until,
        "repeats": _same(first, second),
        "goes_on": _same(first, resumed),
        "order_varies": not _same(first, reseeded),
        "judged_in_training": sorted(noticed)[:MOST_LAYERS],
        "eval_repeats": str(evaluations[0]) == str(evaluations[1]),  # compared as text, in which nan equals nan
        **_of_weights(run, context),
    }
    if node.rewound is None or not metrics["repeats"] or not metrics["goes_on"]:
        return metrics
    point = checkpoint_at(node.rewound, context)
    if context.record(node.rewound).metrics["step"] < point.step:  # an intervention ended the run before that step
        return metrics
    rest = call(run, context, point, context.mask(MaskOf(of=node.rewound)), run.total_steps).last
    ends_alike = algebra.digest(rest.state) == algebra.digest(context.state(run.final))
    return {**metrics, "steps": run.total_steps, "goes_on": ends_alike}


def _of_weights(run: UserTrain, context: Context) -> dict[str, bool]:
    initial = first_of(run.start)
    first = algebra.digest(context.state(initial))
    again, other = (initial.model.initial(seed, "init", initial.draw) for seed in (initial.seed, initial.seed + 1))
    return {"init_repeats": algebra.digest(again) == first, "init_varies": algebra.digest(other) != first}


def _same(a: Checkpoint, b: Checkpoint) -> bool:
    return all(
        algebra.digest(one) == algebra.digest(other)
        for one, other in ((a.state, b.state), (a.optimizer, b.optimizer), (a.carry, b.carry))
    )


def _ended(checkpoint: Checkpoint) -> bool:
    """Return whether an intervention ended the training."""
    return STOPPED in checkpoint.metrics


def train_by_user(node: UserTrain, context: Context) -> Outcome:
    """Compute a ``UserTrain`` in one call from its beginning to its end, whatever steps were computed before."""
    called, earlier, _ = _advance(node, context, node.total_steps, goes_on=False)
    last, during = called.last, cast(UserTraining, context.resolve(node.recipe)).during
    module = loaded(node, last.state)
    numbers = evaluated(node, module)
    lost = [name for name, value in numbers.items() if not math.isfinite(value)]
    broken = [f"not-a-number: eval_fn gave {name} = {numbers[name]}; the row has no such number" for name in lost]
    metrics = {
        **numbers,
        "steps": last.step - first_step(node, context),
        "from_step": first_step(node, context),
        "picked": "",
        "test_reads": 1,
        BROKEN: [*last.metrics[BROKEN], *broken],
        **{name: last.metrics[name] for name in (LOGGED,) if name in last.metrics},
        "evaluated": list(numbers),
        **said(last.metrics),
        **During(during, last.carry, last.masks, {}).summary(),
    }
    tensors = {**made_by_interventions(last), **last.kept, "final": last.state}
    return Outcome(tensors=tensors, metrics=metrics, facts={"earlier_seconds": earlier})


def train_to_step_by_user(node: At, context: Context) -> Outcome:
    """Compute a step of a ``UserTrain``."""
    run = cast(UserTrain, node.run)
    called, earlier, seconds = _advance(run, context, node.step or 0, goes_on=True)
    save_if_ahead(run, context, called.last, earlier + seconds)
    tensors = {"state": called.last.state, "optimizer": called.last.optimizer}
    tensors = {**made_by_interventions(called.last), **tensors}
    return Outcome(tensors=tensors, metrics={"step": called.last.step})


def check_promises(node: Promises, context: Context) -> Outcome:
    """Compute a ``Promises``."""
    begin = beginning(node.run, context)
    return Outcome(metrics=promises(node, context, begin))


def _advance(node: UserTrain, context: Context, until: int, *, goes_on: bool) -> tuple[Called, float, float]:
    """Return the call, the seconds spent before it and in it; with ``goes_on``, resume from the last computed step."""
    resume, earlier = resume_of(node, context, until) if goes_on else (None, 0.0)
    begin = resume or beginning(node, context)
    began = time.perf_counter()
    if begin.step == until or _ended(begin):  # an earlier step was the run's last
        return Called(last=begin, broken=()), earlier, 0.0
    called = call(node, context, begin, context.mask(node.mask), until)
    before = begin.metrics.get(BROKEN, [])
    called.last.metrics[BROKEN] = [*before, *(promise for promise in called.broken if promise not in before)]
    return called, earlier, time.perf_counter() - began
