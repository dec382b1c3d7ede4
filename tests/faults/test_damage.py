"""Damaged stores: all damage is found or harmless, no wrong number is shown, and ``run`` needs no help of a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import pytest

from faults import mutations
from faults.checks import Whole
from faults.lab import Lab
from faults.mutations import Damage
from faults.schedules import FORMS, Schedule, schedule
from lotterylab.engine.store import Store
from lotterylab.engine.verify import verify
from lotterylab.errors import LotteryError

SAVES = (3, 21)  # checkpoints after which the runs were killed: two unfinished ones, of plain and of momentum kind


@pytest.fixture(scope="module")
def whole(lab, shelf) -> Whole:
    return Whole.of(lab, "rich", shelf / "whole")


@pytest.fixture(scope="module")
def rich(lab, shelf, whole) -> Path:
    """A store with finished, failed and unfinished tasks."""
    store = shelf / "rich"
    for saves in SAVES:
        lab.call("compute_until_saved", store, "rich", saves)
    kinds = mutations.by_kind(store)
    assert {"manifests", "objects", "partial", "same", "failed", "format", "lock"} <= kinds.keys()
    assert 0 < len(kinds["manifests"]) < len(whole.hashes)
    return store


def seen(path: Path) -> list[str] | None:
    """What ``verify`` says; None where the store is refused with a sentence, which finds the damage too."""
    try:
        return [str(line) for line in verify(Store(path))]
    except LotteryError:
        return None


def shown(path: Path, whole: Whole) -> Iterator[str]:
    """Wrong numbers that a reader would be given."""
    for digest in whole.hashes:
        try:
            record = Store(path).record(digest)
        except LotteryError:
            continue
        if record and (record.kind, record.blobs, record.metrics) != whole.hashes[digest]:
            yield f"a wrong number is shown for {digest[:8]}"
            return


def tried(lab: Lab, whole: Whole, rich: Path, place: Path, damages: Sequence[Damage], trials: Schedule, short: int):
    """Each damage on a copy of the store: verify, read, run."""
    counts: Counter[str] = Counter()
    for number, damage in trials.some(damages, short):

        def check(damage: Damage = damage) -> Iterator[str]:
            rmtree(place, ignore_errors=True)
            copytree(rich, place)
            damage.apply(place)
            lines = seen(place)
            counts["found" if lines or lines is None else "harmless"] += 1
            yield from shown(place, whole)
            ending = lab.call("compute", place, "rich")
            yield from (f"{problem} (verify: {str(lines)[:150]})" for problem in whole.finished(ending))
            if seen(place):  # what no task needed is left to verify
                repaired = lab.call("command", "verify", "--repair", "--store", place)
                counts["repaired"] += 1
                if not repaired.in_time or repaired.value not in (0, 5) or repaired.is_traceback:
                    yield f"verify --repair: {repaired}"
            yield from whole.finished(lab.call("compute_all", place, "rich"))
            yield from whole.problems(place, quarantine=True)

        trials.guarded(f"[{number}] {damage.name}", check)
    trials.notes = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


@FORMS
@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_flipped_bit_is_found_or_harmless(lab, shelf, whole, rich, form, part):
    damages = mutations.flips(rich, 210, seed=part)
    with schedule("one flipped bit", form, __file__) as trials:
        trials.seed = part
        tried(lab, whole, rich, shelf / f"flip-{part}", damages, trials, short=3)


@FORMS
def test_swapped_files_are_found_or_harmless(lab, shelf, whole, rich, form):
    damages = list(mutations.swaps(rich, 8, seed=0))
    with schedule("swapped files", form, __file__) as trials:
        tried(lab, whole, rich, shelf / "swap", damages, trials, short=4)


@FORMS
def test_cut_emptied_and_deleted_files_are_found_or_harmless(lab, shelf, whole, rich, form):
    damages = list(mutations.losses(rich, 3, seed=0))
    with schedule("cut, emptied, deleted files", form, __file__) as trials:
        tried(lab, whole, rich, shelf / "loss", damages, trials, short=4)


def layout_damages() -> list[Damage]:
    """Whole folders lost, or something else in their place."""
    found = []
    for name in ("objects", "runs", "partial", "same", "failed"):

        def remove(store: Path, name: str = name) -> None:
            rmtree(store / name)

        def empty(store: Path, name: str = name) -> None:
            rmtree(store / name)
            (store / name).mkdir()

        for what, apply in (("deleted", remove), ("emptied", empty)):
            found.append(Damage(name=f"folder {name} {what}", kind="folder", apply=apply))
    return found


@FORMS
def test_lost_folders_are_found_or_harmless(lab, shelf, whole, rich, form):
    with schedule("lost folders", form, __file__) as trials:
        tried(lab, whole, rich, shelf / "folders", layout_damages(), trials, short=3)


def test_the_damages_are_those_that_they_are_called(rich, shelf):
    """The harness itself: each flip changes one bit of one file, and every kind of file gets some."""
    damages = mutations.flips(rich, 60, seed=5)
    assert len({damage.kind for damage in damages}) >= 6
    for damage in damages[:6]:
        copy = shelf / "copy"
        rmtree(copy, ignore_errors=True)
        copytree(rich, copy)
        damage.apply(copy)
        assert bits_apart(rich, copy) == 1


def bits_apart(a: Path, b: Path) -> int:
    def content(store: Path) -> dict[str, bytes]:
        return {str(path.relative_to(store)): path.read_bytes() for path in store.rglob("*") if path.is_file()}

    one, other = content(a), content(b)
    assert one.keys() == other.keys()
    pairs: list[Any] = [(one[name], other[name]) for name in one if one[name] != other[name]]
    return sum((x ^ y).bit_count() for before, after in pairs for x, y in zip(before, after, strict=True))
