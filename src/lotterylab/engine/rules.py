"""The rule of each kind of node: the one place where the plan meets the methods."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from lotterylab.engine.context import Context
from lotterylab.engine.facts import STARTED, facts, now
from lotterylab.engine.records import Record
from lotterylab.engine.store import Store
from lotterylab.engine.trainings import (
    Outcome,
    Stopped,
    beginning,
    facts_that_decide,
    train_to_step,
    train_whole,
)
from lotterylab.engine.user_training import check_promises, train_by_user, train_to_step_by_user
from lotterylab.errors import UsageError, a_type
from lotterylab.masks import algebra
from lotterylab.masks.controls import permute, shuffle
from lotterylab.network import network
from lotterylab.plan.digest import canonical, encode
from lotterylab.plan.nodes import (
    At,
    Channels,
    Choose,
    Combine,
    CombineMask,
    Dense,
    Init,
    Measure,
    Node,
    Permute,
    Prune,
    Shuffle,
    Train,
    model_of,
)
from lotterylab.plan.user_nodes import Promises, UserTrain
from lotterylab.structure import channels, never_emptied
from lotterylab.types import Mask
from lotterylab.weights import prunable_names

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Stopped", "execute"]


def execute(node: Node, context: Context) -> Record:
    """Compute a node whose inputs are in the store, and commit its record."""
    began, started = time.perf_counter(), now()
    store = context.store
    key = _content_key(node, context) if isinstance(node, Train) else ""
    known: dict[str, Any] = {"kind": type(node).__name__, "digest": node.digest, "inputs": _inputs(node)}
    known |= {"spec": canonical(node), "key": key}
    if key and (equal := _equal_run(key, store)):
        record = Record(**known, metrics=equal.metrics, facts=equal.facts, blobs=equal.blobs, same_as=equal.digest)
        store.commit(record)
        return record
    outcome = RULES[type(node)](node, context)
    record = Record(
        **known,
        metrics=dict(outcome.metrics),
        facts={**facts(context.device_of(node)), **context.study_facts, STARTED: started, **outcome.facts},
        blobs={part: store.put(tensors) for part, tensors in outcome.tensors.items()},
        seconds=round(outcome.facts.get("earlier_seconds", 0.0) + time.perf_counter() - began, 3),
    )
    store.commit(record)
    if key:
        with contextlib.suppress(OSError):  # the result exists, and the index can be rebuilt
            store.remember_same(key, node.digest)
    return record


def _equal_run(key: str, store: Store) -> Record | None:
    """Return a finished run of the same content whose tensors are all in the store."""
    record = store.same(key)
    return record if record and store.has_blobs_of(record) else None


def _inputs(node: Node) -> dict[str, str]:
    return {str(number): earlier.digest for number, earlier in enumerate(node.inputs())}


def _content_key(node: Train, context: Context) -> str:
    """Return a key that equal bits share, so that an identical mask from another target is not trained again."""
    begin = context.at_hand.once("begin", node.digest, lambda: beginning(node, context))
    parts = [
        f"train/{Train.version}",
        encode(node.model),
        f"from step {begin.step}",
        algebra.digest(begin.state),
        algebra.digest(begin.optimizer),
        algebra.digest(context.mask(node.mask)),
        encode(node.data),
        encode(context.resolve(node.recipe)),
        str(node.order_seed),
        encode(facts_that_decide(node, context)),
    ]
    if node.recipe.during or node.recipe.gate:  # they see what they carried before, and the start without its mask
        parts += [algebra.digest(begin.carry), algebra.digest(context.state(node.start))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _to_step(node: At, context: Context) -> Outcome:
    by_user = isinstance(node.run, UserTrain)
    return train_to_step_by_user(node, context) if by_user else train_to_step(node, context)


def _init(node: Init, context: Context) -> Outcome:
    return Outcome(tensors={"state": node.model.initial(node.seed, node.purpose, node.draw)})


def _combine(node: Combine, context: Context) -> Outcome:
    return Outcome(tensors={"state": _combined(node, context)})


def _combine_mask(node: CombineMask, context: Context) -> Outcome:
    mask = cast(Mask, _combined(node, context))
    for name, entries in mask.items():
        if not str(entries.dtype).endswith("bool"):
            raise UsageError(
                f"{type(node.rule).__name__}: '{name}' has the type {entries.dtype}, and a mask is bool. Give the rule "
                "a mask first, or use Combine for a state."
            )
    return Outcome(tensors={"mask": mask}, metrics=_counts(mask))


def _counts(mask: Mask) -> dict[str, Any]:
    """Return the digest of a mask, its numbers of entries, and the share that each tensor keeps."""
    return {
        "mask_digest": algebra.digest(mask),
        "entries": algebra.entries(mask),
        "removed": algebra.entries(mask) - algebra.kept(mask),
        "layers": {name: float(entries.double().mean()) for name, entries in mask.items()},
    }


def _combined(node: Combine, context: Context) -> Mapping[str, Tensor]:
    """Return what the rule of a node makes of its parts, checked against the main one."""
    values = {name: context.value(part) for name, part in node.of.items()}
    made = node.rule(values, prunable_names(model_of(node.main).build()), node.seed)
    for problem in _problems(made, context.value(node.main)):
        raise UsageError(f"{type(node.rule).__name__}: {problem}")
    return made


def _problems(state: Mapping[str, Tensor], main: Mapping[str, Tensor]) -> Iterator[str]:
    """Yield what is wrong with a state or mask that a rule made."""
    if state.keys() != main.keys():
        name = sorted(state.keys() ^ main.keys())[0]
        yield f"its state and that of the network differ in the tensor '{name}'. Return the names of the main state."
    for name, tensor in state.items():
        if name in main and tensor.shape != main[name].shape:
            yield f"'{name}' has the shape {tuple(tensor.shape)}; the network has {tuple(main[name].shape)}."
        elif name in main and tensor.dtype != main[name].dtype:
            yield f"'{name}' has the type {tensor.dtype}; that of the main part is {main[name].dtype}."
        elif tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            yield f"'{name}' has a number that is not finite."


def _dense(node: Dense, context: Context) -> Outcome:
    module = node.model.build()
    return Outcome(tensors={"mask": algebra.ones(module.state_dict(), prunable_names(module))})


def _shuffle(node: Shuffle, context: Context) -> Outcome:
    within = context.mask(node.within) if node.within else None
    mask = shuffle(context.mask(node.mask), node.seed, within=within, granularity=node.granularity)
    return Outcome(tensors={"mask": mask}, metrics={"mask_digest": algebra.digest(mask)})


def _channels(node: Channels, context: Context) -> Outcome:
    model = model_of(node)
    shape = getattr(model, "shape", None)
    if shape is None:
        raise UsageError(f"channels of {a_type(model)} cannot be followed: it has no shape of an input.")
    chosen, emptied = never_emptied(context.mask(node.of), context.state(node.state) if node.state else None)
    mask = channels(model.build(), chosen, shape=shape)
    metrics = {
        "channels": {name: int(entries.sum()) for name, entries in chosen.items()},
        "emptied": list(emptied),
        **_counts(mask),
    }
    return Outcome(tensors={"mask": mask}, metrics=metrics)


def _permute(node: Permute, context: Context) -> Outcome:
    state = context.state(node.of)
    names = network(model_of(node).build()).prunable
    mask = context.mask(node.mask) if node.mask else None
    return Outcome(tensors={"state": permute(state, names, node.seed, mask)})


def _prune(node: Prune, context: Context) -> Outcome:
    from lotterylab.engine.pruning import prune_state

    mask, metrics = prune_state(node, context)
    return Outcome(tensors={"mask": mask}, metrics=metrics)


def _measure(node: Measure, context: Context) -> Outcome:
    values = {name: context.value(measured) for name, measured in node.of.items()}
    models = {name: network(model.build()) for name, model in context.models(node.of).items()}
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


RULES: dict[type[Node], Callable[[Any, Context], Outcome]] = {
    Init: _init,
    Dense: _dense,
    Shuffle: _shuffle,
    Channels: _channels,
    Permute: _permute,
    Combine: _combine,
    CombineMask: _combine_mask,
    Prune: _prune,
    Train: train_whole,
    UserTrain: train_by_user,
    At: _to_step,
    Promises: check_promises,
    Measure: _measure,
    Choose: _choose,
}
