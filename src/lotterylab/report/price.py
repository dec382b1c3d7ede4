"""The price of a plan: its trainings in numbered lines, and their estimated time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lotterylab.engine.results import results
from lotterylab.engine.schedule import Schedule
from lotterylab.engine.store import Store
from lotterylab.plan.nodes import KEPT, At, Choose, Node, Train
from lotterylab.plan.plan import Plan, Row
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import lacking_text
from lotterylab.report.pace import Pace, finished, work


def may_end_early(run: Train) -> bool:
    """Return whether a run may take fewer steps than planned: an intervention may stop it, or kept its start."""
    return run.from_step == KEPT or any(getattr(each, "may_stop", True) for each in run.recipe.during)


def length(run: Train) -> str:
    """Return the length of a run, "50 epochs" or "10,000 steps", from its rewind point if it has one."""
    steps, per_epoch = run.total_steps - run.first_step, run.steps_per_epoch
    if run.recipe.steps is None and steps % per_epoch == 0:
        return f"{steps // per_epoch} epochs"
    return f"{steps:,} steps"


def seconds_per_image(targets: Iterable[Node], store: Store, *, exactly: bool = True) -> float | None:
    """Return the seconds of one thread for an image, from finished runs of ``targets`` on a processor like this one.

    Returns None if no run is finished.  ``exactly``: whether all finished runs are read; False reads only the first,
    for a caller who asks whether there is one.
    """
    total = images = 0.0
    for node, record in finished(targets, store):
        total, images = total + record.seconds, images + work(node, record)
        if not exactly:
            break
    return total / images if images else None


def missing(study: Plan, store: Store) -> list[Node]:
    """Return the tasks that would run."""
    return list(Schedule(study.targets(), store).waiting.values())


def trainings(todo: Iterable[Node]) -> list[Train]:
    """Return the trainings among some tasks."""
    return [node for node in todo if isinstance(node, Train)]


def epochs(todo: Iterable[Node]) -> float:
    """Return the passes over the training images that some tasks take, if no two runs are equal."""
    return sum((run.total_steps - run.first_step) / run.steps_per_epoch for run in trainings(todo))


def seconds(todo: Iterable[Node], pace: Pace | None, workers: int) -> float | None:
    """Return the estimated time of some tasks; None without a pace."""
    return None if pace is None else sum(map(pace.seconds, todo)) / workers


def lines(
    study: Plan,
    store: Store,
    *,
    workers: int,
    pace: Pace | None,
    measured: str,
    waiting: Sequence[Node] | None = None,
) -> Iterator[str]:
    """Yield the plan in plain lines, its price first; ``pace`` and ``measured`` as ``report.pace`` returns them.

    ``waiting``: the missing tasks, if they are known.
    """
    waiting = missing(study, store) if waiting is None else waiting
    yield study.title
    yield from cost(waiting, workers=workers, pace=pace, measured=measured)
    yield from _again(waiting, study, store)
    yield from study.notes
    yield ""
    todo = {node.digest for node in waiting}
    shown: set[str] = set()
    number = 0
    for (protocol, activation), rows in _groups(study).items():
        for what, runs in _kinds(rows).items():
            number += 1
            left = sum(run.digest in todo for run in runs.values())
            state = "done" if not left else f"{left} to run" if left < len(runs) else "to run"
            state = "listed above" if runs.keys() <= shown else state
            shown |= runs.keys()
            lengths = _lengths(runs.values())
            yield f"{number:3}. {protocol} | {activation}: {what}, {len(runs)} x {lengths} ({state})"
    for place, (name, choice) in enumerate(_choices(study).items(), start=number + 1):
        runs = {run.digest: run for _, several in choice.candidates for run in several}
        shown |= runs.keys()
        left = sum(digest in todo for digest in runs)
        seeds = len(choice.candidates[0][1])
        yield (
            f"{place:3}. learning rate | {name}: {len(choice.candidates)} rates x {seeds} seed{'s' * (seeds != 1)}, "
            f"chosen on validation, {len(runs)} runs ({'done' if not left else f'{left} to run'})"
        )
    behind = [node for node in waiting if isinstance(node, Train) and node.digest not in shown]
    if behind:
        yield f"     and {len(behind)} runs that these begin from, or whose states they score or are compared with"
    if sharing := list(_sharing(study)):
        yield from ("", *sharing)


def cost(todo: Sequence[Node], *, workers: int, pace: Pace | None, measured: str) -> Iterator[str]:
    """Yield the number of runs and epochs, and the estimated time."""
    runs = trainings(todo)
    if not runs:
        left = f"{len(todo)} masks and measures are left to compute" if todo else "all results are in the store"
        yield f"Nothing is left to train: {left}."
        return
    early = sum(map(may_end_early, runs))
    why = f"; {early} of the runs may end early" if early else ""
    passes = round(epochs(todo))
    most = f"{passes:,} epoch{'s' * (passes != 1)} at the most"
    yield f"To train: {len(runs):,} run{'s' * (len(runs) != 1)}, {most} (runs of equal masks are trained once{why})."
    time = seconds(todo, pace, workers)
    if time is not None:
        about = f"{'At most about' if early else 'About'} {spell_seconds(time)}"
        yield f"{about} here with {workers} worker{'s' * (workers > 1)} ({measured})."


def as_json(
    study: Plan, store: Store, *, workers: int, pace: Pace | None, waiting: Sequence[Node] | None = None
) -> dict[str, Any]:
    """Return the plan as plain values: every training with its labels, its length and whether it is done."""
    todo = missing(study, store) if waiting is None else waiting
    left = {node.digest for node in todo}
    runs = {run.digest: run for run in trainings((*study.targets(), *todo))}
    labels: dict[str, Mapping[str, Any]] = {}
    for row in study.rows:
        labels.setdefault(row.nodes["train"].digest, row.labels)
    return {
        "title": study.title,
        "notes": list(study.notes),
        "runs": [
            {
                "digest": digest,
                "labels": dict(labels.get(digest, {})),
                "epochs": run.recipe.epochs,
                "steps": run.total_steps - run.first_step,
                "may_end_early": may_end_early(run),
                "done": digest not in left,
            }
            for digest, run in runs.items()
        ],
        "tasks_left": len(todo),
        "seconds_left": seconds(todo, pace, workers),
    }


def _lengths(runs: Iterable[Train]) -> str:
    """Return the length of the runs, "20 epochs", or "2,204 to 2,329 steps" if it differs.

    "up to 20 epochs" if one of them may end early.
    """
    several = sorted(runs, key=lambda run: run.total_steps - run.first_step)
    shortest, longest = length(several[0]), length(several[-1])
    if any(map(may_end_early, several)):
        return f"up to {longest}"
    (number, _, unit), (_, _, other) = shortest.partition(" "), longest.partition(" ")
    return longest if shortest == longest else f"{number if unit == other else shortest} to {longest}"


def _groups(study: Plan) -> dict[tuple[str, str], list[Row]]:
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in study.rows:
        groups.setdefault((str(row.labels["protocol"]), str(row.labels["activation"])), []).append(row)
    return groups


def _choices(study: Plan) -> dict[str, Choose]:
    """Return each choice of a learning rate by its activation, and by protocol and arm if several share it."""
    named: dict[str, tuple[str, str, Choose]] = {}
    for row in study.rows:
        rate = row.nodes.get("rate")
        if isinstance(rate, Choose):
            activation = str(row.labels["activation"])
            named.setdefault(rate.digest, (activation, f"{row.labels['protocol']}, {_arm(row)}", rate))
    counts = Counter(activation for activation, _, _ in named.values())
    return {
        activation if counts[activation] == 1 else f"{activation}, {more}": rate
        for activation, more, rate in named.values()
    }


def _kinds(rows: Iterable[Row]) -> dict[str, dict[str, Any]]:
    kinds: dict[str, dict[str, Any]] = {}
    for row in rows:
        kinds.setdefault(_arm(row), {})[row.nodes["train"].digest] = row.nodes["train"]
    return kinds


def _arm(row: Row) -> str:
    labels: Mapping[str, Any] = row.labels
    return labels["method"] + (f", {labels['control']}" if labels["control"] else "")


def _sharing(study: Plan) -> Iterator[str]:
    dense = {row.nodes["train"].digest for row in study.rows if row.labels["method"] == "dense"}
    uses: Counter[str] = Counter()
    for row in study.rows:
        for part in ("prune", "distances"):
            inputs = row.nodes[part].inputs() if part in row.nodes else ()
            uses.update(node.run.digest for node in inputs if isinstance(node, At) and node.run.digest in dense)
    if dense:
        most = max(uses.values(), default=0)
        used = f" and used by up to {most} masks and comparisons" if most else ""
        yield f"Dense runs: {len(dense)}, each trained once{used}."


def _again(todo: Sequence[Node], study: Plan, store: Store) -> Iterator[str]:
    """Yield a line on the runs of a ledger that are trained again for their tensors, and the measures behind it."""
    again = [run for run in trainings(todo) if run.digest in store]
    if again:
        lacking = lacking_text(Rows(results(study, store)))
        yield (
            f"{len(again)} of these runs are known from a ledger; their tensors are needed again"
            f"{' by' + lacking.partition('lack only:')[2] if lacking else ''}."
        )


def spell_seconds(seconds: float) -> str:
    """Return a time as "45 s", "12 min" or "3 h 20 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"
