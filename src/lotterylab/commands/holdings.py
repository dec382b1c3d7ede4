"""The command that lists what a store holds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from lotterylab.asking.options import Declared, option
from lotterylab.commands.loops import when
from lotterylab.commands.shared import Place, print_json
from lotterylab.engine.facts import STARTED, STUDY
from lotterylab.engine.kept_plans import kept
from lotterylab.engine.results import results
from lotterylab.engine.store import Store
from lotterylab.formats.text import shown, shown_path

TRAININGS = ("Train", "UserTrain")
TICKETS = "tickets"  # the study's name in the facts of tickets


@dataclass(frozen=True, kw_only=True)
class Part:
    """A ``Part`` is what a store holds of one study, or of none (``study`` is ""); ``last``: when the last began."""

    study: str
    results: int
    trainings: int
    last: str

    def __str__(self) -> str:
        """Return the counts in words."""
        last = f", the last begun {shown(self.last)}" if self.last else ""
        return f"{self.results:,} results, {self.trainings:,} of them trainings{last}"


@dataclass(frozen=True, kw_only=True)
class Loop:
    """A ``Loop`` is a plan of a user's own loop: its name in the store, title and rows, and its last call."""

    plan: str
    title: str
    done: int
    rows: int
    asked: str


@dataclass(frozen=True, kw_only=True)
class Held:
    """A ``Held`` is all that a store holds; ``from_ledgers``: results whose tensors are not there."""

    store: str
    format: int
    results: int
    from_ledgers: int
    megabytes: float
    computing: str
    studies: tuple[Part, ...]
    loops: tuple[Loop, ...]
    begun: int
    failed: int
    set_aside: int


@dataclass(frozen=True, kw_only=True)
class Holdings(Declared):
    """List what a store holds: studies, tickets of your own loops, unfinished and failed runs, and its size."""

    place: Place
    json: bool = option(False, help="As JSON")

    def __call__(self) -> int:
        """Print the list."""
        held = holdings(self.place.open(to_read=True))
        if self.json:
            print_json(asdict(held))
        else:
            print("\n".join(lines(held)))
        return 0


def holdings(store: Store) -> Held:
    """Return what a store holds; it is read without a lock, and nothing is written.

    Args:
        store: the store.
    """
    parts: dict[str, list[tuple[str, str]]] = {}
    here, known = set(store.digests()), 0
    for record in store.records():
        known += record.digest not in here
        parts.setdefault(str(record.facts.get(STUDY, "")), []).append((record.kind, str(record.facts.get(STARTED, ""))))
    studies = tuple(
        Part(
            study=study,
            results=len(each),
            trainings=sum(kind in TRAININGS for kind, _ in each),
            last=max(started for _, started in each),
        )
        for study, each in sorted(parts.items())
    )
    return Held(
        store=str(store.path),
        format=store.format,
        results=sum(part.results for part in studies),
        from_ledgers=known,
        megabytes=round(_bytes(store) / 1e6, 2),
        computing=store.lock().holder(),
        studies=studies,
        loops=tuple(_loops(store)),
        begun=_entries(store, "partial"),
        failed=len(store.failures()),
        set_aside=_entries(store, "quarantine"),
    )


def lines(held: Held) -> Iterator[str]:
    """Yield what a store holds in lines for a person."""
    where, holder = shown_path(held.store), shown(held.computing) or "no process"
    yield f"{where}: {held.results:,} results, {held.megabytes:,.1f} MB; {holder} computes in it now."
    if held.from_ledgers:
        yield f"{held.from_ledgers:,} of them came from ledgers and have numbers alone, no tensors."
    studies = [part for part in held.studies if part.study not in ("", TICKETS)]
    if studies:
        yield "Studies:"
    for part in studies:
        yield f"  {shown(part.study)}: {part}"
    for part in held.studies:
        if part.study == TICKETS:
            yield f"Tickets of your own loops: {part}. Their plans, the last first:"
    for loop in held.loops:
        text = f"{loop.done} of {loop.rows} rows finished, last called {loop.asked}"
        yield f"  {loop.plan[:12]}  {shown(loop.title)}: {text}"
    for part in held.studies:
        if not part.study:
            yield f"Without a study's name: {part}"
    yield f"Unfinished runs with a checkpoint: {held.begun}. Failed tasks: {held.failed}. Set aside: {held.set_aside}."
    if held.loops:
        yield f"Next: lotterylab table --store {where}"


def _loops(store: Store) -> Iterator[Loop]:
    for plan in kept(store):
        rows = results(plan.plan, store)
        done = sum(row.complete for row in rows)
        yield Loop(plan=plan.name, title=plan.plan.title, done=done, rows=len(rows), asked=when(plan.asked))


def _entries(store: Store, name: str) -> int:
    folder = store.path / name
    if folder.is_symlink() or not folder.is_dir():
        return 0
    return sum(not entry.startswith(".") for entry in os.listdir(folder))


def _bytes(store: Store) -> int:
    """Return the bytes of all files in the store; links are not followed."""
    sizes = 0
    for folder, _, files in os.walk(store.path):
        for name in files:
            try:
                sizes += os.lstat(os.path.join(folder, name)).st_size
            except OSError:  # removed since
                continue
    return sizes
