"""The version of a store's layout, in ``format.json``."""

from __future__ import annotations

from lotterylab.engine.files import CHECK, Files, plain_fields, sealed, unsealed
from lotterylab.errors import RefusedError

FORMAT = 2
OLDER = {b'{"format": 1}': 1}  # format 1 had no checksum in this file
NAME = "format.json"


def read_format(files: Files) -> int:
    """The version of the layout; 0 if there is no store yet, or if the file is damaged.

    Raises:
        RefusedError: it is a newer version.
    """
    data = files.read(files.root / NAME)
    if data is None or data in OLDER:
        return OLDER.get(data or b"", 0)
    fields = unsealed(data)
    damaged = fields is None
    if damaged and CHECK.encode() not in data:
        fields = plain_fields(data)  # a newer version may have another checksum in its file
    number = (fields or {}).get("format")
    if isinstance(number, int) and number > FORMAT:
        raise RefusedError(
            f"the store {files.root} has format {number}; this lotterylab knows up to {FORMAT}. "
            "Use a newer lotterylab, or another --store."
        )
    if damaged or not isinstance(number, int):
        files.damage[files.root / NAME] = "it is not what its checksum says"
        return 0
    return number


def write_format(files: Files, number: int) -> None:
    """Say which version of the layout this is."""
    files.write(files.root / NAME, sealed({"format": number}))
