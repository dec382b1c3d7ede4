"""The commands: each a dataclass of typed options, and what it does when called."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.studies.request import Request, Resolved, resolve

STORE = "LOTTERYLAB_STORE"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where results are kept."""

    store: Annotated[str | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="")] = None
    """Folder of results; default $LOTTERYLAB_STORE, else ./lotterylab-store."""
    ledger: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="")] = None
    """A ledger (JSON lines): its results are not computed again; run adds new ones after each seed."""

    def open(self) -> Store:
        """The store, with what the ledger holds."""
        from lotterylab.engine import ledger

        store = Store(self.store or os.environ.get(STORE) or "lotterylab-store")
        if self.ledger and self.ledger.is_file():
            ledger.bring_in(self.ledger, store)
        return store


@dataclass(frozen=True, kw_only=True)
class How:
    """How to compute; nothing here is part of a result's name."""

    workers: Annotated[int | None, tyro.conf.arg(metavar="N", help_behavior_hint="")] = None
    """Processes of one thread each; default: one for each core."""
    path: Literal["fast", "plain"] = "fast"
    """fast: channels-last, pooling before a monotone activation.  plain: as the model is written."""
    progress: Literal["auto", "bars", "plain", "none"] = "auto"
    """auto: bars on a terminal, plain lines elsewhere."""

    @property
    def count(self) -> int:
        """How many workers."""
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"--workers {self.workers}: at least 1 is needed.")
        return self.workers or os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Say what would be trained, which runs are shared, and about how long it takes here."""

    request: Request = field(default_factory=Request)
    place: Place = field(default_factory=Place)
    how: How = field(default_factory=How)

    def __call__(self) -> int:
        """Print the plan."""
        from lotterylab.engine.pace import measure
        from lotterylab.plan.nodes import Train
        from lotterylab.report import price

        resolved, store = resolve(self.request), self.place.open()
        runs = [node for node in price.missing(resolved.study, store) if isinstance(node, Train)]
        pace = price.seconds_per_image(resolved.study.targets(), store)
        measured = "measured on the runs that are finished"
        if pace is None and runs:
            pace = measure(runs[0], resolved.data_dir, fast=self.how.path == "fast")
            measured = "from a few steps just now"
        for line in price.lines(resolved.study, store, workers=self.how.count, pace=pace, measured=measured):
            print(line)
        return 0


@dataclass(frozen=True, kw_only=True)
class Run:
    """Train what is missing.  After an interruption or a kill the same command goes on from there."""

    request: Request = field(default_factory=Request)
    place: Place = field(default_factory=Place)
    how: How = field(default_factory=How)

    def __call__(self) -> int:
        """Compute, seed by seed, and print the table."""
        from lotterylab.engine import ledger, local
        from lotterylab.report import price
        from lotterylab.report.progress import Meter, progress

        resolved, store = resolve(self.request), self.place.open()
        study = resolved.study
        print("\n".join((study.title, *study.notes)), file=sys.stderr)
        meter = Meter(price.missing(study, store), _names(resolved))
        summary = local.Summary()
        with progress(self.how.progress, meter) as listen:
            for targets in _units(resolved):
                summary += local.run(
                    targets,
                    store,
                    data_dir=resolved.data_dir,
                    workers=self.how.count,
                    fast=self.how.path == "fast",
                    listen=listen,
                )
                if self.place.ledger:
                    ledger.export(targets, store, self.place.ledger)
                if summary.interrupted:
                    break
        if summary.interrupted:
            print("Interrupted. What is done is kept; the same command goes on.", file=sys.stderr)
            return 128 + summary.interrupted
        print(_table(resolved, store))
        if summary.failed:
            print(f"{len(summary.failed)} tasks failed; the same command tries them again.", file=sys.stderr)
        return 3 if summary.failed else 0


@dataclass(frozen=True, kw_only=True)
class Table:
    """Print the results so far."""

    request: Request = field(default_factory=Request)
    place: Place = field(default_factory=Place)

    def __call__(self) -> int:
        """Print the table."""
        resolved, store = resolve(self.request), self.place.open()
        print("\n".join((resolved.study.title, *resolved.study.notes)))
        print()
        print(_table(resolved, store))
        return 0


@dataclass(frozen=True, kw_only=True)
class Report:
    """Write the results so far as one offline page, with figures (PNG, SVG) and CSV."""

    request: Request = field(default_factory=Request)
    place: Place = field(default_factory=Place)
    out: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="")] = None
    """Folder of the page; default: activations-DATA inside the store's folder report."""

    def __call__(self) -> int:
        """Write the page and print its path."""
        from lotterylab.engine.results import results
        from lotterylab.report.alarms import alarms_of
        from lotterylab.report.context import ReportContext
        from lotterylab.report.page import report

        resolved, store = resolve(self.request), self.place.open()
        found = results(resolved.study, store)
        out = self.out or store.path / "report" / f"{resolved.study.name}-{self.request.data}"
        context = ReportContext(
            data_title=resolved.data_title,
            data=resolved.fingerprint,
            settings=resolved.settings,
            facts=_versions(),
            command=_command("run", self.request, self.place),
        )
        print(report(resolved.study, found, alarms_of(found), out, context))
        return 0


@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """Write the pruned runs as a folder of safetensors, in the layout that audit reads."""

    request: Request = field(default_factory=Request)
    place: Place = field(default_factory=Place)
    out: Path
    """The folder to write."""

    def __call__(self) -> int:
        """Write the folder and say how many arms it holds."""
        from lotterylab.engine.checkpoints import write_checkpoints
        from lotterylab.engine.context import Context
        from lotterylab.engine.results import results

        resolved, store = resolve(self.request), self.place.open()
        context = Context(store=store, data_dir=resolved.data_dir)
        written = write_checkpoints(results(resolved.study, store), context, self.out)
        print(f"{len(written)} runs written to {self.out}. Next: lotterylab audit {self.out}")
        return 0


@dataclass(frozen=True, kw_only=True)
class Audit:
    """Say what is wrong with the checkpoints in a folder: .safetensors, or .pt read as weights alone."""

    folder: Annotated[Path, tyro.conf.Positional]
    """Folder with end.* (and init, dense, start, mask, run.json where there are some), or with such folders in it."""
    requested: Annotated[float | None, tyro.conf.arg(metavar="X", help_behavior_hint="")] = None
    """The sparsity that was asked for, for runs whose run.json does not say."""

    def __call__(self) -> int:
        """Print one line an alarm; 3 when there is a fault."""
        from lotterylab.audit import audit_folder

        reports = audit_folder(self.folder, requested=self.requested)
        for report in reports:
            print("\n".join(report.lines()))
        alarms = [alarm for report in reports for alarm in report.alarms]
        faults = sum(alarm.severity == "fault" for alarm in alarms)
        print(f"{len(reports)} places looked at: {faults} faults, {len(alarms) - faults} cautions.")
        return 3 if faults else 0


@dataclass(frozen=True, kw_only=True)
class Verify:
    """Check every blob and manifest of the store against its hash."""

    place: Place = field(default_factory=Place)

    def __call__(self) -> int:
        """Print what is damaged; 5 when something is."""
        from lotterylab.engine.verify import verify

        store = self.place.open()
        damage = list(verify(store))
        print("\n".join([*damage, f"{len(damage)} damaged." if damage else "All blobs and manifests are whole."]))
        return 5 if damage else 0


BY_NAME: dict[str, Any] = {
    "plan": Plan,
    "run": Run,
    "table": Table,
    "report": Report,
    "checkpoints": Checkpoints,
    "audit": Audit,
    "verify": Verify,
}


def _table(resolved: Resolved, store: Store) -> str:
    from lotterylab.engine.results import results
    from lotterylab.report.alarms import alarms_of
    from lotterylab.report.table import render

    found = results(resolved.study, store)
    return render(resolved.study.title, found, alarms_of(found))


def _units(resolved: Resolved) -> Iterator[list[Any]]:
    """The targets of each seed, which are finished together."""
    seeds = dict.fromkeys(row.labels["seed"] for row in resolved.study.rows)
    for seed in seeds:
        yield [node for row in resolved.study.rows if row.labels["seed"] == seed for node in row.nodes.values()]


def _names(resolved: Resolved) -> dict[str, str]:
    """What each training is called while it runs."""
    names = {}
    for row in resolved.study.rows:
        parts = [row.labels[name] for name in ("protocol", "activation", "method", "control") if row.labels[name]]
        sparsity = [f"{row.labels['sparsity']:g}"] if row.labels["sparsity"] else []
        text = " ".join([*map(str, parts), *sparsity, f"seed {row.labels['seed']}"])
        names.setdefault(row.nodes["train"].digest, text)
        if "rate" in row.nodes:
            for rate, runs in row.nodes["rate"].candidates:  # type: ignore[attr-defined]
                names |= {run.digest: f"trial of rate {rate:g}, {row.labels['activation']}" for run in runs}
    return names


def _versions() -> dict[str, str]:
    """Versions by their package's metadata, which imports nothing; those that made a run are in its record."""
    import platform
    from importlib.metadata import version

    packages = ("lotterylab", "torch", "numpy", "scipy", "matplotlib", "safetensors")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def _command(name: str, request: Request, place: Place) -> str:
    """The command line that makes these results."""
    from dataclasses import fields

    words = ["lotterylab", name, "activations"]
    for one in fields(request):
        value = getattr(request, one.name)
        if value is not None and value != one.default and one.name != "data_dir":
            words += [
                f"--{one.name.replace('_', '-')}",
                *(map(str, value) if isinstance(value, tuple) else [str(value)]),
            ]
    return " ".join([*words, *(["--ledger", str(place.ledger)] if place.ledger else [])])
