"""The cost of a result: its own training and every training that had to be done before it.

Costs are counted from the plan; a run that ended early counts with the steps that it made.  A dense run that many
tickets share counts for each of them, because every ticket needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lotterylab.engine.records import Record
from lotterylab.engine.results import Result
from lotterylab.plan.nodes import (
    At,
    Channels,
    CombineMask,
    Dense,
    MaskOf,
    Node,
    Prune,
    Shuffle,
    Train,
    model_of,
    nodes_in,
)
from lotterylab.reading.rows import Rows

THROUGH = ("start", "mask", "of", "run")  # a learning rate that was chosen, and its trials, belong to no ticket
PASSES = 3  # forward, and backward twice as much: for the inputs of each layer and for its weights


@dataclass(frozen=True, kw_only=True)
class Cost:
    """A ``Cost`` holds what the training of one row took, the runs behind it included.

    A number is None if a part of it is not known.

    Args:
        epochs_to_find: passes over the training images of all runs behind the row; ``epochs``: with its own run.
        macs: multiply-accumulates of convolutions and linear layers, forward and backward, with zeros multiplied, as
            dense products do, but without the channels of a shrunk network; ``sparse_macs``: those whose weight was not
            held at zero.
        seconds: of one thread.
        macs_to_mask, seconds_to_mask: until the mask was known: all runs behind the row, the scores of every cut, and
            the row's own run up to the last step at which an intervention may change the mask.
    """

    epochs_to_find: float
    epochs: float
    macs: float | None
    sparse_macs: float | None
    seconds: float | None
    macs_to_mask: float | None = None
    seconds_to_mask: float | None = None


def costs(results: Rows) -> list[Cost | None]:
    """Return a cost for each row; None for a row without a finished training."""
    records = {record.digest: record for result in results for record in result.records.values()}
    counted = {
        result.nodes["train"].model: result.records["macs"].metrics["dense"]  # type: ignore[attr-defined]
        for result in results
        if "macs" in result.records
    }
    return [_cost(result, records, counted) if "train" in result.records else None for result in results]


def priced(results: Rows) -> Rows:
    """Return the rows, each with its cost as the part "cost": ``row.metric("cost.epochs")``."""
    return Rows(
        row if cost is None else replace(row, records={**row.records, "cost": _record(cost)})
        for row, cost in zip(results, costs(results), strict=True)
    )


def _record(cost: Cost) -> Record:
    known = {name: value for name, value in vars(cost).items() if value is not None}
    return Record(digest="", kind="Cost", metrics=known, facts={})


def _cost(result: Result, records: Mapping[str, Record], counted: Mapping[object, Mapping[str, int]]) -> Cost:
    last = result.nodes["train"]
    assert isinstance(last, Train)
    runs, behind = _walked(last, records)
    parts = [_part(run, steps, records, counted.get(run.model)) for run, steps in runs.items()]
    cuts = [_cut(node, records, counted) for node in behind if isinstance(node, Prune | Channels)]
    to_mask = [*(_until_kept(part, last, records) for part in parts), *cuts]
    return Cost(
        epochs_to_find=sum(part.epochs for part in parts if part.run != last),
        epochs=sum(part.epochs for part in parts),
        macs=_sum(part.macs for part in parts),
        sparse_macs=_sum(part.sparse_macs for part in parts),
        seconds=_sum(part.seconds for part in parts),
        macs_to_mask=_sum(macs for macs, _ in to_mask),
        seconds_to_mask=_sum(seconds for _, seconds in to_mask),
    )


def _until_kept(part: _Part, last: Train, records: Mapping[str, Record]) -> tuple[float | None, float | None]:
    """Return the MACs and seconds of a run that the mask of the ``last`` run needs."""
    if part.run != last:
        return part.macs, part.seconds
    changes = max((_last_change(rule, last.total_steps) for rule in last.recipe.during), default=0)
    if not changes:
        return 0.0, 0.0
    made = steps_made(last, records.get(last.digest))
    share = min(max(changes - last.first_step, 0) / made, 1.0) if made else 0.0
    return (None if part.macs is None else share * part.macs), (None if part.seconds is None else share * part.seconds)


def _last_change(rule: Any, total_steps: int) -> int:
    own = getattr(rule, "last_change", None)
    return total_steps if own is None else own(total_steps)  # a user's own rule may not say it


def _cut(
    node: Prune | Channels, records: Mapping[str, Record], counted: Mapping[object, Mapping[str, int]]
) -> tuple[float | None, float | None]:
    """Return the MACs and seconds of a cut; the scores of a criterion that sees no data have no MACs."""
    record = records.get(node.digest)
    return _scoring_macs(node, counted), record.seconds if record else None


def _scoring_macs(node: Prune | Channels, counted: Mapping[object, Mapping[str, int]]) -> float | None:
    if isinstance(node, Channels) or not (node.criterion.needs_batch or node.criterion.needs_shape):
        return 0.0
    passes, layers = getattr(node.criterion, "passes", None), counted.get(model_of(node))
    if passes is None or layers is None:
        return None
    images: Any = 1
    if node.criterion.needs_batch:
        of_batch = getattr(node.batch, "images", None)  # a user's own batch may not say it
        if of_batch is None or node.data is None:
            return None
        images = of_batch(node.data.spec.classes)
    return float(passes * images * node.rounds * sum(layers.values()))


def trainings(run: Train, records: Mapping[str, Record] | None = None) -> dict[Train, int]:
    """Return the runs that this run needs, and itself, each with the number of its steps that are needed.

    A state or mask that an intervention kept needs the steps up to there, by the run's record, or all without one.
    """
    return _walked(run, records)[0]


def _walked(run: Train, records: Mapping[str, Record] | None) -> tuple[dict[Train, int], list[Node]]:
    """Return the runs that a run needs, as ``trainings`` does, and all nodes behind it."""
    steps: dict[Train, int] = {}
    seen: dict[Node, None] = {}
    todo: list[Node] = [run.final]
    while todo:
        node = todo.pop()
        if isinstance(node, At):
            needed = 0 if node.begins else (node.step or _kept_at(node, records or {})) - node.run.first_step
            if needed:
                steps[node.run] = max(needed, steps.get(node.run, 0))
            else:
                node = node.run.start  # nothing of the run itself is needed
        if isinstance(node, MaskOf) and isinstance(node.of, Train):
            todo.append(node.of.at(node.name) if node.name else node.of.final)
        if node not in seen:
            seen[node] = None
            for name in THROUGH:
                todo += nodes_in(getattr(node, name, None))
    return dict(reversed(steps.items())), list(seen)


def _kept_at(point: At, records: Mapping[str, Record]) -> int:
    """Return the step of a state by name: that at which an intervention kept it, else the end of the run."""
    record = records.get(point.run.digest)
    kept: Mapping[str, int] = record.metrics.get("kept_at", {}) if record else {}
    return int(kept.get(str(point.point)) or point.run.total_steps)


@dataclass(frozen=True, kw_only=True)
class _Part:
    run: Train
    epochs: float
    macs: float | None
    sparse_macs: float | None
    seconds: float | None


def _part(run: Train, steps: int, records: Mapping[str, Record], dense: Mapping[str, int] | None) -> _Part:
    kept, record = {} if run.frozen else _densities(run.mask, records), records.get(run.digest)
    record = records.get(record.same_as, record) if record else None
    if record and (mean_kept := record.metrics.get("mean_kept")):  # of a mask that changed while it trained
        kept = mean_kept
    trained: Mapping[str, float] = record.metrics.get("trained_share", {}) if record else {}
    whole = steps_made(run, record)
    steps = min(steps, whole)
    images = steps * run.data.spec.train / run.steps_per_epoch
    return _Part(
        run=run,
        epochs=steps / run.steps_per_epoch,
        macs=PASSES * images * sum(count * trained.get(name, 1.0) for name, count in dense.items()) if dense else None,
        sparse_macs=PASSES * images * sum(count * kept.get(name, 1.0) for name, count in dense.items())
        if dense and kept is not None
        else None,
        seconds=record.seconds * (steps / whole if whole else 1.0) if record and record.seconds else None,
    )


def steps_made(run: Train, record: Record | None) -> int:
    """Return the number of steps that a run made: one that diverged or was stopped made fewer than planned.

    Without a record it is the planned number, the most that the run can make.
    """
    first = run.first_step if record is None else int(record.metrics.get("from_step", run.first_step))
    planned = run.total_steps - first
    if record is None:
        return planned
    if (stopped := record.metrics.get("stopped_step")) is not None:
        return min(planned, int(stopped) - first)
    if (diverged := record.metrics.get("diverged_epoch")) is not None:
        return min(planned, int(diverged) * run.steps_per_epoch)
    return planned


def _densities(mask: Node, records: Mapping[str, Record]) -> Mapping[str, float] | None:
    """Return the share of each layer's weights that a mask keeps, by the record of the cut that made it."""
    if isinstance(mask, Shuffle):
        return _densities(mask.mask, records)
    if isinstance(mask, Prune | Channels | CombineMask):
        return records[mask.digest].metrics["layers"] if mask.digest in records else None
    return {} if isinstance(mask, Dense) else None


def _sum(values: Iterable[float | None]) -> float | None:
    every = list(values)
    return None if any(value is None for value in every) else sum(value for value in every if value is not None)
