"""Interventions in the training by a user's function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import torch

from lotterylab.candidates import candidates, left_out
from lotterylab.engine.exact import exact
from lotterylab.engine.made import on_cpu
from lotterylab.errors import warn
from lotterylab.masks import algebra
from lotterylab.network import network, state_of
from lotterylab.plan.nodes import first_of
from lotterylab.plan.user_nodes import UserTrain
from lotterylab.readable import check_scorable
from lotterylab.rng import generators_kept
from lotterylab.training.attach import Held
from lotterylab.training.during import EVENTS, KEPT_AT, STOPPED
from lotterylab.training.user import UserTraining
from lotterylab.types import Checkpoint, State
from lotterylab.weights import prunable_names

if TYPE_CHECKING:
    from lotterylab.engine.context import Context
    from lotterylab.training.attached import Attached


def intervene(held: Held, node: UserTrain, training: UserTraining, context: Context, begin: Checkpoint) -> None:
    """Call the interventions of a training after each step from here on."""
    if not training.during:
        return
    origin, device = first_of(node.start), context.device_of(node)
    devices = [torch.device(device)] if device.startswith("cuda") else []

    def fresh(*names: object) -> State:
        with generators_kept(), torch.random.fork_rng(devices):  # the loop may draw from them in its next step
            return on_cpu(origin.model.initial(node.order_seed, " ".join(map(str, names)), origin.draw))

    held.intervene(
        training.during,
        seed=node.order_seed,
        steps_per_epoch=training.steps_per_epoch,
        total_steps=training.steps,
        fresh=fresh,
        initial=context.state(node.start),
        begin=replace(begin, metrics=said(begin.metrics)),
    )


def refuse_misfits(run: UserTrain, params: str | tuple[str, ...] = "weights") -> None:
    """Refuse a network whose weights would be left out, and interventions that do not fit it.

    Nothing was computed before.  The optimizer is made by the user's function and not known yet; plain SGD stands for
    it.
    """
    training = cast(UserTraining, run.recipe)
    with exact("cpu"), torch.random.fork_rng(devices=()):
        try:
            module = run.model.build()
        except Exception:  # the task that builds it reports the error and its place
            return
        check_scorable(module)
        net = network(module)
        candidates(net, params)
        if sentence := left_out(net, params):
            warn(sentence)
        if not training.during:
            return
        held = Held(
            module,
            torch.optim.SGD(module.parameters(), lr=1.0),
            algebra.ones(module.state_dict(), prunable_names(module)),
        )
        held.intervene(
            training.during,
            seed=run.order_seed,
            steps_per_epoch=training.steps_per_epoch,
            total_steps=training.steps,
            fresh=lambda *names: state_of(module),
        )


def said(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metrics that interventions wrote."""
    return {name: metrics[name] for name in (EVENTS, KEPT_AT, STOPPED) if name in metrics}


def miscounted(attached: Attached, steps: range) -> Iterator[str]:
    """Yield the promise that is broken where a call took other optimizer steps than the interventions count."""
    end = attached.during.metrics.get(STOPPED, steps.stop)
    if attached.step > end < steps.stop:
        yield (
            f"went-on-after-stop: an intervention ended the training at step {end}, and train_fn went on to step "
            f"{attached.step}; leave the loop when held.stopped is true"
        )
    elif attached.step != end:
        yield (
            f"steps-differ: train_fn took {attached.step - steps.start} optimizer steps inside run.hold where "
            f"{end - steps.start} were asked for, so its interventions act at other steps"
        )
