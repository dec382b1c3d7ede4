"""A user's own copy of a published data set has names, images, checksums and warnings."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from lotterylab.data.base import ENVIRONMENT
from lotterylab.errors import UsageError
from lotterylab.formats.foreign import opened, regular
from lotterylab.system.places import missing, why_missing

if TYPE_CHECKING:
    from lotterylab.data.arrays import Arrays

MOST_BYTES = 1 << 30  # of a file; the largest published file has 154 MB
Checksums = tuple[tuple[str, str], ...]  # (file name, "md5:...") each


class Copy(Protocol):
    """A ``Copy`` is a folder with files of the data set."""

    @property
    def path(self) -> Path:
        """The folder."""
        ...

    def names(self, *, training: int, test: int) -> tuple[str, ...]:
        """Return the names of the files with the first ``training`` and ``test`` images, as they should be here."""
        ...

    def read(self, *, training: int, test: int) -> tuple[Arrays, Arrays]:
        """Return the first ``training`` and ``test`` images, in canonical order.

        Raises:
            UsageError: a file is missing or damaged.
        """
        ...

    def warnings(self, files: Checksums, *, used: int) -> tuple[str, ...]:
        """Return the warnings about results on this copy, each a line, given checksums and ``used`` approximate images.

        They do not name the folder, because they go into shared pages.
        """
        ...


def file(folder: Path, name: str, *, called: str) -> Path:
    """Return the path of a copy's file; refuse a file that is missing or too large."""
    path = folder / name
    if not path.exists():
        why = why_missing(path) if path.is_symlink() else ""
        raise UsageError(f"{called} in {folder} is incomplete: {name} is missing{why}. Unpack or download it again.")
    if (size := regular(path)) > MOST_BYTES:
        raise UsageError(f"{path} has {size:,} bytes, far more than any file of {called}. Download it again.")
    return path


def checksums(copy: Copy, names: Iterable[str], *, called: str) -> Checksums:
    """Return (name, "md5:...") of each file.

    Raises:
        UsageError: a file is missing.
    """
    return tuple((name, f"md5:{md5(file(copy.path, name, called=called))}") for name in names)


def md5(path: Path) -> str:
    """Return the MD5 sum of a file in hexadecimal, the checksum that is published for these data sets."""
    with opened(path) as file:
        return hashlib.file_digest(
            cast(io.BufferedReader, file), lambda: hashlib.md5(usedforsecurity=False)
        ).hexdigest()


def differing(files: Checksums, canonical: Mapping[str, str]) -> str:
    """Return "name md5:0123456789..." for each file whose checksum is not canonical, or ""."""
    return ", ".join(f"{name} {checksum[:12]}..." for name, checksum in files if checksum != f"md5:{canonical[name]}")


def not_found(called: str, data_dir: Path | None, *, places: Iterable[str], name: str, what: str) -> UsageError:
    """Return the error for a missing data set; ``name`` is its name in `data fetch`, ``what`` the files to add."""
    digits = "or, where a study has the option, --data digits, which are inside the package."
    if data_dir is None:
        return UsageError(
            f"{called} needs a local copy: pass --data-dir FOLDER or set {ENVIRONMENT}, where FOLDER holds {what} "
            f"(`lotterylab data fetch {name} --into FOLDER` downloads it); {digits}"
        )
    advice = f"Put {what} there, or run `lotterylab data fetch {name} --into FOLDER`; {digits}"
    if not os.path.isdir(data_dir):
        return UsageError(f"there is no folder {data_dir} to read {called} from{why_missing(data_dir)}. {advice}")
    searched = [data_dir / place for place in places]
    if broken := [path for path in searched if path.is_symlink() and not path.exists()]:
        return UsageError(f"there is no {called} in {data_dir}: {missing('folder', broken[0])}. {advice}")
    return UsageError(f"there is no {called} in {data_dir} (searched {', '.join(places)}). {advice}")
