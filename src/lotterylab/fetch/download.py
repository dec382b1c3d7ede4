"""One file: downloaded beside its name, resumed where it broke off, renamed when its checksum is right."""

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

ATTEMPTS = 3  # at each address without getting further; each goes on where the one before broke off
TIMEOUT_SECONDS = 30  # without a byte
CHUNK = 1 << 16  # bytes, which is the most that a kill loses


class _Failed(Exception):
    """An address did not give the file; ``again``: it may when asked again."""

    def __init__(self, why: str, *, again: bool) -> None:
        super().__init__(why)
        self.again = again


class _Part:
    """``NAME.part``, and ``NAME.part.json`` with the address it came from and what tells whether the file there is
    still the same (its ETag or its time)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.about = path.with_name(f"{path.name}.json")

    @property
    def size(self) -> int:
        """Bytes that have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    def remove(self) -> None:
        """Start over."""
        self.path.unlink(missing_ok=True)
        self.about.unlink(missing_ok=True)

    def validator(self, url: str) -> str | None:
        """What ``If-Range`` takes, if the part came from there."""
        try:
            about: Any = json.loads(self.about.read_text())
            return about["validator"] if about["url"] == url else None
        except (OSError, ValueError, TypeError, KeyError):
            return None  # nothing to compare by: the checksum will tell

    def came_from(self, url: str, headers: http.client.HTTPMessage) -> None:
        """Note what the server says of the file.  A weak ETag promises nothing about bytes. [RFC 9110, 13.1.5]"""
        etag = headers.get("ETag", "")
        validator = etag if etag.startswith('"') else headers.get("Last-Modified")
        self.about.write_text(json.dumps({"url": url, "validator": validator}))


def download(file: File, addresses: Sequence[str], folder: Path, report: Callable[[Progress], None]) -> Path:
    """``folder / file.name``, which must not be there yet, from the first address that gives it.

    Raises:
        UsageError: with what each address answered, or what the disk refused.
    """
    part = _Part(folder / f"{file.name}.part")
    failures = {}
    for address in addresses:
        url, left, most = address + file.name, ATTEMPTS, part.size
        if not url.startswith(("https://", "http://")):
            raise UsageError(f"{address} is no address to download from: it begins with neither https:// nor http://.")
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
    said = "; ".join(f"{url}: {why}" for url, why in failures.items())
    raise UsageError(
        f"{file.name} could not be downloaded ({said or 'no address'}){kept}. Try again "
        f"later: the same command goes on; or download it yourself and put it into {folder}."
    )


def _accept(file: File, part: _Part, resumed: bool, report: Callable[[Progress], None]) -> None:
    """Rename a part that is the published file; remove one that is not."""
    report(Progress(what="checking", file=file.name, done=file.size, total=file.size))
    found = sha256(part.path)
    with disk(part.path):
        if found != file.sha256:
            part.remove()
            # two halves of different files can be mended by starting over, a whole wrong file cannot
            raise _Failed(f"SHA-256 {found[:12]}... found, {file.sha256[:12]}... is published", again=resumed)
        settle(part.path)
        os.replace(part.path, part.path.with_name(file.name))
        settle(part.path.parent)
        part.about.unlink(missing_ok=True)


def _advance(url: str, file: File, part: _Part, report: Callable[[Progress], None]) -> bool:
    """Bring a part to its full size; True when it began with what had arrived before.

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
            raise _Failed("it is shorter there than what has arrived", again=True) from error
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
    """Whether the answer is the part that was asked for; a server may send the whole file instead, and does when it has
    changed."""
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return False
    found = re.fullmatch(r"bytes (\d+)-\d+/(?:\d+|\*)", response.headers.get("Content-Range", ""))
    if not found or int(found[1]) != start:
        raise _Failed(f"it sent another part than the one from byte {start} on", again=False)
    return True


def _store(
    response: http.client.HTTPResponse,
    file: File,
    part: _Part,
    start: int,
    url: str,
    report: Callable[[Progress], None],
) -> None:
    announced = response.length  # None where the server does not say
    if announced is not None and start + announced != file.size:
        raise _Failed(f"it has {start + announced} bytes there, {file.size} are published", again=False)
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
