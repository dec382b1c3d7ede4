"""Copies that ``run`` writes beside the store after each seed: a ledger, and files for trackers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lotterylab.engine.ledger import Otherwise
from lotterylab.engine.store import Store
from lotterylab.plan.nodes import Node
from lotterylab.plan.plan import Plan
from lotterylab.system.refusals import refusal


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
