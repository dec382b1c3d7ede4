"""One file: downloaded under a temporary name, resumed after a break, renamed once its checksum is right."""

from __future__ import annotations

import http.client
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lotterylab.errors import UsageError
from lotterylab.fetch.disk import disk, settle, sha256
from lotterylab.fetch.sources import File, Progress
from lotterylab.formats.text import shown

ATTEMPTS = 3  # at each address without progress; each attempt resumes the last
TIMEOUT_SECONDS = 30  # without a byte
CHUNK = 1 << 16  # bytes; a kill loses at most one chunk


class _Failed(Exception):
    """An address did not give the file; ``again`` is true if another attempt may succeed."""

    def __init__(self, why: str, *, again: bool) -> None:
        super().__init__(why)
        self.again = again


class _Part:
    """A partial download ``NAME.part``, with its address and validator (ETag or time) in ``NAME.part.json``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.about = path.with_name(f"{path.name}.json")

    @property
    def size(self) -> int:
        """Return the bytes that have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    def remove(self) -> None:
        """Delete the partial download to start over."""
        self.path.unlink(missing_ok=True)
        self.about.unlink(missing_ok=True)

    def validator(self, url: str) -> str | None:
        """Return the value for ``If-Range`` if the part came from this address."""
        try:
            about: Any = json.loads(self.about.read_text())
            return about["validator"] if about["url"] == url else None
        except (OSError, ValueError, TypeError, KeyError):
            return None  # the checksum of the whole file still decides

    def came_from(self, url: str, headers: http.client.HTTPMessage) -> None:
        """Note the server's validator.  A weak ETag promises nothing about bytes. [RFC 9110, 13.1.5]"""
        etag = headers.get("ETag", "")
        validator = etag if etag.startswith('"') else headers.get("Last-Modified")
        self.about.write_text(json.dumps({"url": url, "validator": validator}))


def download(file: File, addresses: Sequence[str], folder: Path, report: Callable[[Progress], None]) -> Path:
    """Download ``folder / file.name``, which must not exist yet, from the first address that gives it.

    Raises:
        UsageError: with what each address answered, or what the disk refused.
    """
    part = _Part(folder / f"{file.name}.part")
    failures = {}
    for address in addresses:
        url, left, most = address + file.name, ATTEMPTS, part.size
        if not url.startswith(("https://", "http://")):
            raise UsageError(f"{address} is not an address to download from: it must begin with https:// or http://.")
        while left:
            try:
                resumed = _advance(url, file, part, report)
                _accept(file, part, resumed, report)
                return folder / file.name
            except _Failed as failed:
                failures[url] = str(failed)
                left = 0 if not failed.again else ATTEMPTS if part.size > most else left - 1
                most = max(most, part.size)
    kept = f"; {part.size} of {file.size} bytes are kept in {part.path}" if part.size else ""
    answers = "; ".join(f"{url}: {why}" for url, why in failures.items())
    raise UsageError(
        f"{file.name} could not be downloaded ({answers or 'no address'}){kept}. Try again "
        f"later: the same command goes on; or download it yourself and put it into {folder}."
    )


def _accept(file: File, part: _Part, resumed: bool, report: Callable[[Progress], None]) -> None:
    """Rename a part that is the published file, or remove a wrong part."""
    report(Progress(what="checking", file=file.name, done=file.size, total=file.size))
    digest = sha256(part.path)
    with disk(part.path):
        if digest != file.sha256:
            part.remove()
            # starting over can fix a part of two different files, but not a wrong file
            raise _Failed(f"SHA-256 {digest[:12]}... found, {file.sha256[:12]}... is published", again=resumed)
        settle(part.path)
        os.replace(part.path, part.path.with_name(file.name))
        settle(part.path.parent)
        part.about.unlink(missing_ok=True)


def _advance(url: str, file: File, part: _Part, report: Callable[[Progress], None]) -> bool:
    """Bring a part to its full size and return whether earlier bytes were kept.

    Raises:
        _Failed: what the address answered is not the file, or broke off.
    """
    with disk(part.path):
        if part.size > file.size:
            part.remove()
            report(Progress(what="starting over", file=file.name, done=0, total=file.size))
    start = part.size
    if start == file.size:
        return True
    headers = {"User-Agent": "lotterylab", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if validator := part.validator(url):
            headers["If-Range"] = validator
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_SECONDS) as response:
            if start and not _continues(response, start):
                report(Progress(what="starting over", file=file.name, done=0, total=file.size))
                start = 0
            _store(response, file, part, start, url, report)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            with disk(part.path):
                part.remove()
            report(Progress(what="starting over", file=file.name, done=0, total=file.size))
            raise _Failed("the file there is shorter than the bytes that have arrived", again=True) from error
        raise _Failed(
            shown(f"{error.code} {error.reason}"), again=error.code in (408, 429) or error.code >= 500
        ) from error
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        reason = getattr(error, "reason", None) or error or type(error).__name__
        raise _Failed(shown(str(reason)), again=True) from error
    if part.size < file.size:
        raise _Failed(f"it ended after {part.size} of {file.size} bytes", again=True)
    return start > 0


def _continues(response: http.client.HTTPResponse, start: int) -> bool:
    """Return whether the answer is the requested part; a server may send the whole file instead."""
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return False
    span = re.fullmatch(r"bytes (\d+)-\d+/(?:\d+|\*)", response.headers.get("Content-Range", ""))
    if not span or int(span[1]) != start:
        raise _Failed(f"it sent a different part than the one from byte {start} on", again=False)
    return True


def _store(
    response: http.client.HTTPResponse,
    file: File,
    part: _Part,
    start: int,
    url: str,
    report: Callable[[Progress], None],
) -> None:
    announced = response.length  # None if the server does not say
    if announced is not None and start + announced != file.size:
        raise _Failed(f"the file there has {start + announced} bytes, {file.size} are published", again=False)
    with disk(part.path):
        opened = part.path.open("ab" if start else "wb")
    with opened as stored:
        with disk(part.path):
            part.came_from(url, response.headers)
        done = start
        while chunk := response.read(CHUNK):
            if done + len(chunk) > file.size:
                raise _Failed(f"it has more than the {file.size} bytes that are published", again=False)
            with disk(part.path):
                stored.write(chunk)
                stored.flush()
            done += len(chunk)
            report(Progress(what="downloading", file=file.name, done=done, total=file.size))
