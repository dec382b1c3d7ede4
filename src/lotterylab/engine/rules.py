"""What each kind of node does: the one place where the plan meets the methods."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from torch import Tensor

from lotterylab import masks
from lotterylab.engine.context import Context
from lotterylab.engine.facts import deciding, facts
from lotterylab.engine.records import Record
from lotterylab.engine.store import Store
from lotterylab.network import network, prunable_names
from lotterylab.plan.digest import canonical, encode
from lotterylab.plan.nodes import Choose, Dense, Init, Measure, Node, Prune, Shuffle, Train
from lotterylab.training.loop import evaluate, train
from lotterylab.training.recipe import Recipe
from lotterylab.types import Checkpoint, State


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a rule returns: tensors by part, metrics, facts beyond the common ones."""

    tensors: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


class Stopped(Exception):
    """The run was asked to stop; its last checkpoint is in the store."""


def execute(node: Node, context: Context) -> Record:
    """Compute a node whose inputs are in the store, and commit its record."""
    began = time.perf_counter()
    store = context.store
    known = {"kind": type(node).__name__, "digest": node.digest, "inputs": _inputs(node), "spec": canonical(node)}
    key = _content_key(node, context) if isinstance(node, Train) else ""
    if key and (twin := _twin(key, store)):
        record = Record(**known, metrics=twin.metrics, facts=twin.facts, blobs=twin.blobs, same_as=twin.digest)
        store.commit(record)
        return record
    outcome = RULES[type(node)](node, context)
    record = Record(
        **known,
        metrics=dict(outcome.metrics),
        facts={**facts(context.device if isinstance(node, Train) else "cpu"), **outcome.facts},
        blobs={part: store.put(tensors) for part, tensors in outcome.tensors.items()},
        seconds=round(outcome.facts.get("earlier_seconds", 0.0) + time.perf_counter() - began, 3),
    )
    store.commit(record)
    if key:
        store.remember_same(key, node.digest)
    return record


def _twin(key: str, store: Store) -> Record | None:
    """A finished run of the same content whose tensors are all here."""
    twin = store.same(key)
    return twin if twin and all(map(store.has_blob, twin.blobs.values())) else None


def _inputs(node: Node) -> dict[str, str]:
    return {str(number): one.digest for number, one in enumerate(node.inputs())}


def _content_key(node: Train, context: Context) -> str:
    """Runs with equal keys give equal bits: an identical mask from another target is not trained again."""
    parts = (
        f"train/{Train.version}",
        encode(node.model),
        masks.digest(context.state(node.start)),
        masks.digest(context.mask(node.mask)),
        encode(node.data),
        encode(context.resolve(node.recipe)),
        str(node.order_seed),
        encode(_deciding(node, context)),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _deciding(node: Train, context: Context) -> dict[str, Any]:
    """The facts on which the bits of this training depend."""
    return deciding({**facts(context.device), "path": context.path_name(node.model)})


def _init(node: Init, context: Context) -> Outcome:
    return Outcome(tensors={"state": node.model.initial(node.seed, node.purpose, node.draw)})


def _dense(node: Dense, context: Context) -> Outcome:
    module = node.model.build()
    return Outcome(tensors={"mask": masks.ones(module.state_dict(), prunable_names(module))})


def _shuffle(node: Shuffle, context: Context) -> Outcome:
    mask = masks.shuffle(context.mask(node.mask), node.seed)
    return Outcome(tensors={"mask": mask}, metrics={"mask_digest": masks.digest(mask)})


def _prune(node: Prune, context: Context) -> Outcome:
    from lotterylab.engine.pruning import prune_state

    mask, metrics = prune_state(node, context)
    return Outcome(tensors={"mask": mask}, metrics=metrics)


def _measure(node: Measure, context: Context) -> Outcome:
    values = {name: context.value(one) for name, one in node.of.items()}
    models = {name: network(one.build()) for name, one in context.models(node.of).items()}
    dataset = context.dataset(node.data) if node.data else None
    return Outcome(metrics=node.quantity(values, models, dataset))


def _choose(node: Choose, context: Context) -> Outcome:
    means = [sum(context.metric(run, node.by) for run in runs) / len(runs) for _, runs in node.candidates]
    best = (max if node.goal == "highest" else min)(means)
    return Outcome(
        metrics={
            "value": node.candidates[means.index(best)][0],
            "by": node.by,
            "values": [value for value, _ in node.candidates],
            "means": means,
            "each": [[context.metric(run, node.by) for run in runs] for _, runs in node.candidates],
        }
    )


def _train(node: Train, context: Context) -> Outcome:
    recipe = cast(Recipe, context.resolve(node.recipe))
    net = network(node.model.build(pool_first=context.fast))
    loader = context.loader(node.data, recipe, node.order_seed)
    path = context.path_name(node.model)
    resume, earlier = _resume(node, context)
    began = saved = time.perf_counter()
    last = resume
    steps = train(
        net,
        context.state(node.start),
        context.mask(node.mask),
        loader,
        recipe,
        resume=resume,
        channels_last=context.fast,
    )
    for last in steps:
        context.progress(node, last.step // loader.steps_per_epoch, recipe.epochs)
        now = time.perf_counter()
        stopping = context.stopping()
        if last.step < recipe.epochs * loader.steps_per_epoch and (
            stopping or now - saved > context.save_every_seconds
        ):
            _save(node, context, last, earlier + now - began)
            saved = now
            if stopping:
                raise Stopped(node.digest)
    assert last is not None, "a recipe has at least one epoch"
    tensors = {point: _on_cpu(state) for point, state in {"final": last.state, **last.kept}.items()}
    metrics = {
        "curves": last.metrics,
        "epochs": last.step // loader.steps_per_epoch,
        **_finals(net, last, loader, recipe),
    }
    return Outcome(
        tensors=tensors, metrics=metrics, facts={"path": path, "data": node.data.content, "earlier_seconds": earlier}
    )


def _on_cpu(state: Mapping[str, Tensor]) -> State:
    return cast(State, {name: tensor.cpu() for name, tensor in state.items()})


def _finals(net: Any, last: Checkpoint, loader: Any, recipe: Recipe) -> dict[str, Any]:
    """The numbers of the final state.  The test set is read here, once, unless the recipe watched it as well."""
    curves = last.metrics
    test = evaluate(net, last.state, loader, "test")
    finals = {
        "train_accuracy": curves["train_accuracy"][-1],
        "train_loss": curves["train_loss"][-1],
        "test_accuracy": test.accuracy,
        "test_accuracy_exact": test.exact,
        "test_loss": _finite(test.loss),
        "test_reads": 1 + len(curves.get("test_accuracy", ())),
        "picked": recipe.pick or "",
    }
    if len(loader.dataset.validation):
        finals["validation_accuracy"] = evaluate(net, last.state, loader, "validation").accuracy
    for name in ("best_epoch", "diverged_epoch"):
        if name in curves:
            finals[name] = curves[name]
    return finals


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None


def _save(node: Train, context: Context, last: Checkpoint, seconds: float) -> None:
    tensors = {f"state|{name}": tensor for name, tensor in last.state.items()}
    tensors |= {f"optimizer|{name}": tensor for name, tensor in last.optimizer.items()}
    for point, state in last.kept.items():
        tensors |= {f"kept:{point}|{name}": tensor for name, tensor in state.items()}
    notes = {"step": last.step, "metrics": last.metrics, "seconds": seconds}
    notes["facts"] = _deciding(node, context)
    context.store.save_partial(node.digest, _on_cpu(tensors), notes)


def _resume(node: Train, context: Context) -> tuple[Checkpoint | None, float]:
    """The checkpoint of an unfinished run, if it was made under the same facts."""
    found = context.store.load_partial(node.digest)
    if found is None or found[1]["facts"] != _deciding(node, context):
        return None, 0.0
    tensors, notes = found
    groups: dict[str, dict[str, Tensor]] = {"state": {}, "optimizer": {}}
    for name, tensor in tensors.items():
        group, plain = name.split("|", 1)
        groups.setdefault(group, {})[plain] = tensor
    kept = {group.removeprefix("kept:"): cast(State, group_) for group, group_ in groups.items() if ":" in group}
    checkpoint = Checkpoint(
        step=notes["step"],
        state=cast(State, groups["state"]),
        optimizer=groups["optimizer"],
        kept=kept,
        metrics=notes["metrics"],
    )
    return checkpoint, notes["seconds"]


RULES: dict[type[Node], Callable[[Any, Context], Outcome]] = {
    Init: _init,
    Dense: _dense,
    Shuffle: _shuffle,
    Prune: _prune,
    Train: _train,
    Measure: _measure,
    Choose: _choose,
}
