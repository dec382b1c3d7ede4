"""The fingerprint of the data of a study folder, as a file, so that the folder can be read without the data."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lotterylab.errors import UsageError
from lotterylab.formats.blobs import write_atomically
from lotterylab.formats.foreign import text
from lotterylab.types import Fingerprint

NAME = "data.json"
MOST_BYTES = 1 << 20  # the fingerprint of CIFAR-10 has 600


def keep(fingerprint: Fingerprint, path: Path) -> None:
    """Write a fingerprint as JSON."""
    write_atomically(path, f"{json.dumps(asdict(fingerprint), indent=1)}\n".encode())


def kept(path: Path) -> Fingerprint:
    """Return the fingerprint in a file that ``keep`` wrote.

    Raises:
        UsageError: the file is missing, or holds anything else.
    """
    try:
        values = json.loads(text(path, most=MOST_BYTES))
        return _fingerprint(**values)
    except (ValueError, TypeError, RecursionError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(
            f"{path} does not describe data. Restore it, or remove it: the data are then read from --data-dir."
        ) from error


def _fingerprint(*, content: Any, files: Any, warnings: Any) -> Fingerprint:
    if not (isinstance(content, str) and re.fullmatch("[0-9a-f]{64}", content)):
        raise ValueError("the content is not a SHA-256")
    if not all(isinstance(name, str) and isinstance(checksum, str) for name, checksum in files):
        raise ValueError("the files are not pairs of name and checksum")
    if not all(isinstance(warning, str) for warning in warnings):
        raise ValueError("the warnings are not texts")
    return Fingerprint(
        content=content, files=tuple((name, checksum) for name, checksum in files), warnings=tuple(warnings)
    )
