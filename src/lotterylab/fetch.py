"""Data sets from their own sites: resumed when cut off, checked before they stand under their names.

A download grows in ``NAME.part`` with a note of where it comes from beside it.  Only a file with the published checksum
is renamed, and an archive is unpacked into a folder that is renamed when it is whole: under a final name there is
never half of anything.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from lotterylab.errors import UsageError, unknown

CHUNK = 1 << 16
TIMEOUT_SECONDS = 60
Progress = Callable[[str, int, int | None], None]  # file, bytes so far, bytes in all (None where it is not said)


@dataclass(frozen=True, kw_only=True)
class Remote:
    """One file: its name, its MD5, and the addresses it can be had from, the best first.

    ``unpacked``: for an archive, the folder inside it that is wanted.
    """

    name: str
    md5: str
    addresses: tuple[str, ...]
    unpacked: str = ""


def _idx(sites: tuple[str, ...], sums: Mapping[str, str]) -> tuple[Remote, ...]:
    return tuple(
        Remote(name=name, md5=md5, addresses=tuple(f"{site}/{name}" for site in sites)) for name, md5 in sums.items()
    )


def _cifar(kind: str, md5: str, folder: str) -> tuple[Remote, ...]:
    name = f"cifar-{kind}-binary.tar.gz"
    # the authors' site has moved; the older address may still answer
    sites = ("https://cave.cs.toronto.edu/kriz", "https://www.cs.toronto.edu/~kriz")
    return (Remote(name=name, md5=md5, addresses=tuple(f"{site}/{name}" for site in sites), unpacked=folder),)


def remotes() -> dict[str, tuple[str, tuple[Remote, ...]]]:
    """Data set -> the folder it goes to, and its files.  Checksums: those of the authors' page and of torchvision."""
    from lotterylab.data.mnist import FashionMnist, Mnist

    mnist = ("https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist")
    fashion = (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    )
    return {
        "mnist": ("mnist", _idx(mnist, Mnist.canonical)),
        "fashion-mnist": ("fashion-mnist", _idx(fashion, FashionMnist.canonical)),
        "cifar10": ("cifar10", _cifar("10", "c32a1d4ab5d03f1284b67883e8d87530", "cifar-10-batches-bin")),
        "cifar100": ("cifar100", _cifar("100", "03b5dce01913d631647c71ecec9e9cb8", "cifar-100-binary")),
    }


def fetch(
    name: str,
    into: Path,
    *,
    progress: Progress = lambda file, done, total: None,
    files: Iterable[Remote] | None = None,
) -> Path:
    """The folder ``into/NAME`` with the whole data set; what is there already and right is left alone.

    ``files``: other addresses than ``remotes()`` has.

    Raises:
        UsageError: an unknown name, a file that is there and is another one, no address that answers, a download that
            is cut off (the same call goes on) or has another checksum.
    """
    known = remotes()
    if name not in known:
        raise unknown("data set to fetch", name, known)
    place, listed = known[name]
    folder = into.expanduser() / place
    folder.mkdir(parents=True, exist_ok=True)
    for file in listed if files is None else files:
        _one(file, folder, progress)
    return folder


def _one(file: Remote, folder: Path, progress: Progress) -> None:
    final = folder / (file.unpacked or file.name)
    if file.unpacked and final.is_dir():
        return  # it was renamed when it was whole
    if not file.unpacked and final.is_file():
        found = _md5(final)
        if found != file.md5:
            raise UsageError(
                f"{final} is there with md5 {found}; the published file has {file.md5}. Nothing was changed. Move it "
                "away to fetch the published one."
            )
        return
    part = folder / f"{file.name}.part"
    reasons = []
    for address in file.addresses:
        try:
            _download(address, part, lambda done, total: progress(file.name, done, total))
        except (OSError, HTTPException) as error:  # urllib's errors are OSErrors
            reasons.append(f"{address}: {error}")
            continue
        found = _md5(part)
        if found == file.md5:
            _finish(file, part, final)
            return
        _forget(part)
        reasons.append(f"{address}: md5 {found} instead of {file.md5}, thrown away")
    kept = f" {part.stat().st_size} bytes are kept; the same command goes on." if part.is_file() else ""
    raise UsageError(f"{file.name} could not be fetched. {'; '.join(reasons)}.{kept}")


def _download(address: str, part: Path, progress: Callable[[int, int | None], None]) -> None:
    """Append to ``part`` what is missing, where the server says that it is still the same file; else begin again."""
    note = part.with_suffix(".from")
    known = _note(note)
    request = urllib.request.Request(address)
    have = part.stat().st_size if part.is_file() and known.get("address") == address and known.get("version") else 0
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", known["version"])
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        error.close()
        _forget(part)  # what we have is as long as the file, or longer: begin again
        _download(address, part, progress)
        return
    with answer:
        goes_on = answer.status == 206
        done = have if goes_on else 0
        version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        length = answer.headers.get("Content-Length")
        total = done + int(length) if length else None
        if not goes_on:
            note.write_text(json.dumps({"address": address, "version": "" if version.startswith("W/") else version}))
        with part.open("ab" if goes_on else "wb") as file:
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                done += len(chunk)
                progress(done, total)
            file.flush()
            os.fsync(file.fileno())
    if total is not None and done < total:
        raise ConnectionError(f"cut off after {done} of {total} bytes")


def _finish(file: Remote, part: Path, final: Path) -> None:
    if file.unpacked:
        _unpack(part, file.unpacked, final)
    else:
        part.replace(final)
    _forget(part)
    _sync(final.parent)


def _unpack(archive: Path, wanted: str, final: Path) -> None:
    """The files of one folder of an archive, and nothing else of it, by way of a temporary folder."""
    fresh = final.with_name(f"{final.name}.unpacking")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            inside, _, name = member.name.removeprefix("./").partition("/")
            if inside == wanted and name and "/" not in name and member.isfile():
                source = tar.extractfile(member)
                assert source is not None, "a plain file has content"
                with source, (fresh / name).open("wb") as target:
                    shutil.copyfileobj(source, target)
                    target.flush()
                    os.fsync(target.fileno())
    if not any(fresh.iterdir()):
        fresh.rmdir()
        raise UsageError(f"{archive.name} holds no folder {wanted}. Its checksum is right: please report this.")
    fresh.replace(final)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _note(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    part.with_suffix(".from").unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
