"""Copies that ``run`` writes beside the store after each seed: a ledger, and files for trackers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lotterylab.engine.ledger import Otherwise
from lotterylab.engine.schedule import Schedule
from lotterylab.engine.store import Store
from lotterylab.plan.nodes import Node
from lotterylab.plan.plan import Plan
from lotterylab.system.refusals import refusal

if TYPE_CHECKING:
    from lotterylab.engine.local import Event


@dataclass(kw_only=True)
class Copies:
    """``Copies`` writes results of the store into a ledger and into trackers; a failed copy never ends the run.

    ``changed``: results that differ from the ledger's.  ``lost``: a sentence for each copy that could not be written.
    """

    plan: Plan
    store: Store
    ledger: Path | None
    changed: list[Otherwise] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    pending: list[Node] = field(default_factory=list)

    def write(self, targets: Sequence[Node], trackers: Sequence[str]) -> None:
        """Write the results of ``targets`` into the ledger, and all results into the trackers."""
        self.lost = []  # a copy that fails now and succeeds after the next seed has lost nothing
        if self.ledger:
            file = self.ledger
            self.pending += targets
            try:
                self._write_ledger(file)
            except OSError as error:
                self._lose(f"the ledger {file}", error)
        if trackers:
            try:
                self._write_trackers(trackers)
            except OSError as error:
                self._lose(f"the folder {self.store.path / 'tracking'}", error)

    def _lose(self, what: str, error: OSError) -> None:
        self.lost.append(f"{what} could not be written: {refusal(error)} Every result is in the store.")

    def _write_ledger(self, file: Path) -> None:
        from lotterylab.engine import ledger

        changed = ledger.otherwise(self.pending, self.store, file)
        ledger.export(self.pending, self.store, file)
        self.changed += changed
        self.pending = []

    def _write_trackers(self, trackers: Sequence[str]) -> None:
        from lotterylab.engine.results import results
        from lotterylab.tracking import track
        from lotterylab.tracking.runs import tracked

        runs = tracked(self.plan.name, results(self.plan, self.store))
        track(runs, trackers, self.store.path / "tracking")


class SeedBySeed:
    """``SeedBySeed`` writes the copies of each seed as soon as its last task is done, while the other seeds go on.

    Args:
        seeds: the targets of each seed, before the run begins.
        copies: the copies to write.
        trackers: the names of the trackers.
    """

    def __init__(self, seeds: Iterable[list[Node]], copies: Copies, trackers: Sequence[str]) -> None:
        self.copies, self.trackers = copies, trackers
        # targets and missing tasks of each seed that is not written
        self._unwritten = [(targets, set(Schedule(targets, copies.store).waiting)) for targets in seeds]
        self._failed = False  # whether the last copies could not be written
        self._must_wait = _is_locked_by_a_run(copies.ledger, copies.store)

    def hear(self, event: Event) -> None:
        """Note a finished task, and write the seeds that it completes."""
        if event.word == "done":
            for _, missing in self._unwritten:
                missing.discard(event.node.digest)
            self.write_complete()

    def write_complete(self) -> None:
        """Write the complete seeds while others go on; ``finish`` writes the last seed, and what fails here."""
        complete = [targets for targets, missing in self._unwritten if not missing]
        if not complete or len(complete) == len(self._unwritten) or self._must_wait:
            return
        self._unwritten = [(targets, missing) for targets, missing in self._unwritten if missing]
        with contextlib.suppress(Exception):  # `finish` raises it, when no task is running that it would end
            self._write(complete)

    def finish(self) -> None:
        """Write the seeds that are left, complete or not; the run has ended or was interrupted."""
        if self._unwritten or self._failed:
            seeds, self._unwritten = [targets for targets, _ in self._unwritten], []
            self._write(seeds)

    def _write(self, seeds: Iterable[list[Node]]) -> None:
        self._failed = True
        self.copies.write([node for targets in seeds for node in targets], self.trackers)
        self._failed = bool(self.copies.lost)


def _is_locked_by_a_run(ledger: Path | None, store: Store) -> bool:
    """Return whether the ledger lies in a folder that a run locks, so that writing would wait for its end."""
    return ledger is not None and ledger.resolve().parent == (store.path / "runs").resolve()
