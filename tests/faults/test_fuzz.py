"""Fuzzing: random changes to everything that is read, for a time; a seed and a number name each trial.

LOTTERYLAB_FUZZ_SECONDS is the time of the long form (default 600), LOTTERYLAB_FUZZ_SEED its seed.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from faults import hostile_folders
from faults.hostile_ledgers import line
from faults.mutants import mutated
from faults.mutations import by_kind
from faults.places import Place
from faults.schedules import FORMS, ONLY, SECONDS, schedule
from faults.studies import STUDY

TOML = 'data = "digits"\npreset = "small"\nmethods = ["magnitude", "snip"]\nsparsities = [0.5, 0.9]\nseeds = 2\n'
RUN_JSON = '{"name": "a", "sparsity": 0.5, "scope": "global", "params": "weights"}'
TARGETS = (
    "ledger",
    "sealed ledger",
    "manifest",
    "checkpoint",
    "small file",
    "toml",
    "safetensors",
    "torch",
    "run.json",
)


@pytest.fixture(scope="module")
def place(lab, shelf) -> Place:
    place = Place.make(lab, shelf)
    copytree(place.finished, shelf / "rich")
    place.finished = shelf / "rich"
    lab.call("compute_until_saved", place.finished, "kinds", 6)
    lab.call("tensors", shelf / "true.safetensors", shelf / "true.pt")
    return place


def prepare(place: Place, shelf: Path, target: str, draw: random.Random) -> tuple[tuple[str, ...], bool]:
    """Put a mutant in its place; the words of a command that reads it, and whether it may change the store."""
    kinds = by_kind(place.store)
    store = ("--store", "store")
    readers = [("status", *STUDY), ("table", *STUDY), ("plan", *STUDY), ("verify",)]
    if target in ("ledger", "sealed ledger"):
        lines = place.book.decode().splitlines()
        number = draw.randrange(len(lines))
        if target == "ledger":
            data = mutated(place.book, draw)
        else:  # with a checksum that holds: what a person with an aim would write
            text = mutated(lines[number].partition(" ")[2].encode(), draw).decode(errors="replace").replace("\n", " ")
            data = "\n".join([*lines[:number], line(text), *lines[number + 1 :]]).encode(errors="replace")
        (place.root / "shared.jsonl").write_bytes(data)
        return (*draw.choice(readers[:3]), *store, draw.choice(("--known", "--ledger")), "shared.jsonl"), False
    if target == "toml":
        (place.root / "study.toml").write_bytes(mutated(TOML.encode(), draw))
        return (draw.choice(("plan", "cite")), "activations", "--config", "study.toml"), False
    if target in ("safetensors", "torch", "run.json"):
        folder = place.root / "folder"
        folder.mkdir()
        (folder / "end.safetensors").write_bytes((shelf / "true.safetensors").read_bytes())
        name = {"safetensors": "end.safetensors", "torch": "mask.pt", "run.json": "run.json"}[target]
        true = RUN_JSON.encode() if target == "run.json" else (shelf / f"true.{name.split('.')[1]}").read_bytes()
        (folder / name).write_bytes(mutated(true, draw))
        return ("audit", "folder"), False
    names = {
        "manifest": kinds["manifests"],
        "checkpoint": kinds["partial"],
        "small file": [*kinds["same"], *kinds.get("failed", []), *kinds["format"], *kinds.get("known", [])],
    }[target]
    path = place.store / draw.choice(names)
    path.write_bytes(mutated(path.read_bytes(), draw))
    if target == "checkpoint" and draw.random() < 0.5:
        return ("compute",), True
    return (*draw.choice(readers), *store), False


@FORMS
def test_fuzzing_finds_no_traceback_no_hang_and_no_change_outside(lab, shelf, place, form):
    limit = 5.0 if form == "short" else float(os.environ.get(SECONDS, 600))
    seed = int(os.environ.get("LOTTERYLAB_FUZZ_SEED", 0))
    only = [int(number) for number in os.environ.get(ONLY, "").split(",") if number]
    counts: Counter[str] = Counter()
    end, number = time.monotonic() + limit, -1
    with schedule("fuzzing", form, __file__) as trials:
        while time.monotonic() < end and (not only or number < max(only)):
            number += 1
            if only and number not in only:
                continue
            draw = random.Random(f"{seed} {number}")
            target = TARGETS[number % len(TARGETS)]
            counts[target] += 1

            def check(draw: random.Random = draw, target: str = target) -> Iterator[str]:
                place.fresh()
                words, writes = prepare(place, shelf, target, draw)
                given = ("compute", "store", "kinds") if words == ("compute",) else ("command", *words)
                ending, problems = place.watched(lab, *given, may=(place.store,) if writes else ())
                yield from problems
                if "\x1b" in ending.out.replace("\x1b[0m", ""):
                    yield "an escape sequence reaches the terminal"

            trials.guarded(f"[{number}] seed {seed}, {target}", check)
        trials.notes = ", ".join(f"{count} {what}" for what, count in counts.items())


def test_the_same_seed_gives_the_same_mutants():
    data = hostile_folders.safetensors({"a": 1}, bytes(100))
    twice = [[mutated(data, random.Random(number)) for number in range(50)] for _ in range(2)]
    assert twice[0] == twice[1] and len(set(twice[0])) > 40
