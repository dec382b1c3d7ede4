"""The time of trainings on this machine: by kind, from finished runs of that kind or from a few steps.

A kind is everything on which the time of a step depends: network, data, batch, optimizer, loss, gate, what is
evaluated, and how many weights are kept, since pruned weights take no time in the compiled kernel.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from lotterylab.engine.facts import processor
from lotterylab.engine.pace import measured, share_of
from lotterylab.engine.records import Record
from lotterylab.engine.store import Store
from lotterylab.plan.nodes import Node, Train
from lotterylab.reading.costs import steps_made

Kind: TypeAlias = tuple[Any, ...]  # its last entry counts half powers of 2 by which weights are removed
EVALUATION = 1 / 3  # of a training step's work for each image: the forward pass alone
PATIENCE = 3.0  # seconds after which no other kind is measured
START = 0.02  # seconds of a run before its first step and after its last


def work(node: Node, record: Record | None = None) -> float:
    """Return the number of images that a node trains on, plus a third of the images that it evaluates.

    With the record of a finished run they are those of the steps that it made; without, it makes at most these.  The
    images of a user's own loop are unknown, and its steps stand for them.
    """
    if not isinstance(node, Train):
        return 0.0
    if node.data is None:
        return float(steps_made(node, record))
    return steps_made(node, record) / node.steps_per_epoch * node.data.spec.train + EVALUATION * looks_of(node, record)


def looks_of(node: Train, record: Record | None = None) -> float:
    """Return the number of images that a run evaluates while it trains."""
    spec, recipe = node.data.spec, node.recipe
    steps = steps_made(node, record)
    looks = steps / (recipe.watch_every or node.steps_per_epoch)
    return looks * sum(getattr(spec, split) for split in recipe.watch)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """A ``Pace`` is the seconds of one thread for a unit of ``work``.

    Args:
        mean: of a kind that is not known.
        kinds: of each kind that is known.
    """

    mean: float
    kinds: Mapping[Kind, float] = field(default_factory=dict)

    def seconds(self, node: Node) -> float:
        """Return the seconds of one thread for a task; a kind that is not known is as fast as the next denser one."""
        amount = work(node)
        if not amount or not isinstance(node, Train):
            return 0.0
        *alike, sparse = kind_of(node)
        denser = (self.kinds.get((*alike, level)) for level in range(sparse, -1, -1))
        return amount * next((pace for pace in denser if pace is not None), self.mean)


def kind_of(node: Train) -> Kind:
    """Return the kind of a training."""
    if node.data is None:  # a user's own loop
        return (type(node), 0)
    recipe: Any = node.recipe
    parts = (type(recipe.optimizer), recipe.augment, type(recipe.loss), type(recipe.gate), recipe.watch)
    during = tuple(type(each) for each in recipe.during)
    parts = (*parts, recipe.batch_size, recipe.watch_every, recipe.hold, during, node.frozen is None)
    share = share_of(node.mask)
    return (repr(node.model), repr(node.data.spec), *parts, int(-2 * math.log2(share)) if share < 0.5 else 0)


def pace_of(
    todo: Sequence[Node],
    targets: Iterable[Node],
    store: Store,
    folder: Path | None,
    *,
    fast: bool = True,
    device: str = "cpu",
) -> tuple[Pace | None, str]:
    """Return how long the trainings of ``todo`` take, and how it was measured.

    A kind of which ``targets`` have a finished run on a processor like this one has the time of such runs.  A few steps
    of the others are timed, those with the most work first, for a few seconds.  The pace is None if
    nothing is trained, or by loops of the user's own alone.
    """
    left: dict[Kind, list[Train]] = {}
    for node in todo:
        if isinstance(node, Train):
            left.setdefault(kind_of(node), []).append(node)
    if not left:
        return None, ""
    kinds = _finished(targets, store)
    known = len(kinds.keys() & left.keys())
    most_first = sorted(left.items(), key=lambda item: -sum(map(work, item[1])))
    unknown = {kind: runs[0] for kind, runs in most_first if kind not in kinds and runs[0].data is not None}
    kinds |= _measured(unknown, folder, fast=fast, device=device)
    if not kinds:
        return None, ""
    pace = Pace(mean=_mean(kinds, left), kinds=kinds)
    words = ("from finished runs", "from a few steps just now")
    return pace, words[0] if known == len(left) else " and ".join(words) if known else words[1]


def finished(targets: Iterable[Node], store: Store) -> Iterator[tuple[Train, Record]]:
    """Yield the trainings that were computed on a processor like this one, with their records."""
    for node in targets:
        record = store.record(node.digest) if isinstance(node, Train) else None
        if not isinstance(node, Train) or not record or record.same_as or not record.seconds:
            continue
        if record.facts.get("processor") == processor():
            yield node, record


def _finished(targets: Iterable[Node], store: Store) -> dict[Kind, float]:
    """Return the seconds for a unit of work of each kind that has a finished run on a processor like this one."""
    sums: dict[Kind, tuple[float, float]] = {}
    for node, record in finished(targets, store):
        kind = kind_of(node)
        seconds, amount = sums.get(kind, (0.0, 0.0))
        sums[kind] = seconds + record.seconds, amount + work(node, record)
    return {kind: seconds / amount for kind, (seconds, amount) in sums.items() if amount}


def _measured(runs: Mapping[Kind, Train], folder: Path | None, *, fast: bool, device: str) -> dict[Kind, float]:
    """Return the seconds for a unit of work of the first kinds, from a few steps of each."""
    speeds = measured(list(runs.values()), folder, fast=fast, device=device, seconds=PATIENCE)
    found = {}
    for (kind, run), speed in zip(runs.items(), speeds, strict=False):
        spec = run.data.spec
        trained = (run.total_steps - run.first_step) / run.steps_per_epoch * spec.train
        evaluated = looks_of(run) + spec.test + spec.validation
        found[kind] = (START + trained * speed.trained + evaluated * speed.evaluated) / work(run)
    return found


def _mean(kinds: Mapping[Kind, float], left: Mapping[Kind, Sequence[Train]]) -> float:
    """Return the mean over the work of the kinds that are known."""
    amounts = {kind: sum(map(work, left.get(kind, ()))) or 1.0 for kind in kinds}
    return sum(kinds[kind] * amount for kind, amount in amounts.items()) / sum(amounts.values())
