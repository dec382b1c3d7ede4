"""Training a node of the plan from its beginning or its last checkpoint, to a step or to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor

from lotterylab.engine.context import mask_part
from lotterylab.engine.facts import deciding, facts
from lotterylab.engine.finals import finals
from lotterylab.engine.made import density, made_by_gates, made_by_interventions, on_cpu
from lotterylab.engine.paths import kernel_of, path_of
from lotterylab.engine.shrinking import small_of
from lotterylab.errors import UsageError
from lotterylab.gates import LEARNED, without_gates
from lotterylab.network import Network, network
from lotterylab.plan.nodes import KEPT, At, Train, first_of
from lotterylab.training import slots
from lotterylab.training.during import EVENTS, KEPT_AT, During
from lotterylab.training.flat_step import FlatStepper
from lotterylab.training.kernel_during import stepper
from lotterylab.training.loop import first, opened, train
from lotterylab.training.recipe import Recipe
from lotterylab.training.step import in_layout
from lotterylab.training.watch import Evaluation, evaluate
from lotterylab.types import Checkpoint, Mask, State

if TYPE_CHECKING:
    from lotterylab.data.loader import Loader
    from lotterylab.engine.context import Context


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a rule: tensors by part, metrics, and facts beyond the common ones."""

    tensors: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


class Stopped(Exception):
    """The run was asked to stop; its last checkpoint is in the store."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The end of a training and the parts that evaluate it.

    ``whole`` is the checkpoint ``last`` in the shapes of the whole network, which ``net`` is not where it was shrunk.
    ``score`` evaluates a state of the network that was trained on a split, in the way in which the training did.
    ``earlier`` is the seconds spent in earlier calls.
    """

    last: Checkpoint
    whole: Checkpoint
    net: Network
    score: Callable[[State, str], Evaluation]
    loader: Loader
    recipe: Recipe
    earlier: float
    seconds: float


def train_whole(node: Train, context: Context) -> Outcome:
    """Compute a ``Train``."""
    trained = _advance(node, context, node.total_steps)
    last, loader = trained.last, trained.loader
    states = {"final": trained.whole.state, **trained.whole.kept}
    tensors = {point: on_cpu(without_gates(state)) for point, state in states.items()}
    by_gates = made_by_gates(trained)
    tensors = {**made_by_interventions(last), **by_gates, **tensors}
    beside = {name: last.metrics[name] for name in (EVENTS, KEPT_AT) if name in last.metrics}
    metrics: dict[str, Any] = {
        "curves": {name: curve for name, curve in last.metrics.items() if name not in beside},
        **beside,
        "epochs": -(-last.step // loader.steps_per_epoch),
        **finals(last, trained.recipe, trained.score, validated=len(loader.dataset.validation) > 0),
        **density(by_gates.get(mask_part(LEARNED), {})),
        **During(trained.recipe.interventions, last.carry, last.masks, last.metrics).summary(),
    }
    if (begun := first_step(node, context)) or trained.recipe.steps is not None:
        metrics |= {"steps": last.step - begun, "from_step": begun}
    if small := small_of(node, context):
        metrics["trained_share"] = small.shares
    path = path_of(node, context)
    return Outcome(
        tensors=tensors,
        metrics=metrics,
        facts={"path": path, "data": node.data.content, "earlier_seconds": trained.earlier},
    )


def train_to_step(node: At, context: Context) -> Outcome:
    """Compute a step of a run: its whole checkpoint, from which the run itself resumes too."""
    assert node.step is not None
    trained = _advance(node.run, context, node.step)
    save_if_ahead(node.run, context, trained.whole, trained.earlier + trained.seconds)
    tensors = {"state": on_cpu(trained.whole.state), "optimizer": on_cpu(trained.whole.optimizer)}
    tensors = {**made_by_interventions(trained.last), **made_by_gates(trained), **tensors}
    tensors.pop(LEARNED, None)  # a point of the whole run
    facts = {"path": path_of(node.run, context), "data": node.run.data.content}
    return Outcome(tensors=tensors, metrics={"step": trained.last.step}, facts=facts)


def beginning(node: Train, context: Context) -> Checkpoint:
    """Return the first checkpoint of a training: its masked start, and a new optimizer unless it is restored.

    What interventions carry is restored with the optimizer, if the recipe has the interventions of the earlier run.
    """
    recipe, mask = cast(Recipe, context.resolve(node.recipe)), context.mask(node.mask)
    net = network(context.module(node))
    earlier = node.start if isinstance(node.start, At) and node.start.step is not None else None
    restored = "optimizer" in node.restored
    there = checkpoint_at(earlier, context) if earlier and (restored or recipe.gate) else None
    start = there.state if there and recipe.gate else context.state(node.start)
    begin = first(net, start, mask, recipe, context.frozen(node), seed=node.order_seed)
    begin = replace(begin, step=first_step(node, context))
    if earlier is None:
        return begin
    if there and restored:
        same = node.recipe.during == earlier.run.recipe.during
        begin = replace(begin, optimizer=slots.masked(there.optimizer, mask), carry=there.carry if same else {})
    if "buffers" in node.restored:
        return begin
    initial = context.state(first_of(node.start))
    buffers = initial.keys() - set(net.parameters)
    state = {name: initial[name] if name in buffers else tensor for name, tensor in begin.state.items()}
    return replace(begin, state=cast(State, state))


def first_step(node: Train, context: Context) -> int:
    """Return the step at which a training begins, also one that goes on where an intervention kept its start.

    An Early-Bird ticket that never emerged is kept at the end.  No step is left then: the result is the masked start.

    Raises:
        UsageError: no step is left, and the recipe picks a best epoch or has interventions.
    """
    if node.from_step != KEPT or not isinstance(node.start, At):
        return node.first_step
    step = int(context.record(node.start.run).metrics[KEPT_AT][node.start.point])
    if step >= node.total_steps and (node.recipe.during or getattr(node.recipe, "pick", None)):
        raise UsageError(
            f"the state '{node.start.point}' was kept at step {step} and this training ends at step "
            f"{node.total_steps}: no epoch is left to pick the best of, and no update for an intervention. Leave "
            "from_step out to train from step 0."
        )
    return min(step, node.total_steps)


def checkpoint_at(point: At, context: Context) -> Checkpoint:
    """Return the checkpoint at a step of a run."""
    if point.begins:
        return beginning(point.run, context)
    blobs = context.record(point).blobs
    state, optimizer = context.store.get(blobs["state"]), context.store.get(blobs["optimizer"])
    carry = context.store.get(blobs["carry"]) if "carry" in blobs else {}
    return Checkpoint(
        step=point.step or 0, state=cast(State, state), optimizer=optimizer, kept={}, metrics={}, carry=carry
    )


def _advance(node: Train, context: Context, until: int) -> Trained:
    """Train to a step, from the last checkpoint before it, and save checkpoints on the way."""
    recipe = cast(Recipe, context.resolve(node.recipe))
    small = small_of(node, context)
    net = network(small.module if small else context.module(node))
    loader = context.loader(node.data, recipe, node.order_seed)
    resume, earlier = resume_of(node, context, until)
    began = saved = time.perf_counter()
    start, mask = context.state(node.start), context.mask(node.mask)
    begun = context.at_hand.taken("begin", node.digest)
    whole = resume or begun or beginning(node, context)
    if small:
        start, mask = cast(State, small.back.cut(start)), cast(Mask, small.back.cut(mask))
    begin = small.cut(whole) if small else whole
    # if no step is left, the numbers of the end are still those of a state that has just been trained
    last = replace(begin, state=in_layout(begin.state, context.fast and net.channels_last))
    origin = first_of(node.start)
    kernel = kernel_of(node, context)
    steps = train(
        net,
        start,
        mask,
        loader,
        recipe,
        resume=begin,
        until=until,
        channels_last=context.fast,
        frozen=context.frozen(node),
        kernel=kernel,
        fresh=lambda *names: origin.model.initial(node.order_seed, " ".join(map(str, names)), origin.draw),
    )
    epochs = -(-node.total_steps // loader.steps_per_epoch)
    for last in steps:
        context.progress(node, last.step // loader.steps_per_epoch, epochs)
        now = time.perf_counter()
        stopping = context.stopping()
        if last.step < until and (stopping or now - saved > context.save_every_seconds):
            save(node, context, small.whole(last) if small else last, earlier + now - began)
            saved = now
            if stopping:
                raise Stopped(node.digest)

    scorer: list[FlatStepper] = []

    def score(state: State, split: str) -> Evaluation:
        if kernel:
            if not scorer:
                held = mask if not recipe.interventions else Mask({})  # states that are kept may have had other masks
                scorer.append(stepper(*kernel, recipe, last, held, loader, net))
            scorer[0].take(state)
            return scorer[0].score(split)
        return evaluate(opened(net, recipe), state, loader, split)

    return Trained(
        last=last,
        whole=small.whole(last) if small else last,
        net=opened(net, recipe),
        score=score,
        loader=loader,
        recipe=recipe,
        earlier=earlier,
        seconds=time.perf_counter() - began,
    )


def facts_that_decide(node: Train, context: Context) -> dict[str, Any]:
    """Return the facts on which the bits of this training depend."""
    return deciding({**facts(context.device_of(node)), "path": path_of(node, context)})


def save(node: Train, context: Context, last: Checkpoint, seconds: float) -> None:
    """Save a checkpoint of an unfinished run."""
    tensors = {f"state|{name}": tensor for name, tensor in last.state.items()}
    tensors |= {f"optimizer|{name}": tensor for name, tensor in last.optimizer.items()}
    tensors |= {f"carry|{name}": tensor for name, tensor in last.carry.items()}
    for point, state in last.kept.items():
        tensors |= {f"kept:{point}|{name}": tensor for name, tensor in state.items()}
    for label, mask in last.masks.items():
        tensors |= {f"mask:{label}|{name}": kept for name, kept in mask.items()}
    notes = {"step": last.step, "metrics": last.metrics, "seconds": seconds}
    notes["facts"] = facts_that_decide(node, context)
    context.store.save_partial(node.digest, on_cpu(tensors), notes)


def save_if_ahead(node: Train, context: Context, last: Checkpoint, seconds: float) -> None:
    """Save a checkpoint of an unfinished run, unless a later one exists."""
    notes = context.store.partial_notes(node.digest)
    ahead = notes and notes["facts"] == facts_that_decide(node, context) and notes["step"] > last.step
    record = context.store.record(node.digest)
    finished = record is not None and context.store.has_blobs_of(record)
    if not finished and not ahead:
        save(node, context, last, seconds)


def resume_of(node: Train, context: Context, until: int) -> tuple[Checkpoint | None, float]:
    """Return a run's checkpoint and its seconds, if it has the same facts and is not after step ``until``."""
    partial = context.store.load_partial(node.digest)
    if partial is None or partial[1]["facts"] != facts_that_decide(node, context) or partial[1]["step"] > until:
        return None, 0.0
    tensors, notes = partial
    groups: dict[str, dict[str, Tensor]] = {"state": {}, "optimizer": {}, "carry": {}}
    for name, tensor in tensors.items():
        group, plain = name.split("|", 1)
        groups.setdefault(group, {})[plain] = tensor

    def labelled(prefix: str) -> dict[str, Any]:
        return {name.removeprefix(prefix): group for name, group in groups.items() if name.startswith(prefix)}

    checkpoint = Checkpoint(
        step=notes["step"],
        state=cast(State, groups["state"]),
        optimizer=groups["optimizer"],
        kept=labelled("kept:"),
        metrics=notes["metrics"],
        carry=groups["carry"],
        masks=labelled("mask:"),
    )
    return checkpoint, notes["seconds"]
