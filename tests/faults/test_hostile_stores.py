"""Hostile stores: what is not a plain file or folder of the store is never followed out of it, waited for or read."""

from __future__ import annotations

from collections.abc import Iterator
from shutil import copytree, rmtree

import pytest

from faults import hostile_stores
from faults.hostile_stores import Trap
from faults.places import Place
from faults.schedules import FORMS, schedule
from faults.studies import STUDY

COMMANDS = {
    "verify": ("verify",),
    "status": ("status", *STUDY),
    "table": ("table", *STUDY),
    "plan": ("plan", *STUDY),
}
TRAPS = list(hostile_stores.traps())


@pytest.fixture(scope="module")
def place(lab, shelf) -> Place:
    """Its store has finished, unfinished and failed tasks."""
    place = Place.make(lab, shelf)
    rich = shelf / "rich"
    copytree(place.finished, rich)
    assert lab.call("compute", rich, "writes").code == 0
    lab.call("compute_until_saved", rich, "kinds", 6)
    assert any((rich / "partial").iterdir()) and any((rich / "failed").iterdir())
    place.finished = rich
    return place


def test_there_are_more_than_150():
    assert len(TRAPS) > 150 and len({trap.name for trap in TRAPS}) == len(TRAPS)


@FORMS
def test_commands_that_read_a_hostile_store_touch_nothing_and_end_in_a_sentence(lab, place, form):
    tries = [(trap, command) for trap in TRAPS for command in COMMANDS]
    with schedule("hostile stores, read", form, __file__) as trials:
        trials.notes = f"{len(TRAPS)} stores, {len(COMMANDS)} commands"
        for number, (trap, command) in trials.some(tries, short=10):

            def check(trap: Trap = trap, command: str = command) -> Iterator[str]:
                place.fresh()
                trap.set(place.store, place.victim)
                yield from place.watched(lab, "command", *COMMANDS[command], "--store", "store")[1]

            trials.guarded(f"[{number}] {command}, {trap.name}", check)


@FORMS
@pytest.mark.parametrize("call", ["study", "compute", "repair"])
def test_a_run_in_a_hostile_store_writes_only_into_it_and_ends_in_a_sentence(lab, place, form, call):
    with schedule(f"hostile stores, {call}", form, __file__) as trials:
        trials.seed = len(call)
        for number, trap in trials.some(TRAPS, short=4):

            def check(trap: Trap = trap) -> Iterator[str]:
                place.fresh()
                trap.set(place.store, place.victim)
                if call == "study":  # all of it anew, but for the part that is hostile
                    for name in ("runs", "same"):
                        if not trap.name.startswith((name, "a run", "a manifest", "an entry")):
                            rmtree(place.store / name, ignore_errors=True)
                given = {
                    "study": ("study", "store"),
                    "compute": ("compute", "store", "kinds"),
                    "repair": ("command", "verify", "--repair", "--store", "store"),
                }[call]
                yield from place.watched(lab, *given, may=(place.store,))[1]

            trials.guarded(f"[{number}] {call}, {trap.name}", check)
