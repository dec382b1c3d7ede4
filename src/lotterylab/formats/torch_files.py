"""A reader of ``torch.save`` files that checks descriptions of the tensors before it reads their bytes.

``torch.load(weights_only=True)`` runs no code, but it allocates what the pickle asks for: a file of 1 kB can ask for
terabytes.  Here a pickle gives descriptions of tensors (``Described``), which are compared with the bytes of the file
before a single tensor is made.  Both formats of ``torch.save`` are read: the zip archive with uncompressed entries, and
the older sequence of pickles.
"""

from __future__ import annotations

import math
import os
import pickle
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from lotterylab.errors import UsageError
from lotterylab.formats import foreign
from lotterylab.formats.sparse import assembled
from lotterylab.formats.torch_pickles import Described, TorchPickle

if TYPE_CHECKING:
    from torch import Tensor

ZIP = b"PK\x03\x04"
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # of the older format
MOST_DIRECTORY = 16 << 20  # bytes of the zip's list of entries


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A file of which the pickle was read; ``value`` has descriptions in place of tensors."""

    file: BinaryIO
    bytes: int
    value: Any
    places: Mapping[str, tuple[int, int]] = field(repr=False)  # storage -> first byte, number of bytes

    def tensors(self, described: Mapping[Any, Described], *, where: str) -> dict[str, Tensor]:
        """Return all tensors, or raise an error.

        Raises:
            UsageError: a tensor cannot be read (by name), or the tensors ask for far more bytes than the file has.
        """
        total = sum(self._bytes_of(name, tensor, where) for name, tensor in described.items())
        sparse = next((name for name, tensor in described.items() if tensor.layout), "")
        foreign.bounded(total, self.bytes, where, sparse=sparse)
        storages: dict[str, Tensor] = {}
        return {name: self._whole(name, tensor, storages, where) for name, tensor in described.items()}

    def _bytes_of(self, name: Any, described: Described, where: str) -> int:
        """Return the bytes of a tensor once its description is checked."""
        foreign.named(name, where)
        reason = described.refused and foreign.refusal(described.refused)
        if not reason and described.kind not in foreign.READABLE:
            reason = foreign.refusal(described.kind)
        damage = _shape_damage if described.layout else self._damage
        reason = reason or foreign.too_deep(len(described.size)) or damage(described)
        if reason:
            raise UsageError(f"{where}: '{foreign.shown(name)}' is {reason}.")
        parts = sum(self._bytes_of(name, part, where) for part in described.parts)
        return math.prod(described.size) * _item(described.kind) + parts

    def _damage(self, described: Described) -> str:
        storage, item = described.storage, _item(described.kind)
        if storage is None or storage.key not in self.places:
            return "damaged: its storage is not in the file"
        if not _whole_numbers(storage.start, described.offset, *described.size, *described.stride):
            return "damaged: its shape, stride or offset is not made of whole numbers from 0 on"
        if len(described.size) != len(described.stride):
            return f"damaged: it has {len(described.size)} sizes and {len(described.stride)} strides"
        steps = zip(described.size, described.stride, strict=True)
        # torch lets the offset of an empty tensor lie beyond its storage
        last = sum((size - 1) * stride for size, stride in steps) + storage.start + described.offset
        held = self.places[storage.key][1]
        if (all(described.size) and (last + 1) * item > held) or max(described.size, default=0) > 1 << 48:
            shape = foreign.shown(str(described.size), most=80)
            return f"damaged: its shape {shape} reaches beyond the {held:,} bytes of its storage"
        return ""

    def _whole(self, name: str, described: Described, storages: dict[str, Tensor], where: str) -> Tensor:
        """Return a dense tensor, also for a sparse description."""
        if not described.layout:
            return self._made(described, storages)
        parts = [self._made(part, storages) for part in described.parts]
        return assembled(described.layout, parts, described.size, name, where)

    def _made(self, described: Described, storages: dict[str, Tensor]) -> Tensor:
        import torch

        storage = described.storage
        assert storage is not None
        if not all(described.size):
            return torch.empty(described.size, dtype=getattr(torch, described.kind))
        if storage.key not in storages:
            first, count = self.places[storage.key]
            content = torch.empty(count, dtype=torch.uint8)
            self.file.seek(first)
            if count and self.file.readinto(memoryview(content.numpy())) != count:  # type: ignore[attr-defined]
                raise EOFError("it is cut short")
            storages[storage.key] = content
        content, item = storages[storage.key], _item(described.kind)
        whole = content[: content.numel() // item * item].view(getattr(torch, described.kind))
        return whole.as_strided(described.size, described.stride, storage.start + described.offset)


def look(file: BinaryIO) -> Saved:
    """Return the value in a ``torch.save`` file with descriptions for tensors, without running code.

    Raises:
        Exception: nearly any, if the file is damaged; ``pickles.Refused`` if it holds more than plain values.
    """
    size = os.fstat(file.fileno()).st_size
    zipped = file.read(len(ZIP)) == ZIP
    file.seek(0)
    return _zipped(file, size) if zipped else _row_of_pickles(file, size)


def _zipped(file: BinaryIO, size: int) -> Saved:
    with zipfile.ZipFile(_Directory(file)) as archive:  # type: ignore[arg-type]
        entries = archive.infolist()
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise pickle.UnpicklingError("its zip entries are compressed, which torch.save never does")
    if sum(entry.file_size for entry in entries) > size:
        raise pickle.UnpicklingError("its zip entries say that they have more bytes than the file")
    names = [entry.filename for entry in entries if entry.filename.count("/") == 1]
    pickles = [name for name in names if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise pickle.UnpicklingError(f"a zip archive with {len(pickles)} files data.pkl")
    inside = pickles[0].removesuffix("data.pkl")
    # each entry follows a local header, whose names may have other lengths than in the directory
    places = {entry.filename.removeprefix(inside): _place(file, entry, size) for entry in entries}
    if "byteorder" in places:
        file.seek(places["byteorder"][0])
        if file.read(min(places["byteorder"][1], 10)) != b"little":
            raise pickle.UnpicklingError("it was written by a big-endian machine")
    file.seek(places["data.pkl"][0])
    value = TorchPickle(file).load()
    storages = {name.removeprefix("data/"): place for name, place in places.items() if name.startswith("data/")}
    return Saved(file=file, bytes=size, value=value, places=storages)


def _place(file: BinaryIO, entry: zipfile.ZipInfo, size: int) -> tuple[int, int]:
    file.seek(entry.header_offset)
    header = file.read(30)
    if len(header) < 30 or header[:4] != ZIP:
        raise pickle.UnpicklingError("its zip directory names an entry that is not in it")
    first = entry.header_offset + 30 + sum(struct.unpack("<HH", header[26:30]))
    if first + entry.file_size > size:
        raise pickle.UnpicklingError("its zip directory names an entry that ends beyond the file")
    return first, entry.file_size


def _row_of_pickles(file: BinaryIO, size: int) -> Saved:
    if TorchPickle(file).load() != MAGIC or TorchPickle(file).load() != PROTOCOL:
        raise pickle.UnpicklingError("it does not begin as torch.save begins")
    system = TorchPickle(file).load()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise pickle.UnpicklingError("it was written by a big-endian machine")
    described = TorchPickle(file)
    value, kinds = described.load(), described.kinds
    keys = TorchPickle(file).load()
    places = {}
    for key in keys:
        if kinds[key] not in foreign.READABLE:  # the length of the storage depends on its type
            raise pickle.UnpicklingError(f"it has a {foreign.shown(kinds[key])} storage")
        count = int.from_bytes(file.read(8), "little")
        held = count * _item(kinds[key])
        if file.tell() + held > size:
            raise EOFError("it is cut short")
        places[key] = (file.tell(), held)
        file.seek(held, os.SEEK_CUR)
    return Saved(file=file, bytes=size, value=value, places=places)


def _shape_damage(described: Described) -> str:
    """Return what is wrong with the shape of a sparse tensor, or an empty text."""
    if _whole_numbers(*described.size) and max(described.size, default=0) <= 1 << 48:
        return ""
    return f"damaged: its shape {foreign.shown(str(described.size), most=80)} is not made of whole numbers from 0 on"


def _whole_numbers(*numbers: Any) -> bool:
    return all(type(number) is int and number >= 0 for number in numbers)


def _item(kind: str) -> int:
    """Return the bytes of one entry."""
    import torch

    return getattr(torch, kind).itemsize


class _Directory:
    """A file for ``zipfile`` that refuses a list of entries longer than any of ``torch.save``."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.seek, self.tell, self.seekable, self.close = file.seek, file.tell, file.seekable, lambda: None

    def read(self, count: int = -1) -> bytes:
        """Return ``count`` bytes of the file."""
        if count > MOST_DIRECTORY:
            raise pickle.UnpicklingError("a zip archive with too many entries")
        return self.file.read(count)
