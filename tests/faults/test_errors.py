"""An error of the system at each file-system call: a sentence, or the run goes on; and the next run is whole."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree, rmtree

import pytest

from faults.checks import Whole, explained, hashes
from faults.places import Place
from faults.schedules import FORMS, forms_of, schedule
from faults.shim import READS, WRITES, Fault
from faults.studies import STUDY

SAMPLED = {"EDQUOT": 200, "EACCES": 200}  # as ENOSPC and EROFS to a program; all others at every call
ERRNOS = {"ENOSPC": WRITES, "EDQUOT": WRITES, "EROFS": WRITES} | dict.fromkeys(
    ("EIO", "EMFILE", "EACCES"), WRITES + READS
)


@pytest.fixture(scope="module")
def whole(lab, shelf) -> Whole:
    return Whole.of(lab, "writes", shelf / "whole")


@FORMS
@pytest.mark.parametrize("errno", ERRNOS)
def test_an_error_at_each_call_ends_in_a_sentence_and_costs_no_result(lab, shelf, whole, form, errno):
    ops, store = ERRNOS[errno], shelf / f"counted-{errno}"
    total = lab.call("compute", store, "writes", fault=Fault(ops=ops), folder=store).calls
    faults = [Fault(action=errno, at=at, sticky=sticky, ops=ops) for sticky in (False, True) for at in range(total)]
    with schedule(f"{errno} at each file-system call", form, __file__) as trials:
        trials.notes = f"{total} calls, once and from there on"
        for number, fault in trials.some(faults, short=3, long=SAMPLED.get(errno)):
            store = shelf / f"{errno}-{number}"

            def check(store: Path = store, fault=fault):
                yield from explained(lab.call("compute", store, "writes", fault=fault, folder=store))
                yield from whole.finished(lab.call("compute", store, "writes"))
                yield from whole.problems(store)

            trials.guarded(f"[{number}] {fault}", check)
            rmtree(store, ignore_errors=True)


# what only reads

READERS = {
    "status": ("status", *STUDY),
    "table": ("table", *STUDY),
    "plan": ("plan", *STUDY),
    "verify": ("verify",),
    "report": ("report", *STUDY, "--out", "report"),
    "run": ("run", *STUDY, "--workers", "1", "--ledger", "new.jsonl"),
}


@pytest.fixture(scope="module")
def finished(lab, shelf) -> Path:
    """A store of a finished study."""
    return Place.make(lab, shelf).finished


@forms_of("command", short=[name for name in READERS if name != "report"], long=READERS)
def test_an_error_at_each_call_of_a_command_on_a_finished_store_ends_in_a_sentence(lab, shelf, finished, form, command):
    place = shelf / command
    words = (*READERS[command], "--store", "store")

    def fresh() -> None:
        rmtree(place, ignore_errors=True)
        copytree(finished, place / "store")

    fresh()
    ops = WRITES + READS
    total = lab.call("command", *words, fault=Fault(ops=ops), folder=place, cwd=place).calls
    faults = [
        Fault(action=errno, at=at, sticky=sticky, ops=ops)
        for errno in ("EIO", "EMFILE", "ENOSPC")
        for sticky in (False, True)
        for at in range(total)
    ]
    with schedule(f"errors at each call of {command}", form, __file__) as trials:
        trials.notes = f"a sample of EIO, EMFILE, ENOSPC at {total} calls, once and from there on"
        for number, fault in trials.some(faults, short=2, long=40 if command == "report" else 300):
            fresh()

            def check(fault=fault):
                yield from explained(lab.call("command", *words, fault=fault, folder=place, cwd=place))
                yield from explained(again := lab.call("command", *words, cwd=place))
                if again.value != 0:
                    yield f"the second time: {again}"

            trials.guarded(f"[{number}] {command}, {fault}", check)


WITH_WORKERS = ("run", *STUDY, "--workers", "1", "--progress", "plain", "--store", "store", "--ledger", "new.jsonl")


@pytest.mark.nightly
def test_an_error_in_a_run_with_workers_ends_in_a_sentence_and_costs_no_result(lab, shelf, finished):
    """The counter is one for the command and its worker, so that the error meets either."""
    place, ops = shelf / "workers", WRITES + READS
    place.mkdir()
    total = lab.call("command", *WITH_WORKERS, fault=Fault(ops=ops), folder=place, cwd=place, seconds=120).calls
    want = hashes(finished)
    faults = [
        Fault(action=errno, at=at, sticky=sticky, ops=ops)
        for errno in ("ENOSPC", "EIO", "EROFS", "EMFILE")
        for sticky in (False, True)
        for at in range(0, total, 3)
    ]
    with schedule("errors in a run with workers", "long", __file__) as trials:
        trials.notes = f"a sample of {len(faults)}"
        for number, fault in trials.some(faults, short=1, long=60):
            rmtree(place)
            place.mkdir()

            def check(fault=fault):
                given = {"cwd": place, "seconds": 120, "linger": 20}
                yield from explained(first := lab.call("command", *WITH_WORKERS, fault=fault, folder=place, **given))
                if first.left_behind:
                    yield "its worker is still there 20 s after the end"
                yield from explained(again := lab.call("command", *WITH_WORKERS, **given))
                if again.value != 0:
                    yield f"the second time: {again}"
                elif hashes(place / "store") != want:
                    yield "the results are not those of an unbroken run"

            trials.guarded(f"[{number}] {fault}", check)
