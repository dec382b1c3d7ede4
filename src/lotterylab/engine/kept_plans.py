"""Plans of a user's own loop, kept in the store so that a command can show their results without the loop."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

from lotterylab.engine.files import LIMIT, checked_name, is_name, sealed, unsealed
from lotterylab.engine.store import PLANS, Store
from lotterylab.plan.nodes import Train
from lotterylab.plan.plan import LABELS, Plan, Row
from lotterylab.plan.remembered import remembered, texts_of
from lotterylab.plan.user_nodes import UserTrain

# what reading a text from elsewhere may raise
OF_A_TEXT = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


@dataclass(frozen=True, kw_only=True)
class KeptPlan:
    """A ``KeptPlan`` is a plan as a store has it: ``name`` in the store, what it is ``of``, and when it was asked for.

    Its nodes have their digests and fields, and cannot be computed.
    """

    name: str
    of: str
    asked: float
    plan: Plan


def keep(plan: Plan, of: str, store: Store) -> str:
    """Write a plan into the store, and return its name there.

    Args:
        plan: the plan.
        of: the name of the loop.
        store: the store; a plan is written whole, so this needs no lock.

    Raises:
        OSError: the system refuses.
    """
    rows = [
        {"labels": dict(row.labels), "nodes": {part: node.digest for part, node in row.nodes.items()}}
        for row in plan.rows
    ]
    fields = {
        "of": of,
        "name": plan.name,
        "title": plan.title,
        "question": plan.question,
        "rows": rows,
        "nodes": texts_of(plan.targets()),
    }
    name = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
    folder = store.path / PLANS
    store.files.make_folder(folder)
    store.files.write(folder / checked_name(name), sealed({**fields, "plan": name}))
    return name


def kept(store: Store) -> Iterator[KeptPlan]:
    """Yield the plans of a store, the latest first; damaged ones are noted in ``store.damage`` and left out."""
    folder = store.path / PLANS
    if folder.is_symlink() or not folder.is_dir():
        return
    files = [path for path in folder.iterdir() if is_name(path.name) and path.is_file()]
    times = {path: path.stat().st_mtime for path in files}
    for path in sorted(files, key=lambda path: (-times[path], path.name)):
        fields = unsealed(store.files.read(path, limit=LIMIT))
        plan = None
        if fields is not None and fields.get("plan") == path.name:
            with contextlib.suppress(*OF_A_TEXT):
                plan = _plan(fields)
        if plan is None:
            store.damage[path] = "it is no plan, or does not match its checksum"
        else:
            yield KeptPlan(name=path.name, of=str(fields["of"]), asked=times[path], plan=plan)  # type: ignore[index]


def _plan(fields: dict) -> Plan:
    wanted = [digest for row in fields["rows"] for digest in row["nodes"].values()]
    nodes = remembered(fields["nodes"], wanted)
    rows = [
        Row(labels=dict(row["labels"]), nodes={part: nodes[digest] for part, digest in row["nodes"].items()})
        for row in fields["rows"]
    ]
    runs = [node for node in nodes.values() if isinstance(node, Train)]
    if any(type(step) is not int for run in runs for step in (run.first_step, run.total_steps)):
        raise ValueError("a run has no number of steps")
    if not rows or not all(_is_row(row) for row in rows):
        raise ValueError("a row lacks a label or a training")
    name, title, question = (str(fields[key]) for key in ("name", "title", "question"))
    return Plan(rows=tuple(rows), name=name, title=title, question=question)


def _is_row(row: Row) -> bool:
    """Tell whether a row has the labels and the training of a user's own loop."""
    if not set(LABELS) <= row.labels.keys() or not isinstance(row.nodes.get("train"), UserTrain):
        return False
    sparsity = row.labels["sparsity"]
    words = (row.labels[name] for name in LABELS if name not in ("sparsity", "seed"))
    is_level = isinstance(sparsity, int | float) and not isinstance(sparsity, bool) and math.isfinite(sparsity)
    return is_level and type(row.labels["seed"]) is int and all(isinstance(word, str) for word in words)
