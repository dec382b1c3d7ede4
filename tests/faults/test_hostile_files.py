"""Hostile checkpoints, parameter files, texts and images of ``some_hostile.py``, read under the watch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.places import Place
from faults.schedules import schedule

some_hostile = pytest.importorskip("some_hostile", reason="this version has no table of hostile files")


@pytest.fixture(scope="module")
def place(lab, shelf) -> Place:
    return Place.make(lab, shelf)


@pytest.fixture(scope="module")
def files(shelf) -> list[tuple[str, Path, str]]:
    (shelf / "hostile").mkdir()
    return some_hostile.hostile_files(shelf / "hostile")


@pytest.mark.nightly  # tests/test_hostile.py reads the same files in every run of the tests, with bounds and no watch
@pytest.mark.parametrize("form", ["long"])
def test_a_hostile_file_runs_no_code_and_changes_nothing(lab, place, files, form):
    with schedule("hostile checkpoints, texts, images", form, __file__) as trials:
        for number, (name, path, reader) in trials.some(files, short=6):

            def check(path: Path = path, reader: str = reader) -> Iterator[str]:
                place.fresh()
                size = path.stat().st_size / 1e6 if path.is_file() else 0
                yield from place.watched(lab, "read_hostile", reader, path, megabytes=320 + 3 * size)[1]

            trials.guarded(f"[{number}] {reader}, {name}", check)
