"""Tensors on disk as safetensors, whole or not at all; ``formats.checkpoints`` reads the files of others."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import secrets
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from lotterylab.system.refusals import naming

if TYPE_CHECKING:
    from torch import Tensor

WRITING = ".writing-"  # the names of unfinished files begin so
CUT_OFF_SECONDS = 3600.0  # far longer than any write takes
Sync = Literal["all", "file", "none"]


def write_atomically(path: str | Path, data: bytes, *, sync: Sync = "all") -> None:
    """Write, fsync, rename, fsync the folder: a reader sees the old file or the whole new one.

    Args:
        path: of the file.
        data: its bytes.
        sync: what waits for the disk.  Without "all" the file may be gone after the machine has crashed; with "none" it
            may also be damaged then.  A crash of the program loses nothing.
    """
    with written_whole(path, sync=sync) as file:
        file.write(data)


@contextlib.contextmanager
def written_whole(path: str | Path, *, sync: Sync = "all") -> Iterator[BinaryIO]:
    """Open a file to write, which gets its name if the block ends without an error and is removed otherwise."""
    path = Path(path)
    temporary = unfinished(path.parent)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError as error:
        error.filename = str(path)  # the person knows no other name
        raise
    try:
        with naming(path), os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            if sync != "none":
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    # The file exists now, so a later error must not claim the opposite.  Some file systems cannot fsync a folder.
    with contextlib.suppress(OSError):
        if sync == "all":
            _sync_folder(path.parent)


def unfinished(folder: Path) -> Path:
    """Return a new name in ``folder`` for an unfinished file; ``sweep`` removes the file once this process has ended.

    ``tempfile`` is not used because only the owner could read its files.
    """
    return folder / f"{WRITING}{_system()}-{os.getpid()}-{secrets.token_hex(4)}"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove the unfinished files of killed writes from ``folder``; files of living processes stay."""
    for file in cut_off(folder):
        with contextlib.suppress(OSError):
            file.unlink()


def cut_off(folder: Path) -> Iterator[Path]:
    """Yield the unfinished files in ``folder`` (not in folders below it) whose writer has died.

    A file of another machine counts as unfinished after an hour, since its process cannot be looked up.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:  # an unreadable folder waits for the next sweep
        for entry in entries:
            if entry.name.startswith(WRITING) and not entry.is_dir(follow_symlinks=False) and _is_left(entry):
                yield Path(entry.path)


def _is_left(entry: os.DirEntry[str]) -> bool:
    system, _, rest = entry.name.removeprefix(WRITING).partition("-")
    process = rest.partition("-")[0]
    if system == _system() and process.isdecimal():
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return True
        except (PermissionError, OverflowError):
            return False
        return False
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > CUT_OFF_SECONDS
    except FileNotFoundError:
        return False


@cache
def _system() -> str:
    """Return eight digits that name this boot and container, inside which a process number is unique."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        name = f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        name = platform.node()
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def serialize(tensors: Mapping[str, Tensor]) -> bytes:
    """Return safetensors bytes; equal tensors give equal bytes, whatever their order or memory layout."""
    from safetensors.torch import save

    plain: dict[str, Tensor] = {}
    written: set[int] = set()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().resolve_conj().resolve_neg().contiguous()
        memory = tensor.untyped_storage().data_ptr()
        plain[name] = tensor.clone() if memory in written else tensor  # the format's writer refuses shared memory
        written.add(memory)
    # The format's writer orders metadata keys at random, so at most one key is safe.
    return save(plain)


def deserialize(data: bytes) -> dict[str, Tensor]:
    """Return the tensors of safetensors bytes, sorted by name because the format's reader has no fixed order."""
    from safetensors.torch import load

    return dict(sorted(load(data).items()))


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor]) -> str:
    """Write safetensors atomically and return the SHA-256 of the bytes."""
    data = serialize(tensors)
    write_atomically(path, data)
    return hashlib.sha256(data).hexdigest()
