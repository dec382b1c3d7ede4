"""Folders, parameter files and archives that mean harm; those of other test files are taken in where they exist."""

from __future__ import annotations

import io
import json
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ESCAPE = "\x1b[2J\x1b[1;1HOK   no alarm\n"


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """Something on the disk, by name: ``make`` makes it at a path, beside a victim."""

    name: str
    make: Callable[[Path, Path], None]


TOML: dict[str, str] = {
    "not TOML": "= = =",
    "an unknown key": "nowhere = 1",
    "an escape in a key": '"\\u001b[2J" = 1',
    "an escape in a value": 'data = "\\u001b[2Jdigits"',
    "an option in a list": 'methods = ["magnitude", "--store", "/"]',
    "a path as a store": 'store = "../victim"',
    "a path as a ledger": 'ledger = "../victim/thesis.txt"',
    "an out folder": 'out = "../victim"',
    "a user's module": 'methods = ["../victim/thesis.py:evil"]',
    "a huge number": "seeds = " + "9" * 5000,
    "deep lists": "methods = " + "[" * 5000 + "]" * 5000,
    "deep tables": "[" + ".".join("a" * 3000) + "]\nx = 1",
    "a date": "seeds = 2026-01-01",
    "not a number": "sparsities = [nan]",
    "infinity": "rates = [inf]",
    "an inline table": "seeds = {a = 1}",
    "a NUL": 'data = "digits\\u0000"',
    "a million keys": "\n".join(f"k{n} = {n}" for n in range(200_000)),
    "a billion seeds": "seeds = 1000000000",
    "a newline": 'data = """digits\nOK  no alarm"""',
}


def toml_files() -> Iterator[Hostile]:
    """Parameter files."""
    for name, text in TOML.items():
        yield Hostile(name=name, make=lambda path, victim, text=text: path.write_text(text) and None)
    yield Hostile(name="not UTF-8", make=lambda path, victim: path.write_bytes(b'data = "\xff"') and None)
    yield from devices()


def devices() -> Iterator[Hostile]:
    """What is no plain file."""
    yield Hostile(name="a fifo", make=lambda path, victim: os.mkfifo(path))
    yield Hostile(name="an endless device", make=lambda path, victim: path.symlink_to("/dev/zero"))
    yield Hostile(name="a folder", make=lambda path, victim: path.mkdir())
    yield Hostile(name="a loop of links", make=lambda path, victim: path.symlink_to(path))
    yield Hostile(name="a lost link", make=lambda path, victim: path.symlink_to(victim / "new"))


def pickle_bomb(victim: Path) -> bytes:
    """A pickle that makes a file when it is read as one."""
    return b"cos\nsystem\n(S'touch " + str(victim / "pwned").encode() + b"'\ntR."


def safetensors(header: object, body: bytes = b"", size: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + body


def _torch_zip(pickle: bytes, data: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", pickle)
        file.writestr("archive/data/0", data)
        file.writestr("archive/version", "3\n")
        file.writestr("../../victim/pwned", "x")
    return out.getvalue()


def checkpoints() -> Iterator[tuple[str, Callable[[Path], bytes]]]:
    """Bytes of end.pt or end.safetensors."""
    tensor = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
    yield "end.pt: a pickle bomb", pickle_bomb
    yield "end.pt: a zip with a pickle bomb", lambda victim: _torch_zip(pickle_bomb(victim))
    yield "end.pt: a zip of zeroes", lambda victim: _torch_zip(b"\x80\x02}.", bytes(50_000_000))
    yield "end.pt: empty", lambda victim: b""
    yield "end.safetensors: a huge header", lambda victim: safetensors({}, size=1 << 40)
    yield "end.safetensors: a negative size", lambda victim: safetensors({}, size=(1 << 64) - 1)
    yield (
        "end.safetensors: overlapping tensors",
        lambda victim: safetensors({"a": tensor, "b": {**tensor, "data_offsets": [8, 24]}}, bytes(24)),
    )
    yield (
        "end.safetensors: terabytes",
        lambda victim: safetensors({"a": {**tensor, "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}, bytes(16)),
    )
    yield "end.safetensors: deep JSON", lambda victim: safetensors(b"[" * 100_000)
    yield "end.safetensors: names that escape", lambda victim: safetensors({ESCAPE: tensor}, bytes(16))
    yield (
        "end.safetensors: many tensors",
        lambda victim: safetensors({f"t{n}": {**tensor, "data_offsets": [16 * n, 16 * n + 16]} for n in range(20_000)},
                                   bytes(320_000)),
    )  # fmt: skip


def audit_folders() -> Iterator[Hostile]:
    """Folders of checkpoints."""
    for name, content in checkpoints():

        def make(path: Path, victim: Path, name: str = name, content=content) -> None:
            path.mkdir()
            (path / name.split(":", maxsplit=1)[0]).write_bytes(content(victim))

        yield Hostile(name=name, make=make)
    for device in devices():
        for file in ("end.pt", "end.safetensors", "mask.pt", "run.json"):

            def put(path: Path, victim: Path, device: Hostile = device, file: str = file) -> None:
                path.mkdir()
                (path / "end.safetensors").write_bytes(
                    safetensors({"w.weight": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}, bytes(16))
                )
                (path / file).unlink(missing_ok=True)
                device.make(path / file, victim)

            yield Hostile(name=f"{file} is {device.name}", make=put)
    for name, text in {
        "deep": "[" * 100_000,
        "a number": "1",
        "escapes": json.dumps({"name": ESCAPE, "sparsity": ESCAPE}),
        "a huge number": '{"sparsity": ' + "9" * 5000 + "}",
        "not a number": '{"sparsity": NaN}',
        "a list": "[[]]",
    }.items():

        def tell(path: Path, victim: Path, text: str = text) -> None:
            path.mkdir()
            header = {"w.weight": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}
            (path / "end.safetensors").write_bytes(safetensors(header, bytes(16)))
            (path / "run.json").write_text(text)

        yield Hostile(name=f"run.json: {name}", make=tell)


def _tar(entries: Callable[[tarfile.TarFile, Path], None]) -> Callable[[Path, Path], None]:
    def make(path: Path, victim: Path) -> None:
        with tarfile.open(path, "w") as file:
            entries(file, victim)

    return make


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 4) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, link, size if kind == tarfile.REGTYPE else 0
    return member


def archives() -> Iterator[Hostile]:
    """Archives for ``store import``."""
    regular = {
        "climbs": "../victim/pwned",
        "climbs from within": "objects/../../victim/pwned",
        "is absolute": "{victim}/pwned",
        "has a NUL": "objects/a\0b",
        "escapes": f"objects/{ESCAPE}",
        "is very long": "a/" * 2000 + "b",
        "is a drive": "C:\\pwned",
    }
    for what, name in regular.items():

        def write(file: tarfile.TarFile, victim: Path, name: str = name) -> None:
            file.addfile(_member(name.replace("{victim}", str(victim))), io.BytesIO(b"evil"))

        yield Hostile(name=f"tar: a name {what}", make=_tar(write))

        def zipped(path: Path, victim: Path, name: str = name) -> None:
            with zipfile.ZipFile(path, "w") as file:
                file.writestr(name.replace("{victim}", str(victim)), "evil")

        yield Hostile(name=f"zip: a name {what}", make=zipped)
    kinds = {"link": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE, "fifo": tarfile.FIFOTYPE, "device": tarfile.CHRTYPE}
    for what, kind in kinds.items():

        def lead(file: tarfile.TarFile, victim: Path, kind: bytes = kind) -> None:
            file.addfile(_member("objects", kind, str(victim)))
            file.addfile(_member("objects/pwned"), io.BytesIO(b"evil"))

        yield Hostile(name=f"tar: a {what} in the place of a folder", make=_tar(lead))

    def bomb(path: Path, victim: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("objects/00/" + "0" * 64, bytes(500_000_000))

    yield Hostile(name="zip: a bomb", make=bomb)

    def squeezed(path: Path, victim: Path) -> None:
        with tarfile.open(path, "w:gz") as file:
            file.addfile(_member("objects/00/" + "0" * 64, size=500_000_000), _Zeroes(500_000_000))

    yield Hostile(name="tar: a bomb", make=squeezed)
    yield Hostile(name="no archive", make=lambda path, victim: path.write_bytes(b"x" * 10_000) and None)
    yield Hostile(name="empty", make=lambda path, victim: path.write_bytes(b"") and None)
    yield Hostile(name="a pickle bomb", make=lambda path, victim: path.write_bytes(pickle_bomb(victim)) and None)
    yield from devices()


class _Zeroes(io.RawIOBase):
    """Zero bytes without end, read without holding them."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int = -1) -> bytes:
        size = min(self.left, size)
        self.left -= size
        return bytes(size)
