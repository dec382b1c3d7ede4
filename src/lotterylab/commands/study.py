"""The commands that work on a study: plan, run, table, report, checkpoints."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lotterylab.asking.options import option
from lotterylab.asking.study import Resolved
from lotterylab.commands.copies import Copies, SeedBySeed
from lotterylab.commands.pages import write_report
from lotterylab.commands.shared import How, OfAStudy, print_json, run_names, units
from lotterylab.engine.ledger import Otherwise
from lotterylab.engine.results import Snapshot, results
from lotterylab.engine.store import Store
from lotterylab.errors import DamageError, SystemRefusal
from lotterylab.plan.nodes import Node
from lotterylab.reading.rows import Rows
from lotterylab.report.pace import Pace, pace_of
from lotterylab.report.price import missing
from lotterylab.system import ending

if TYPE_CHECKING:
    from lotterylab.engine.local import Event


@dataclass(frozen=True, kw_only=True)
class Plan(OfAStudy):
    """Print the runs that would be trained, the shared runs, and the estimated time here."""

    how: How
    json: bool = option(False, help="The plan as JSON")

    def __call__(self) -> int:
        """Print the plan."""
        from lotterylab.report import price

        self.how.check()
        resolved, store = self.resolve(), Snapshot(self.place.open())
        ending.hold(resolved, store)
        waiting = missing(resolved.plan, store)
        pace, measured = _pace(waiting, resolved, store, self.how)
        known = {"workers": self.how.count, "pace": pace, "waiting": waiting}
        if self.json:
            print_json(price.as_json(resolved.plan, store, **known))
            return 0
        for line in price.lines(resolved.plan, store, measured=measured, **known):
            print(line)
        return 0


@dataclass(frozen=True, kw_only=True)
class Run(OfAStudy):
    """Print the estimated time, then train the missing runs.

    After an interruption or a kill, the same command goes on from there.
    """

    how: How
    failed: bool = option(False, help="Only the tasks that failed in their last attempt, and the tasks that they need")
    track: tuple[str, ...] = option(
        (),
        help="Also write finished runs, offline, for tensorboard, wandb or mlflow: into the store's folder tracking",
        shown="TRACKER",
    )

    def __call__(self) -> int:
        """Compute all seeds, the first ones first, and print the table."""
        from lotterylab.engine import local
        from lotterylab.engine.reuse import not_reused
        from lotterylab.engine.schedule import Schedule
        from lotterylab.report.price import cost
        from lotterylab.report.progress import Meter, progress
        from lotterylab.tracking import tracker

        self.how.check()
        self.place.check()
        resolved, store = self.resolve(), self.place.open()
        study = resolved.plan
        print("\n".join((study.title, *study.notes)), file=sys.stderr)
        if self.track:
            store.files.inside(store.path / "tracking" / "any" / "any")
        for name in self.track:
            tracker(name, store.path / "tracking")  # refuses a wrong name or a missing package now
        batches = self._batches(resolved, store)
        wanted = [node for targets in batches for node in targets]
        local.say(*not_reused(wanted, store))
        waiting = list(Schedule(wanted, store).waiting.values())
        try:
            pace, measured = _pace(waiting, resolved, store, self.how)
        except Exception:  # a user's model or data that fails: the run meets it again, and names the task
            pace, measured = None, ""
        price = cost(waiting, workers=self.how.count, pace=pace, measured=measured)
        print("\n".join(price), file=sys.stderr, flush=True)
        meter = Meter(waiting, run_names(resolved), pace)
        copies = Copies(plan=study, store=store, ledger=self.place.ledger)
        seeds = SeedBySeed(batches, copies, self.track)
        with progress(self.how.progress, meter) as listen:

            def hear(event: Event) -> None:
                listen(event)
                seeds.hear(event)

            seeds.write_complete()
            summary = local.run(
                wanted,
                store,
                data_dir=resolved.data_dir,
                workers=self.how.count,
                fast=self.how.path == "fast",
                device=self.how.device,
                study_facts=resolved.facts,
                listen=hear,
            )
            seeds.finish()
        if summary.interrupted:
            print("Interrupted. What is done is kept; the same command goes on.", file=sys.stderr)
            return 128 + summary.interrupted
        print(_table(resolved, store))
        sys.stdout.flush()
        if store.files.moved:
            print("\n".join(store.files.moved), file=sys.stderr)
            print("What the damaged files held was computed again if it was needed.", file=sys.stderr)
        if copies.changed:
            print(_otherwise(copies.changed, self.place.ledger), file=sys.stderr)
        if summary.failed:
            print(f"{len(summary.failed)} tasks failed; the same command tries them again.", file=sys.stderr)
        for text in copies.lost:
            print(text, file=sys.stderr)
        return _exit_code(summary.failed.values(), lost=bool(copies.lost))

    def _batches(self, resolved: Resolved, store: Store) -> list[list[Node]]:
        """Return the targets, seed by seed; with ``--failed``, the tasks that failed."""
        if not self.failed:
            return list(units(resolved))
        failures = store.failures()
        again = [node for node in missing(resolved.plan, store) if node.digest in failures]
        if not again:
            print("No task of this study has failed.", file=sys.stderr)
        return [again]


def _exit_code(failures: Iterable[str], *, lost: bool) -> int:
    """Return the exit code of a run that came to its end, from the messages of the failed tasks.

    ``lost``: a ledger or a tracker could not be written.
    """
    kinds = {message.partition(":")[0] for message in failures}
    for error in (DamageError, SystemRefusal):
        if error.__name__ in kinds:
            return error.exit_code
    return 3 if kinds else SystemRefusal.exit_code if lost else 0


def _otherwise(changed: Sequence[Otherwise], file: Path | None) -> str:
    """Return a text on the results that differ between the ledger and this store; the table shows the store's."""
    n, same = len(changed), sum(result.under_equal_facts for result in changed)
    text = f"{n} result{'s' * (n > 1)} of {file} came out differently when run again here for the tensors"
    text += f" (in test accuracy by {max(result.gap for result in changed):.4f} at the most)."
    if kept := n - same:
        text += (
            f" {kept} come{'s' * (kept == 1)} from another machine or torch: the ledger keeps its numbers, the table"
        )
        text += " shows the new ones."
    if same:
        text += f" {same} come{'s' * (same == 1)} from the same torch and processor, where the bits should be equal:"
        text += " please report that."
    return text


@dataclass(frozen=True, kw_only=True)
class Table(OfAStudy):
    """Print the results so far."""

    json: bool = option(False, help="Every row with all its numbers, as JSON")

    def __call__(self) -> int:
        """Print the table."""
        resolved, store = self.resolve(), self.place.open(to_read=True)
        ending.hold(resolved)
        if self.json:
            from lotterylab.reading.table import as_json

            print_json(as_json(resolved.plan, _rows(resolved, store)))
            return 0
        print("\n".join((resolved.plan.title, *resolved.plan.notes)))
        print()
        print(_table(resolved, store))
        return 0


@dataclass(frozen=True, kw_only=True)
class Report(OfAStudy):
    """Write the results so far as one offline page, with figures (PNG, SVG) and CSV."""

    out: Path | None = option(
        None, help="The folder of the page; default a folder in the store's folder report", shown="FOLDER"
    )

    def __call__(self) -> int:
        """Write the page and print its path."""
        resolved, store = self.resolve(), self.place.open(to_read=True)
        rows = _rows(resolved, store)
        ending.hold(resolved)
        out = self.out
        if out is None:
            out = store.path / "report" / f"{resolved.plan.name}-{self.options.label}"
            store.files.inside(out / "figures" / "any")  # a link in a foreign store may lead elsewhere
        print(write_report(self, resolved, rows, out))
        return 0


@dataclass(frozen=True, kw_only=True)
class Checkpoints(OfAStudy):
    """Write the pruned runs as a folder of safetensors, in the layout that audit reads."""

    out: Path = option(help="The folder to write", shown="FOLDER")

    def __call__(self) -> int:
        """Write the folder, and print the number of its runs."""
        from lotterylab.engine.checkpoints import write_checkpoints
        from lotterylab.engine.context import Context

        resolved, store = self.resolve(), self.place.open(to_read=True)
        context = Context(store=store, data_dir=resolved.data_dir)
        written = write_checkpoints(results(resolved.plan, store), context, self.out)
        if not written:
            print(f"No pruned run that is compared with a dense one has its tensors in {store.path}: nothing to write.")
            return 0
        print(f"{len(written)} runs written to {self.out}. Next: lotterylab audit {self.out}")
        return 0


def _pace(waiting: Sequence[Node], resolved: Resolved, store: Store, how: How) -> tuple[Pace | None, str]:
    """Return the pace of the runs on this machine, and how it was measured."""
    targets, folder = resolved.plan.targets(), resolved.data_dir
    return pace_of(waiting, targets, store, folder, fast=how.path == "fast", device=how.device)


def _rows(resolved: Resolved, store: Store) -> Rows:
    rows = Rows(results(resolved.plan, store))
    ending.hold(rows)
    return rows


def _table(resolved: Resolved, store: Store) -> str:
    from lotterylab.reading.alarms import alarms_of
    from lotterylab.reading.table import render

    rows = _rows(resolved, store)
    return render(resolved.plan.title, rows, alarms_of(rows))
