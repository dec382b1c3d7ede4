"""Ledgers that mean harm, made from a true one."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRONG: dict[str, Any] = {
    "null": None,
    "a number": 1,
    "a float": 1.5,
    "true": True,
    "text": "x",
    "no text": "",
    "a list": [1, [2]],
    "an object": {"x": {"y": [None]}},
    "a huge number": 10**400,
    "escapes": "\x1b[2J\x1b]0;owned\x07\nOK   no alarm\r",
}
DEEP = 100_000
MANY = 100_000


@dataclass(frozen=True, kw_only=True)
class Case:
    """A ledger by name; ``make`` writes it.  ``megabytes``: memory that it may take."""

    name: str
    make: Callable[[Path], None]
    megabytes: float = 150


def line(fields: dict[str, Any] | str) -> str:
    """A line with a checksum that holds, whatever it says."""
    text = fields if isinstance(fields, str) else json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return f"{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]} {text}"


def fields_of(text: str) -> dict[str, Any]:
    return json.loads(text.partition(" ")[2])


def _bytes(data: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(data) and None


def _records(records: Sequence[dict[str, Any] | str]) -> Callable[[Path], None]:
    """A ledger of these records; its text is made when it is wanted, as some are large."""

    def make(path: Path) -> None:
        text = "".join(f"{line(record)}\n" for record in records)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))

    return make


def digests(true: dict[str, Any], other: dict[str, Any], victim: Path) -> dict[str, Any]:
    """What a record may call itself.  No name leads further out than the folder of the trial, even without a fence."""
    name = true["digest"]
    return {
        "the victim": str(victim),
        "the victim's file": str(victim / "thesis.txt"),
        "the victim, relative": "../../victim",
        "the victim, behind its own name": f"{name}/../../../victim",
        "the parent": "..",
        "the parent of the store": "../..",
        "itself": ".",
        "nothing": "",
        "the parent, absolute": str(victim.parent),
        "a home": "~",
        "a variable": "$HOME",
        "capitals": name.upper(),
        "another record's": other["digest"],
        "63 digits": name[:-1],
        "65 digits": name + "0",
        "a space behind": name + " ",
        "a newline behind": name + "\n",
        "a NUL": name[:-1] + "\0",
        "a slash within": name[:32] + "/" + name[33:],
        "full-width digits": "".join(chr(ord(letter) + 0xFEE0) if letter.isdigit() else letter for letter in name),
        "not hexadecimal": "g" * 64,
        "all zeroes": "0" * 64,
        "a surrogate": "\ud800" * 64,
        "a million letters": "a" * 1_000_000,
        "an option": "--store=/",
    }


def _duplicate(true: dict[str, Any], victim: Path) -> str:
    text = json.dumps(true)
    return text[:-1] + f', "digest": {json.dumps(str(victim))}}}'


def whole_files(book: bytes, victim: Path) -> Iterator[Case]:
    """Files that are no ledger at all, or too much of one."""
    first = book.splitlines()[0]
    plain = {
        "empty": b"",
        "newlines": b"\n" * 1000,
        "NUL bytes": bytes(100_000),
        "random": bytes(hashlib.shake_128(b"x").digest(50_000)),
        "not UTF-8": b"\xff\xfe" + first,
        "UTF-16": first.decode().encode("utf-16"),
        "a byte order mark": b"\xef\xbb\xbf" + book,
        "carriage returns": book.replace(b"\n", b"\r\n"),
        "no checksum": first.partition(b" ")[2] + b"\n",
        "a wrong checksum": b"0" * 16 + b" " + first.partition(b" ")[2],
        "only a checksum": first[:16],
        "cut": book[: len(book) // 2],
        "a pickle": b"cos\nsystem\n(S'touch " + str(victim / "pwned").encode() + b"'\ntR.",
        "the same line a thousand times": (first + b"\n") * 1000,
        "unicode line ends": book.replace(b"\n", "\u2028".encode()),
        "form feeds": book.replace(b"\n", b"\x0c\n"),
    }
    for name, data in plain.items():
        yield Case(name=f"file: {name}", make=_bytes(data))
    for name, text in {
        "deep lists": "[" * DEEP + "]" * DEEP,
        "deep objects": '{"a":' * DEEP + "1" + "}" * DEEP,
        "a list": "[1, 2]",
        "a word": '"x"',
        "a huge number": '{"digest": ' + "9" * 100_000 + "}",
        "infinity": '{"digest": Infinity}',
        "no JSON": "{'a': 1}",
    }.items():
        yield Case(name=f"line: {name}", make=_bytes(f"{line(text)}\n".encode()))
    yield Case(name="file: a folder", make=lambda path: path.mkdir())
    yield Case(name="file: a fifo", make=lambda path: os.mkfifo(path))
    yield Case(name="file: an endless device", make=lambda path: path.symlink_to("/dev/zero"))
    yield Case(name="file: a lost link", make=lambda path: path.symlink_to(victim / "nowhere"))
    yield Case(name="file: a loop of links", make=lambda path: path.symlink_to(path))


def _many(true: dict[str, Any], rest: Sequence[dict[str, Any]]) -> Callable[[Path], None]:
    small = {**true, "metrics": {}, "facts": {}, "spec": {}, "blobs": {}, "inputs": {}}

    def make(path: Path) -> None:
        names = (hashlib.sha256(str(n).encode()).hexdigest() for n in range(MANY))
        _records([*({**small, "digest": name} for name in names), *rest])(path)

    return make


def cases(book: bytes, victim: Path) -> list[Case]:
    """Every hostile ledger."""
    records = [fields_of(text) for text in book.decode().splitlines()]
    train = next(record for record in records if record["kind"] == "Train")
    other = next(record for record in records if record["kind"] == "Prune")
    rest: list[Any] = [record for record in records if record["digest"] != train["digest"]]
    found: list[Case] = []
    for name, digest in digests(train, other, victim).items():
        found.append(Case(name=f"digest: {name}", make=_records([{**train, "digest": digest}, *rest])))
        if name.startswith("the "):  # of old records, which have no spec to compare with
            old = {**train, "digest": digest, "spec": {}}
            found.append(Case(name=f"digest without a spec: {name}", make=_records([old, *rest])))
    for field in train:
        for name, value in WRONG.items():
            found.append(Case(name=f"{field}: {name}", make=_records([{**train, field: value}, *rest])))
        less = {key: value for key, value in train.items() if key != field}
        found.append(Case(name=f"{field}: left out", make=_records([less, *rest])))
    for metric in ("test_accuracy", "curves", "epochs", "test_loss"):
        for name, value in WRONG.items():
            metrics = {**train["metrics"], metric: value}
            found.append(Case(name=f"metric {metric}: {name}", make=_records([{**train, "metrics": metrics}, *rest])))
    for fact in ("started", "claims"):
        for name, value in WRONG.items():
            facts = {**train["facts"], fact: value}
            found.append(Case(name=f"fact {fact}: {name}", make=_records([{**train, "facts": facts}, *rest])))
    for name, blob in {**digests(train, other, victim), **WRONG}.items():
        found.append(Case(name=f"blob: {name}", make=_records([{**train, "blobs": {"final": blob}}, *rest])))
    for name in ("the victim", "the victim, relative", "the parent", "another record's"):
        path = digests(train, other, victim)[name]
        found.append(Case(name=f"same as: {name}", make=_records([{**train, "same_as": path}, *rest])))
        found.append(Case(name=f"input: {name}", make=_records([{**train, "inputs": {"0": path}}, *rest])))
    swapped = [{**train, "digest": other["digest"]}, {**other, "digest": train["digest"]}]
    found += [
        Case(name="two digests in one record", make=_records([_duplicate(train, victim), *rest])),
        Case(name="an unknown key", make=_records([{**train, "newer": {"x": 1}}, *rest])),
        Case(name="a key with a path", make=_records([{**train, "blobs": {str(victim): "0" * 64}}, *rest])),
        Case(name="swapped digests", make=_records([*swapped, *rest[1:]])),
        Case(name="not a number", make=_records([json.dumps({**train, "seconds": float("nan")}), *rest])),
        Case(name="10 MB in a line", make=_records([{**train, "same_as": "x" * 10_000_000}, *rest])),
        Case(name="a hundred thousand records", make=_many(train, rest), megabytes=900),
        *whole_files(book, victim),
    ]
    return found
