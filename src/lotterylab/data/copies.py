"""The user's own copy of a published data set: what each kind of files must be able to say."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from lotterylab.data.base import ENVIRONMENT
from lotterylab.errors import UsageError
from lotterylab.formats.foreign import opened, regular

if TYPE_CHECKING:
    from lotterylab.data.arrays import Arrays

MOST_BYTES = 1 << 30  # of a file; the largest of a published set has 154 MB
Checksums = tuple[tuple[str, str], ...]  # (file name, "md5:...") each


class Copy(Protocol):
    """A folder in which files of the data set were found."""

    @property
    def path(self) -> Path:
        """The folder."""
        ...

    def names(self, *, training: int, test: int) -> tuple[str, ...]:
        """The files that hold the first so many images, by the names that they have or should have here."""
        ...

    def read(self, *, training: int, test: int) -> tuple[Arrays, Arrays]:
        """The first so many images of each kind, in canonical order.

        Raises:
            UsageError: a file is missing or damaged.
        """
        ...

    def warnings(self, files: Checksums, *, used: int) -> tuple[str, ...]:
        """What must be said of results on this copy, one line each: of files with these checksums, of which ``used``
        approximate images are in use.  It does not say where the copy lies: it goes into pages that are shared."""
        ...


def file(folder: Path, name: str, *, called: str) -> Path:
    """A file of a copy, which must be there and be a file of a possible size."""
    path = folder / name
    if not path.exists():
        raise UsageError(f"{called} in {folder} is not whole: {name} is missing. Unpack or download it again.")
    if (size := regular(path)) > MOST_BYTES:
        raise UsageError(f"{path} has {size:,} bytes, far more than any file of {called}. Download it again.")
    return path


def checksums(copy: Copy, names: Iterable[str], *, called: str) -> Checksums:
    """The MD5 sum of each whole file.  Raises ``UsageError`` where one is missing."""
    return tuple((name, f"md5:{md5(file(copy.path, name, called=called))}") for name in names)


def md5(path: Path) -> str:
    """The MD5 sum of a file, in hexadecimal: the kind that is published for these data sets."""
    with opened(path) as file:
        return hashlib.file_digest(
            cast(io.BufferedReader, file), lambda: hashlib.md5(usedforsecurity=False)
        ).hexdigest()


def differing(files: Checksums, canonical: Mapping[str, str]) -> str:
    """ "name md5:0123456789...", for each file whose checksum is not the canonical one; empty when all are."""
    return ", ".join(f"{name} {found[:12]}..." for name, found in files if found != f"md5:{canonical[name]}")


def not_found(called: str, data_dir: Path | None, *, places: Iterable[str], name: str, what: str) -> UsageError:
    """The error for a data set that is nowhere; ``name`` is what `data fetch` calls it, ``what`` the files to put."""
    digits = "or, where a study has the option, --data digits, which are inside the package."
    if data_dir is None:
        return UsageError(
            f"{called} needs a local copy: pass --data-dir FOLDER or set {ENVIRONMENT}, where FOLDER holds {what} "
            f"(`lotterylab data fetch {name} --into FOLDER` downloads it); {digits}"
        )
    advice = f"Put {what} there, or run `lotterylab data fetch {name} --into FOLDER`; {digits}"
    if not data_dir.is_dir():
        return UsageError(f"no folder {data_dir}, where {called} was to be read. {advice}")
    return UsageError(f"no {called} in {data_dir} (looked in {', '.join(places)}). {advice}")
