"""Files of strangers: each is refused in one line or read without harm, within bounds, and runs nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from lotterylab.formats.text import shown, shown_lines
from some_hostile import MEGABYTE, SPARE, Outcome

HERE = Path(__file__).resolve().parent


def outcomes(folder: Path) -> list[Outcome]:
    """What came of each file; all of them are below ``folder / "files"``, and read in ``folder / "here"``."""
    (folder / "here").mkdir()
    paths = [str(HERE), str(HERE.parent / "src")]
    run = subprocess.run(
        [sys.executable, str(HERE / "some_hostile.py"), str(folder / "files")],
        cwd=folder / "here",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert run.returncode == 0, run.stderr
    return [Outcome(**json.loads(line)) for line in run.stdout.splitlines()]


def test_hostile_files_are_refused_in_one_line_or_read_within_bounds_and_run_nothing(tmp_path):
    """One test, since the files are made once."""
    read = outcomes(tmp_path)
    refused = [one for one in read if one.ended == "refused"]
    bad = {one.name: (one.ended, one.text[-2000:]) for one in read if one.ended not in ("refused", "harmless")}
    assert bad == {}
    assert len(refused) > 250 and len(read) - len(refused) > 20

    # each refusal is one visible line that names the file, or its folder
    assert {one.name: one.text for one in refused if shown(one.text, most=None) != one.text} == {}
    names = {one.name: [shown(Path(one.path).name), shown(Path(one.path).parent.name)] for one in refused}
    assert {one.name: one.text for one in refused if not any(name in one.text for name in names[one.name])} == {}

    # nothing that a person sees is invisible, no line is forged, no output is endless
    assert {one.name: one.text for one in read if shown_lines(one.text) != one.text} == {}
    assert [one.name for one in read if any(line.startswith("OK forged") for line in one.text.split("\n"))] == []
    assert {one.name: len(one.text) for one in read if len(one.text) > 10_000} == {}

    # memory is at most three times the file and a constant
    base = min(one.megabytes for one in read)
    size = {one.name: os.stat(one.path).st_size / MEGABYTE if os.path.isfile(one.path) else 0 for one in read}
    taken = {one.name: one.megabytes - base for one in read}
    assert {name: mega for name, mega in taken.items() if mega > 3 * size[name] + SPARE / MEGABYTE} == {}

    # no code was run, and nothing was written beside the files
    assert sorted(path.name for path in tmp_path.iterdir()) == ["files", "here"]
    assert list((tmp_path / "here").iterdir()) == []
    assert list(tmp_path.rglob("owned*")) == []
