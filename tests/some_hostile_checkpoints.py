"""Checkpoints that mean harm: pickles, archives and safetensors made by hand."""

from __future__ import annotations

import collections
import io
import json
import os
import pickle
import socket
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

FORGED = "fc.weight\nOK forged: no alarm"
CLEARING = "\x1b[2J\x1b[Hfc\x1b]0;owned\x07.weight"
HIDDEN = "fc\u202egnp.\u2066weight\u200b\u2028x\ud800\x9b31m"
EVIL_NAMES = {
    "forged": FORGED,
    "clearing": CLEARING,
    "hidden": HIDDEN,
    "long": "w" * 300_000,
    "empty": "",
    "nul": "a\0b",
}


class Row:
    """A storage by its key, which the pickle below names."""

    def __init__(self, key: Any = "0", entries: Any = 4, kind: Any = torch.FloatStorage, place: str = "cpu") -> None:
        self.key, self.entries, self.kind, self.place = key, entries, kind, place


class Call:
    """Pickled as a call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        return ("storage", obj.kind, obj.key, obj.place, obj.entries) if isinstance(obj, Row) else None


def tensor(size: Any, stride: Any, offset: Any = 0, row: Any = None) -> Call:
    """A call that makes a tensor."""
    return Call(torch._utils._rebuild_tensor_v2, row or Row(), offset, size, stride, False, {})


def pickled(value: Any) -> bytes:
    """As ``torch.save`` pickles it."""
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=2).dump(value)
    return buffer.getvalue()


def archive(
    path: Path, data: bytes, storages: dict[str, bytes] | None = None, compression: int = 0, **more: Any
) -> Path:
    """A file as ``torch.save`` writes it."""
    entries = {
        "data.pkl": data,
        "byteorder": b"little",
        **{f"data/{k}": v for k, v in (storages or {}).items()},
        **more,
    }
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in entries.items():
            file.writestr(f"x/{name}", content)
    return path


def _pickles() -> Iterator[tuple[str, bytes]]:
    """What the data.pkl of an archive with a storage "0" of four floats says."""
    yield "a tensor of 4 TB by its constructor", pickled({"w": Call(torch.Tensor, 1 << 20, 1 << 20)})
    yield "a bytearray of 1 TB", pickled({"w": Call(bytearray, 1 << 40)})
    yield "strides of zero, 4 TB", pickled({"w": tensor((1 << 40,), (0,))})
    yield "more than the storage has", pickled({"w": tensor((1 << 30, 4), (4, 1))})
    yield "a thousand names for one tensor", pickled({str(i): tensor((1 << 22, 4), (0, 1)) for i in range(1000)})
    yield "65 dimensions", pickled({"w": tensor((1,) * 65, (1,) * 65)})
    yield "a negative stride", pickled({"w": tensor((2, 2), (-1, 1), 2)})
    yield "a negative offset", pickled({"w": tensor((2,), (1,), -1)})
    yield "an offset of 2^63", pickled({"w": tensor((2,), (1,), 1 << 63)})
    yield "sizes that are fractions", pickled({"w": tensor((2.0,), (1,))})
    yield "sizes that are true", pickled({"w": tensor((True, 2), (2, 1))})
    yield "sizes that are a text", pickled({"w": tensor("22", (1, 1))})
    yield "sizes whose product overflows", pickled({"w": tensor((1 << 62, 1 << 62), (0, 0))})
    yield "nothing in 2^62 columns", pickled({"w": tensor((0, 1 << 62), (1, 1))})
    yield "fewer strides than sizes", pickled({"w": tensor((2, 2), (1,))})
    yield "a storage that is not there", pickled({"w": tensor((2,), (1,), 0, Row("1"))})
    yield "a storage outside", pickled({"w": tensor((2,), (1,), 0, Row("../../../../etc/passwd"))})
    yield "a storage named by a list", pickled({"w": tensor((2,), (1,), 0, Row(["0"]))})
    yield "a storage of a type that is none", pickled({"w": tensor((2,), (1,), 0, Row(kind=3))})
    yield "a tensor without a storage", pickled({"w": tensor((2,), (1,), 0, 7)})
    yield "a name that is a number", pickled({3: tensor((2,), (1,))})
    yield "a name that is nothing", pickled({None: tensor((2,), (1,))})
    yield "a name that is a pair", pickled({("a", 1): tensor((2,), (1,))})
    yield "names that collide", pickled({i * ((1 << 61) - 1): i for i in range(30_000)})
    pairs = [[i * ((1 << 61) - 1), i] for i in range(30_000)]
    yield "pairs whose names collide", pickled({"w": Call(collections.OrderedDict, pairs)})
    yield "code by a function", pickled({"w": Call(os.system, "touch owned")})
    yield "code by eval", pickled({"w": Call(eval, "open('owned', 'w')")})
    yield "code in the storage", pickled({"w": tensor((2,), (1,), 0, Call(os.mkdir, "owned"))})
    yield "code by a stack global", b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x0btouch owned\x85R."
    yield "code by an instance", b"(S'touch owned'\nios\nsystem\n."
    yield "code by an object", b"(cos\nsystem\nS'touch owned'\no."
    yield "code by a new object", b"\x80\x02ctorch\nTensor\n)\x81."
    yield "a call of a text", b"\x80\x02X\x01\x00\x00\x00a)R."
    yield "a memo of 2^32 places", b"\x80\x02}r\xff\xff\xff\xff."
    yield "a text of 4 GB", b"\x80\x02X\xff\xff\xff\xffa."
    yield "a byte array of 1 TB", b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"a."
    yield "a frame of 1 TB", b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + b"}."
    yield "a number of 2 GB", b"\x80\x02\x8b\xff\xff\xff\x7f\x01."
    yield "a number of 9,000 digits", b"I" + b"9" * 9000 + b"\n."
    yield "lists in lists", b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."
    yield "pairs in pairs", b"\x80\x02)" + b"\x85" * 200_000 + b"."
    yield "a dict in itself", b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s."
    yield "nothing to pop", b"\x80\x02000."
    yield "no end", b"\x80\x02}"
    yield "no dict", pickled([tensor((2,), (1,))])
    yield "a global with a name of 1 MB", b"\x80\x02c" + b"o" * 1_000_000 + b"\nx\n."
    yield "a global with escape sequences", b"\x80\x02cos\x1b[2J\nsys\x1b]0;owned\x07tem\n."
    yield "dict entries for a number", b"\x80\x02K\x01K\x02K\x03s."
    for what, name in EVIL_NAMES.items():
        yield f"a name that is {what}", pickled({name: tensor((2, 2), (2, 1)), "b": tensor((2,), (1,))})


def _refused_kinds() -> Iterator[tuple[str, Any]]:
    import warnings

    x = torch.arange(12.0).view(3, 4)
    with warnings.catch_warnings(action="ignore"):
        yield "sparse COO", x.to_sparse()
        yield "sparse CSR", x.to_sparse_csr()
        yield "quantized", torch.quantize_per_tensor(x, 0.1, 0, torch.qint8)
        yield "nested", torch.nested.nested_tensor([x, x[:2]])
        yield "half complex", torch.ones(2, dtype=torch.complex32)
    yield "meta", torch.empty(1 << 40, device="meta")
    yield "float8", x.to(torch.float8_e4m3fn)
    yield "a conjugate view", torch.tensor([1j, 2]).conj()


def _safetensors() -> Iterator[tuple[str, bytes]]:
    def file(header: Any, body: bytes = bytes(16)) -> bytes:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + body

    def entry(kind: str = "F32", shape: Any = (4,), ends: Any = (0, 16)) -> Any:
        return {"dtype": kind, "shape": shape, "data_offsets": ends}

    yield "a header of 2^63 bytes", struct.pack("<Q", 1 << 63) + b"{}"
    yield "a header of 90 MB", struct.pack("<Q", 90_000_000) + b" " * 20_000_000
    yield "a header of lists in lists", file(b"[" * 900_000)
    yield "a header that is not JSON", file(b"\xff\xfe\x1b[2J")
    yield "tensors over each other", file({"a": entry(), "b": entry()})
    yield "nothing in 2^63 columns of safetensors", file({"a": entry("F32", (0, 1 << 63), (0, 0))}, b"")
    yield "a shape that overflows", file({"a": entry("F32", (1 << 40, 1 << 40), (0, 16))})
    yield "a type that nobody knows", file({"a": entry("F1\x1b[2J")})
    yield "float8 in safetensors", file({"a": entry("F8_E4M3", (16,))})
    yield "float4 in safetensors", file({"a": entry("F4", (32,))})
    yield "65 dimensions of safetensors", file({"a": entry("F32", (1,) * 64 + (4,))})
    yield "70,000 dimensions of safetensors", file({"a": entry("F32", (1,) * 70_000 + (4,))})
    yield "safetensors cut short", file({"a": entry()}, bytes(7))
    yield "safetensors with more behind", file({"a": entry()}, bytes(99))
    yield (
        "a name that forges a line in safetensors",
        file({FORGED: entry("F32", (2, 2)), CLEARING: entry("F32", (0,), (16, 16))}),
    )
    yield "twenty thousand empty tensors", file({f"{i}": entry("F32", (0,), (0, 0)) for i in range(20_000)}, b"")


def checkpoints(folder: Path) -> Iterator[tuple[str, Path, str]]:
    """(what, path, how it is read)."""
    four = {"0": struct.pack("<4f", 1, 0, 0, 1)}
    folder.mkdir(parents=True)
    for number, (name, data) in enumerate(_pickles()):
        path = folder / f"p{number}" / "end.pt"
        path.parent.mkdir()
        archive(path, data, four)
        yield name, path, "tensors"
        if number % 4 == 0 or "name that is" in name:
            yield f"{name}, audited", path.parent, "audit"
        if number % 3 == 0:
            bare = folder / f"bare{number}.pt"
            bare.write_bytes(data)
            yield f"{name}, as a bare pickle", bare, "tensors"
    for number, (name, value) in enumerate(_refused_kinds()):
        path = folder / f"k{number}.pt"
        torch.save({"w": value}, path)
        yield name, path, "mask"
    for number, (name, data) in enumerate(_safetensors()):
        path = folder / f"s{number}" / "end.safetensors"
        path.parent.mkdir()
        path.write_bytes(data)
        yield name, path, "tensors"
        if "forges" in name or "float" in name:
            yield f"{name}, audited", path.parent, "audit"
    yield from _archives(folder)
    yield from _no_files(folder)


def _archives(folder: Path) -> Iterator[tuple[str, Path, str]]:
    good = pickled({"w": tensor((2, 2), (2, 1))})
    large = pickled({"w": tensor((1 << 27,), (1,), 0, Row(entries=1 << 27))})
    zeros = {"0": bytes(64 << 20)}
    yield "an archive that unpacks to a thousand times its size", archive(folder / "z0.pt", large, zeros, 8), "tensors"
    path = archive(folder / "z1.pt", good, {"0": bytes(16)})
    raw = path.read_bytes()
    path.write_bytes(raw.replace(struct.pack("<II", 16, 16), struct.pack("<II", 1 << 31, 1 << 31)))
    yield "an archive whose directory lies about sizes", path, "tensors"
    (folder / "z2.pt").write_bytes(raw[: len(raw) // 2])
    yield "half of an archive", folder / "z2.pt", "tensors"
    (folder / "z3.pt").write_bytes(raw.replace(b"PK\x01\x02", b"PK\x01\x03"))
    yield "an archive with a broken directory", folder / "z3.pt", "tensors"
    yield "millions of dicts", archive(folder / "z8.pt", b"\x80\x02(" + b"}" * 4_000_000 + b"l."), "tensors"
    yield "sets, which are large", archive(folder / "z9.pt", b"\x80\x04(" + b"\x8f" * 4_000_000 + b"t."), "tensors"
    many = {f"{'n' * 200}{i}": b"" for i in range(70_000)}
    yield "an archive of 70,000 entries", archive(folder / "z4.pt", good, many), "tensors"
    yield "big-endian", archive(folder / "z5.pt", good, byteorder=b"big"), "tensors"
    yield "an archive in an archive", archive(folder / "z6.pt", raw), "tensors"
    module = torch.nn.Linear(2, 2)
    torch.save(module, folder / "z7.pt")
    yield "a whole module", folder / "z7.pt", "tensors"
    for name, value in (("numbers in the older format", 1 << 62), ("negative numbers in the older format", -1)):
        path = folder / f"{name}.pt"
        torch.save({"w": torch.ones(3)}, path, _use_new_zipfile_serialization=False)
        data = path.read_bytes()
        path.write_bytes(data[:-20] + struct.pack("<q", value) + data[-12:])
        yield name, path, "tensors"
    with tarfile.open(folder / "tar.pt", "w") as tar:
        tar.add(__file__, "pickle")
    yield "a tar", folder / "tar.pt", "tensors"
    for name, data in (("nothing at all", b""), ("a text", b"hello"), ("one byte", b"P"), ("zeros", bytes(1 << 20))):
        for suffix in ("pt", "safetensors"):
            (folder / f"{name}.{suffix}").write_bytes(data)
            yield f"{name} in .{suffix}", folder / f"{name}.{suffix}", "tensors"
    for name, values in (("twos", torch.full((4,), 2.0)), ("NaN", torch.tensor([0, torch.nan]))):
        torch.save({CLEARING: values}, folder / f"{name}.pt")
        yield f"a mask with {name}", folder / f"{name}.pt", "mask"
    data = pickled({"w": tensor((4,), (1,), 0, Row(kind=torch.BoolStorage))})
    yield "bools that are neither 0 nor 1", archive(folder / "bools.pt", data, {"0": b"\x00\x01\x02\xff"}), "mask"
    with (folder / "sparse.pt").open("wb") as file:
        file.truncate(1 << 40)
    yield "a file of 1 TB without content", folder / "sparse.pt", "tensors"


def _no_files(folder: Path) -> Iterator[tuple[str, Path, str]]:
    for suffix in ("pt", "safetensors"):
        for name, make in NO_FILES.items():
            place = folder / f"{name} {suffix}"
            place.mkdir()
            make(place / f"end.{suffix}")
            yield f"{name} in place of end.{suffix}", place / f"end.{suffix}", "tensors"
            yield f"{name} in place of end.{suffix}, audited", place, "audit"


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        before = os.getcwd()
        os.chdir(path.parent)  # the path of a socket may have a hundred letters
        listening.bind(path.name)
        os.chdir(before)


NO_FILES: dict[str, Any] = {
    "a pipe": os.mkfifo,
    "a socket": _socket,
    "an endless device": lambda path: path.symlink_to("/dev/zero"),
    "a terminal": lambda path: path.symlink_to("/dev/tty"),
    "a folder": lambda path: path.mkdir(),
    "a broken link": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
}
