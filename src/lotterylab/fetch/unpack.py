"""Unpacking an archive into a folder that appears complete or not at all."""

from __future__ import annotations

import os
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import IO

from lotterylab.errors import UsageError
from lotterylab.fetch.disk import disk, settle
from lotterylab.fetch.sources import Archive
from lotterylab.formats.blobs import WRITING


def unpack(path: Path, archive: Archive, folder: Path) -> Path:
    """Unpack the expected members of the ``.tar.gz`` at ``path`` into ``folder / archive.inside``, and nothing else.

    Only regular files of the expected names and sizes are read, as streams into files that we name.  No path, link,
    owner or mode of the archive is followed.  This is stricter than tarfile's filter "data", which the first releases
    of Python 3.11 lack.

    Raises:
        UsageError: the archive is damaged, lacks a member or has a wrong member, or the folder exists.
    """
    final, temporary = folder / archive.inside, folder / f"{WRITING}{archive.inside}"
    if final.exists():
        raise UsageError(f"{final} exists already; nothing was unpacked. Move it away.")
    with disk(folder):
        shutil.rmtree(temporary, ignore_errors=True)  # left by a killed unpacking
        temporary.mkdir()
        try:
            _members(path, archive, temporary)
            settle(temporary)
            os.rename(temporary, final)
            settle(folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return final


def _members(path: Path, archive: Archive, folder: Path) -> None:
    wanted = {f"{archive.inside}/{name}": name for name in archive.members}
    try:
        with tarfile.open(path, "r:gz") as tar:
            for member in tar:
                name = wanted.pop(member.name, None)
                if name is None:
                    continue
                stream = tar.extractfile(member) if member.isreg() else None
                if stream is None or member.size != archive.members[name]:
                    kind = f"a file of {member.size} bytes" if stream else "not a regular file"
                    raise UsageError(
                        f"{member.name} in {path} is {kind}; a file of {archive.members[name]} bytes was expected. "
                        "Remove the archive and fetch again."
                    )
                _write(stream, folder / name)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise UsageError(f"{path} cannot be unpacked ({error}). Remove it and fetch again.") from error
    if wanted:
        raise UsageError(f"{path} lacks {', '.join(sorted(wanted))}. Remove it and fetch again.")


def _write(stream: IO[bytes], path: Path) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(stream, file)
        file.flush()
        os.fsync(file.fileno())
