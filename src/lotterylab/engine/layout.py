"""The version of a store's layout, in ``format.json``."""

from __future__ import annotations

from lotterylab.engine.files import CHECK, Files, plain_fields, sealed, unsealed
from lotterylab.errors import RefusedError

FORMAT = 2
OLDER = {b'{"format": 1}': 1}  # format 1 had no checksum in this file
NAME = "format.json"


def read_format(files: Files) -> int:
    """Return the version of the layout, or 0 if no store exists yet or the file is damaged.

    Raises:
        RefusedError: the version is newer.
    """
    data = files.read(files.root / NAME)
    if data is None or data in OLDER:
        return OLDER.get(data or b"", 0)
    fields = unsealed(data)
    damaged = fields is None
    if damaged and CHECK.encode() not in data:
        fields = plain_fields(data)  # a newer version may use another checksum
    number = (fields or {}).get("format")
    if isinstance(number, int) and number > FORMAT:
        raise RefusedError(
            f"the store {files.root} has format {number}; this lotterylab reads formats up to {FORMAT}. "
            "Use a newer lotterylab, or another --store."
        )
    if damaged or not isinstance(number, int):
        files.damage[files.root / NAME] = "it does not match its checksum"
        return 0
    return number


def write_format(files: Files, number: int) -> None:
    """Write the version of the layout."""
    files.write(files.root / NAME, sealed({"format": number}))
