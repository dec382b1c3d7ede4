"""Texts that mean harm: run.json and parameters files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import torch

from some_hostile_checkpoints import NO_FILES

CLEAR = "\\u001b[2J\\u001b[H"
RUNS = {
    "lists in lists in run.json": b"[" * 200_000,
    "objects in objects in run.json": b'{"a":' * 200_000,
    "lists in lists as a value": b'{"requested": ' + b"[" * 900 + b"]" * 900 + b"}",
    "a number of 9,000 digits in run.json": b'{"classes": ' + b"9" * 9000 + b"}",
    "a number of 4,000 digits in run.json": b'{"classes": ' + b"9" * 4000 + b', "accuracy": 0.5, "test_images": 9}',
    "images beyond counting": b'{"test_images": 1e308, "accuracy": 0.5, "classes": 10}',
    "2^60 images": b'{"test_images": 1152921504606846976, "accuracy": 0.5, "classes": 10}',
    "NaN in run.json": b'{"requested": NaN, "accuracy": NaN}',
    "infinity in run.json": b'{"requested": Infinity}',
    "minus infinity in run.json": b'{"accuracy": -Infinity}',
    "another encoding in run.json": b'{"name": "\xff\xfe"}',
    "UTF-16 without a mark": '{"name": "x"}'.encode("utf-16-be"),
    "a key that clears the screen": b'{"' + CLEAR.encode() + b'\\nOK forged: no alarm": 1}',
    "a method that forges a line": b'{"method": "snip\\nOK forged: no alarm'
    + CLEAR.encode()
    + b'", "scored_on": "trained"}',
    "a granularity that forges a line": b'{"granularity": "x\\nOK forged: no alarm"}',
    "a split that clears the screen": b'{"picked": "' + CLEAR.encode() + b'"}',
    "a lone surrogate in run.json": b'{"scored_on": "\\ud800\\u202e"}',
    "run.json of 2 MB": b'{"name": "' + b"x" * 2_000_000 + b'"}',
    "a null for run.json": b"null",
    "an empty run.json": b"",
    "negative numbers in run.json": b'{"classes": -5, "test_images": -1, "test_reads": -3, "diverged_epoch": -9}',
    "a fraction out of range": b'{"requested": 1e300}',
}
OPTIONS = {
    "an option in a list": 'activations = ["relu", "--store", "/elsewhere"]',
    "an option with its value in a list": 'activations = ["relu", "--store=/elsewhere"]',
    "an option alone": 'store = "--ledger=/elsewhere"',
    "an option as a path": 'known = ["--store", "/elsewhere"]',
    "an option as a name of data": 'data = "--store"',
    "an option in a table": '[data]\nname = "folder"\npath = "--store=/elsewhere"',
    "a short option": 'data_dir = "-h"',
    "two dashes": 'known = ["--", "x"]',
    "help in a list": 'activations = ["--help"]',
    "an option in a nested list": 'activations = [["--store", "/elsewhere"]]',
    "a table in a list": "activations = [{a = 1}]",
    "lists in lists in TOML": f"x = {'[' * 100_000}",
    "tables in tables in TOML": f"x = {'{a=' * 50_000}",
    "a key of 20,000 parts": f"{'.'.join('a' * 20_000)} = 1",
    "a number of 9,000 digits in TOML": f"seeds = {'9' * 9000}",
    "a hexadecimal number of 9,000 digits": f"seeds = 0x{'f' * 9000}",
    "such a number for another command": f"workers = 0x{'f' * 9000}\nseeds = -3",
    "2^64 seeds": "seeds = 18446744073709551616",
    "infinity in TOML": "sparsities = [inf]",
    "NaN in TOML": "sparsities = [nan]",
    "minus infinity in TOML": "sparsities = [-inf]",
    "a date": "seeds = 2020-01-01",
    "a key that forges a line": '"a\\nOK forged\\u001b[2J" = 1',
    "a value that forges a line": 'data = "a\\nOK forged\\u001b[2J"',
    "a value with NUL": 'store = "a\\u0000b"',
    "a table that clears the screen": '["\\u001b[2J"]\na = 1',
    "a path that forges a line": '[data]\nname = "folder"\npath = "/x\\nOK forged"',
    "no TOML": "\x00\x01\x1b[2J",
    "TOML with a value of 100 kB": f'data = "{"x" * 100_000}"',
    "TOML of 1 MB": f"#{'x' * 1_000_000}",
}


def texts(folder: Path) -> Iterator[tuple[str, Path, str]]:
    """(what, path, how it is read)."""
    folder.mkdir(parents=True)
    for number, (name, data) in enumerate(RUNS.items()):
        place = folder / f"r{number}"
        place.mkdir()
        torch.save({"w": torch.eye(4)}, place / "end.pt")
        (place / "run.json").write_bytes(data)
        yield name, place, "audit"
    for name, make in NO_FILES.items():
        place = folder / f"run {name}"
        place.mkdir()
        torch.save({"w": torch.eye(4)}, place / "end.pt")
        make(place / "run.json")
        yield f"{name} in place of run.json", place, "audit"
        make(folder / f"{name}.toml")
        yield f"{name} in place of TOML", folder / f"{name}.toml", "options"
    for number, (name, text) in enumerate(OPTIONS.items()):
        path = folder / f"o{number}.toml"
        path.write_text(text)
        yield name, path, "options"
    for name, data in (
        ("another encoding in TOML", b'data = "\xff"'),
        ("UTF-16 in TOML", 'data = "x"'.encode("utf-16")),
    ):
        (folder / f"{name}.toml").write_bytes(data)
        yield name, folder / f"{name}.toml", "options"
    yield from _folders(folder)


def _folders(folder: Path) -> Iterator[tuple[str, Path, str]]:
    """Names of folders and files are foreign text too."""
    for number, name in enumerate(
        ("x\nOK forged: no alarm", "x\x1b[2J\x1b[H", "x\u202ey\u2028z", "x\udcff", "-x", "x" * 250)
    ):
        arm = folder / f"f{number}" / name
        arm.mkdir(parents=True)
        torch.save({"w": torch.eye(4)}, arm / "end.pt")
        (arm / f"{name[:200]}.pt").write_bytes(b"")
        yield f"an arm with the name {number}", arm.parent, "audit"
        (folder / f"f{number}" / "other").mkdir()
        (folder / f"f{number}" / "other" / "end.pt").write_bytes(b"damaged")
        (folder / f"g{number}").mkdir()
        (folder / f"g{number}" / f"{name}.txt").write_text(json.dumps(name))
        yield f"no arm beside the name {number}", folder / f"g{number}", "audit"
