"""The state of a study, from the store alone: runs that are done, running, waiting and failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lotterylab.engine.results import Snapshot
from lotterylab.engine.schedule import all_tasks
from lotterylab.engine.store import Store
from lotterylab.formats.text import shown
from lotterylab.plan.nodes import Node, Train
from lotterylab.plan.plan import Plan
from lotterylab.report.pace import work
from lotterylab.report.price import missing, seconds_per_image, spell_seconds

MOST_LETTERS = 1000  # letters of a message
BEHIND = "behind them"  # trials of learning rates, and runs that others begin from or are compared with


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A ``Standing`` is the state of a study.

    ``runs``: trainings of the study and behind it, each once.  ``groups``: (done, all) of the trainings in its rows, by
    (protocol, seed), and of the others.  ``begun``: digest -> share done, of unfinished runs with a checkpoint.
    ``failed``: digest -> message, of missing tasks that failed.  ``holder``: the process that computes now, or "".
    ``seconds``: of one thread, for the rest; None if no finished run shows the pace here.
    """

    groups: Mapping[tuple[str, int | None], tuple[int, int]]
    runs: int
    done: int
    begun: Mapping[str, float]
    failed: Mapping[str, str]
    holder: str
    seconds: float | None

    def as_json(self, names: Mapping[str, str]) -> dict[str, Any]:
        """Return plain values; ``names``: the name of each run."""
        return {
            "runs": self.runs,
            "done": self.done,
            "groups": [
                {"protocol": protocol, "seed": seed, "done": done, "runs": runs}
                for (protocol, seed), (done, runs) in self.groups.items()
            ],
            "begun": [{"digest": run, "name": names.get(run, ""), "share": share} for run, share in self.begun.items()],
            "failed": [
                {"digest": task, "name": names.get(task, ""), "message": message}
                for task, message in self.failed.items()
            ],
            "computing": self.holder,
            "seconds_left": self.seconds,
        }

    def lines(self, names: Mapping[str, str], workers: int, again: str = "run --failed") -> Iterator[str]:
        """Yield lines for a person; ``again``: what tries failed tasks again."""
        holder = shown(self.holder) or "no process"
        yield f"{self.done} of {self.runs} trainings finished; {holder} computes in this store now."
        width = max((len(protocol) for protocol, _ in self.groups), default=0)
        for (protocol, seed), (done, runs) in self.groups.items():
            bar = "#" * round(20 * done / runs)
            of = "" if seed is None else f"seed {seed}"
            yield f"  {protocol:{width}}  {of:10} [{bar:20}] {done} of {runs}"
        for digest, share in self.begun.items():
            yield f"begun: {names.get(digest, digest[:12])}, {100 * share:.0f} %"
        for digest, message in self.failed.items():
            yield f"failed: {names.get(digest, digest[:12])}: {shown(str(message), most=MOST_LETTERS)}"
        if self.failed:
            yield f"{again} tries these again; the store's folder failed/ holds their traces."
        if self.seconds:
            plural = "s" * (workers > 1)
            yield f"Left: about {spell_seconds(self.seconds / workers)} with {workers} worker{plural}."


def standing(study: Plan, store: Store) -> Standing:
    """Return the state of a study; it is read from the store without a lock."""
    store = Snapshot(store)
    todo = {node.digest: node for node in missing(study, store)}
    pace = seconds_per_image(study.targets(), store, exactly=bool(todo))
    begun = {digest: _share(node, store) for digest, node in todo.items() if isinstance(node, Train)}
    failures = store.failures()
    trainings = {digest for digest, node in all_tasks(study.targets()).items() if isinstance(node, Train)}
    left = sum(work(node) * (1 - begun.get(digest, 0.0)) for digest, node in todo.items())
    return Standing(
        groups=_groups(study, trainings, todo),
        runs=len(trainings),
        done=len(trainings - todo.keys()),
        begun={digest: share for digest, share in begun.items() if share},
        failed={digest: failures[digest]["message"] for digest in todo if digest in failures},
        holder=store.lock().holder(),
        seconds=left * pace if pace is not None else None,
    )


def _groups(
    study: Plan, trainings: set[str], todo: Mapping[str, Node]
) -> dict[tuple[str, int | None], tuple[int, int]]:
    """Return (done, all) by group; a training counts in the group of its first row, or "behind them"."""
    members: dict[tuple[str, int | None], set[str]] = {}
    left = set(trainings)
    for row in study.rows:
        run = row.nodes["train"].digest
        if run in left:
            left.remove(run)
            members.setdefault((str(row.labels["protocol"]), int(row.labels["seed"])), set()).add(run)
    if left:
        members[BEHIND, None] = left
    return {key: (len(digests - todo.keys()), len(digests)) for key, digests in members.items()}


def _share(node: Train, store: Store) -> float:
    """Return the share of an unfinished run that its last checkpoint has done."""
    notes = store.partial_notes(node.digest)
    if not notes:
        return 0.0
    return (notes["step"] - node.first_step) / (node.total_steps - node.first_step)
