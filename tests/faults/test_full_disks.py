"""Disks that are really full, of bytes or of inodes, and files that may not grow: nothing is lost, and it goes on."""

from __future__ import annotations

from shutil import rmtree

import pytest

from disks import NoMount, disk, enlarge
from faults.checks import Whole, explained
from faults.schedules import FORMS, schedule
from faults.studies import STUDY

KILOBYTES = (4, 8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 240, 256)
INODES = (3, 5, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 70, 80, 100, 120)
FILE_BYTES = (0, 1, 16, 200, 600, 1000, 1500, 2000, 3000, 4000, 6000, 8000)


@pytest.fixture(scope="module")
def whole(lab, shelf) -> Whole:
    return Whole.of(lab, "kinds", shelf / "whole")


@FORMS
@pytest.mark.parametrize(
    ("what", "options"),
    [
        ("bytes", [f"size={size}k,nr_inodes=10000" for size in KILOBYTES]),
        ("inodes", [f"size=64m,nr_inodes={count}" for count in INODES]),
    ],
    ids=["bytes", "inodes"],
)
def test_a_full_disk_ends_in_a_sentence_and_the_run_goes_on_when_there_is_space(lab, shelf, whole, form, what, options):
    with schedule(f"disks full of {what}", form, __file__) as trials:
        trials.notes = "tmpfs; the plan needs 500 kB and 200 inodes"
        for number, option in trials.some(options, short=1):
            try:
                with disk(shelf / f"{what}-{number}", option) as place:
                    store = place / "store"

                    def check(place=place, store=store):
                        first = lab.call("compute", store, "kinds")
                        yield from explained(first)
                        if first.value and not first.value["failed"] and not first.raised:
                            yield "the disk was not full"
                        enlarge(place)
                        yield from whole.finished(lab.call("compute", store, "kinds"))
                        yield from whole.problems(store)

                    trials.guarded(f"[{number}] {option}", check)
            except NoMount as error:
                pytest.skip(f"no disk can be mounted here: {error}")


@FORMS
def test_files_that_may_not_grow_end_in_a_sentence_and_the_run_goes_on(lab, shelf, whole, form):
    with schedule("files that may not grow (RLIMIT_FSIZE)", form, __file__) as trials:
        for number, size in trials.some(FILE_BYTES, short=1):
            store = shelf / f"limit-{number}"

            def check(store=store, size=size):
                yield from explained(lab.call("compute", store, "kinds", limits={"FSIZE": size}))
                yield from whole.finished(lab.call("compute", store, "kinds"))
                yield from whole.problems(store)

            trials.guarded(f"[{number}] {size} bytes", check)
            rmtree(store, ignore_errors=True)


@pytest.mark.nightly
@pytest.mark.parametrize("option", ["size=64k,nr_inodes=1000", "size=256k,nr_inodes=1000", "size=8m,nr_inodes=20"])
def test_a_full_disk_ends_the_command_with_workers_in_a_sentence(lab, shelf, option):
    words = ("run", *STUDY, "--workers", "2", "--progress", "plain", "--store", "store", "--ledger", "book.jsonl")
    with schedule(f"the command on a full disk ({option.split(',')[0]})", "long", __file__) as trials:
        try:
            with disk(shelf / option.replace(",", "-"), option) as place:

                def check():
                    yield from explained(first := lab.call("command", *words, cwd=place, seconds=120))
                    if first.value == 0:
                        yield "the disk was not full, or the command does not say so"
                    enlarge(place)
                    second = lab.call("command", *words, cwd=place, seconds=120)
                    if second.value != 0 or second.is_traceback:
                        yield f"the second run {second}"
                    third = lab.call("command", "verify", "--store", "store", cwd=place)
                    if third.value != 0:
                        yield f"verify: {third.out[-300:]}"

                trials.guarded(option, check)
        except NoMount as error:
            pytest.skip(f"no disk can be mounted here: {error}")
