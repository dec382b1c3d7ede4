"""A whole data set: find an existing copy, download missing files, unpack an archive."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lotterylab.data.copies import Copy, md5
from lotterylab.errors import RefusedError, UsageError
from lotterylab.fetch.disk import disk, sha256
from lotterylab.fetch.download import download
from lotterylab.fetch.sources import Archive, File, Progress, Source, source_named
from lotterylab.fetch.unpack import unpack
from lotterylab.system.places import place

Report = Callable[[Progress], None]


def fetch(
    name: str | Source, into: Path, *, progress: Report | None = None, addresses: Sequence[str] | None = None
) -> Path:
    """Return the folder below ``into`` with the data set, where a data spec with ``into`` as its folder finds it.

    A file gets its name only when it is complete and has the published checksum.  A broken download stays beside it as
    ``NAME.part``, and the same call resumes it.  Existing files are never overwritten.

    Args:
        name: one of ``SOURCES``, or a user's own source.
        into: the user's data folder; made if it does not exist.
        progress: called with each step, and with the bytes as they arrive.
        addresses: used in place of the source's addresses; each ends in "/".

    Raises:
        UsageError: an existing copy differs from the published one, no address gives the file, or the disk refuses it.
        RefusedError: another process is fetching into the same folder.
    """
    source = source_named(name) if isinstance(name, str) else name
    report = progress or _silent
    into = place(into, "folder of the data")
    with disk(into):
        into.mkdir(parents=True, exist_ok=True)
        copy = source.standing(into)
    missing = _missing(source, copy) if copy else {file.name for file in source.files}
    if copy and not missing:
        report(Progress(what="there", file=source.called, done=0, total=0))
        return copy.path
    folder = copy.path if copy else into / source.folder
    with disk(folder):
        folder.mkdir(exist_ok=True)
    tried = tuple(addresses) if addresses is not None else source.addresses
    with _alone(folder):
        for file in source.files:
            if file.name in missing and not _there(folder / file.name, file):
                download(file, tried, folder, report)
        if source.archive:
            folder = _unpacked(source.files[0], source.archive, folder, report)
    report(Progress(what="fetched", file=source.called, done=0, total=0))
    return folder


def _missing(source: Source, copy: Copy) -> set[str]:
    """Return the files that a copy lacks; only a data set of single files may lack some."""
    names = copy.names(training=source.training_images, test=source.test_images)
    missing = {name for name in names if not (copy.path / name).is_file()}
    wrong = [name for name in names if name not in missing and md5(copy.path / name) != source.canonical[name]]
    if wrong or (missing and source.archive):
        difference = (
            f"{', '.join(wrong)} differ from what is published" if wrong else f"{', '.join(sorted(missing))} is missing"
        )
        raise UsageError(
            f"{copy.path} holds a copy of {source.called} that is not as published: {difference}. Nothing was changed. "
            "Move it away, or fetch into another folder."
        )
    return missing


def _there(path: Path, file: File) -> bool:
    """Return whether the whole file exists, as an archive does that is not unpacked yet."""
    if not path.exists():
        return False
    if sha256(path) != file.sha256:
        raise UsageError(f"{path} exists, but it is not the published file. Nothing was changed. Move it away.")
    return True


def _unpacked(file: File, archive: Archive, folder: Path, report: Report) -> Path:
    report(Progress(what="unpacking", file=file.name, done=0, total=sum(archive.members.values())))
    unpacked = unpack(folder / file.name, archive, folder)
    with disk(folder):
        (folder / file.name).unlink()  # its members are unpacked beside it, and its checksum is known
    return unpacked


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock the folder itself, which leaves no file behind; the system drops the lock however its holder ends."""
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(f"another process is fetching into {folder}. Wait for it.") from None
        yield
    finally:
        os.close(descriptor)


def _silent(progress: Progress) -> None:
    pass
