"""Hostile ledgers: no code run, nothing outside touched, no traceback, no hang, memory bounded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from faults import hostile_ledgers
from faults.hostile_ledgers import Case
from faults.places import Place
from faults.schedules import FORMS, schedule
from faults.studies import STUDY

# commands that only read, and how they are given a ledger
READERS = {
    "status": ("status", *STUDY, "--known"),
    "table": ("table", *STUDY, "--ledger"),
    "plan": ("plan", *STUDY, "--known"),
    "verify": ("verify", "--known"),
}


@pytest.fixture(scope="module")
def place(lab, shelf) -> Place:
    return Place.make(lab, shelf)


@pytest.fixture(scope="module")
def cases(place) -> list[Case]:
    return hostile_ledgers.cases(place.book, place.victim)


def test_there_are_more_than_150(cases):
    assert len(cases) > 150 and len({case.name for case in cases}) == len(cases)


@FORMS
def test_a_hostile_ledger_touches_nothing_and_ends_in_a_sentence(lab, place, cases, form):
    tries = [(case, command) for case in cases for command in READERS]
    with schedule("hostile ledgers, read", form, __file__) as trials:
        trials.notes = f"{len(cases)} ledgers, {len(READERS)} commands"
        for number, (case, command) in trials.some(tries, short=20):

            def check(case: Case = case, command: str = command) -> Iterator[str]:
                place.fresh()
                case.make(place.root / "shared.jsonl")
                words = (*READERS[command], "shared.jsonl", "--store", "store")
                yield from place.watched(lab, "command", *words, megabytes=case.megabytes)[1]

            trials.guarded(f"[{number}] {command}, {case.name}", check)


@FORMS
def test_a_hostile_ledger_of_a_run_touches_nothing_else_and_ends_in_a_sentence(lab, place, cases, form):
    """``run`` may write into its store and into its own ledger; an empty store, in which the ledger decides."""
    with schedule("hostile ledgers, run", form, __file__) as trials:
        for number, case in trials.some(cases, short=3):

            def check(case: Case = case) -> Iterator[str]:
                place.fresh()
                case.make(place.root / "shared.jsonl")
                words = ("run", *STUDY, "--workers", "1", "--known", "shared.jsonl", "--store", "store")
                yield from place.watched(lab, "command", *words, may=(place.store,), megabytes=case.megabytes)[1]
                again = lab.call("command", "verify", "--store", "store", cwd=place.root)
                if again.value != 0:
                    yield f"verify afterwards: {again.out[-200:]}"

            trials.guarded(f"[{number}] run, {case.name}", check)


@FORMS
def test_a_hostile_name_of_a_result_touches_nothing_and_ends_in_a_sentence(lab, place, form):
    true, other, *_ = map(hostile_ledgers.fields_of, place.book.decode().splitlines())
    names = [str(name) for name in hostile_ledgers.digests(true, other, place.victim).values()]
    names = [name for name in names if "\0" not in name and "\ud800" not in name and len(name) < 100_000]
    names += ["*", "?", "[a-z]", "**", "\x1b[2J", "a" * 5000, "é", "-1", "0/../..", "{}", "%s"]
    with schedule("hostile names of results", form, __file__) as trials:
        for number, name in trials.some(names, short=5):

            def check(name: str = name) -> Iterator[str]:
                place.fresh()
                words = ("diff", "--store", "store", "--", name, true["digest"][:12])
                ending, problems = place.watched(lab, "command", *words)
                yield from problems
                if "\x1b" in ending.said:
                    yield "an escape sequence reaches the terminal"

            trials.guarded(f"[{number}] diff {name[:40]!r}", check)
