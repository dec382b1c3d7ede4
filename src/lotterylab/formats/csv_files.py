"""Tables of other people: CSV files with a head, of any usual separator, bounded and checked."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lotterylab.errors import UsageError, unknown
from lotterylab.formats.foreign import text
from lotterylab.formats.text import shown, shown_path

MOST_BYTES = 512 << 20
MOST_LETTERS = 100_000  # of one cell
SEPARATORS = ",;\t|"
COMMA = re.compile(r"[-+]?\d+,\d+")  # a decimal comma, where semicolons separate
MISSING = ("", "nan", "na", "n/a", "null", "none", "-", "inf", "-inf", "+inf", "infinity", "-infinity")


@dataclass(frozen=True, kw_only=True)
class Table:
    """A ``Table`` is the content of a CSV file as text.

    Args:
        path: the file, for errors.
        columns: the names of the columns.
        rows: the cells of each row, one for each column.
        comma: whether a comma stands for the decimal point.
    """

    path: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    comma: bool = False

    def index(self, name: str) -> int:
        """Return the place of a column.

        Raises:
            UsageError: there is no such column.
        """
        if name not in self.columns:
            raise unknown(f"column of {self.path}", name, self.columns)
        return self.columns.index(name)

    def column(self, name: str) -> list[str]:
        """Return the cells of a column."""
        place = self.index(name)
        return [row[place] for row in self.rows]

    def number(self, cell: str) -> float | None:
        """Return the number in a cell; None for an empty cell, "nan" and infinity.

        Raises:
            UsageError: the cell holds another text.
        """
        if cell.strip().lower() in MISSING:
            return None
        spelled = cell.strip().replace(",", ".") if self.comma and COMMA.fullmatch(cell.strip()) else cell
        try:
            value = float(spelled)
        except ValueError:
            raise UsageError(f"{self.path}: '{shown(cell, most=40)}' is not a number.") from None
        return value if math.isfinite(value) else None

    def is_numeric(self, name: str) -> bool:
        """Tell whether each cell of a column is a number or missing, and at least one is a number."""
        try:
            return any(number is not None for number in map(self.number, self.column(name)))
        except UsageError:
            return False


def read_table(path: Path) -> Table:
    """Return the table in a CSV file, UTF-8 with or without a byte-order mark.

    Raises:
        UsageError: there is no such file, it is not text, it has no head or no row, two columns have one name, or a row
            has another number of cells; the message names the line.
    """
    named = shown_path(path)
    content = text(path, most=MOST_BYTES).removeprefix("\ufeff")
    head = content.partition("\n")[0]
    separator = max(SEPARATORS, key=head.count)
    csv.field_size_limit(MOST_LETTERS)
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator)
    texts: dict[str, str] = {}  # a million rows have a few hundred texts
    rows: list[tuple[str, ...]] = []
    columns: tuple[str, ...] = ()
    try:
        for row in reader:
            if not row:
                continue
            if not columns:
                columns = tuple(name.strip() for name in row)
                continue
            if len(row) != len(columns):
                raise UsageError(
                    f"{named}, line {reader.line_num}: {len(row)} cells, but the head has {len(columns)} columns."
                )
            rows.append(tuple(texts.setdefault(cell, cell) for cell in row))
    except csv.Error as error:
        raise UsageError(f"{named}, line {reader.line_num}: it is not CSV ({shown(str(error))}).") from error
    twice = [name for number, name in enumerate(columns) if name in columns[:number]]
    if twice:
        raise UsageError(f"{named} has two columns '{shown(twice[0])}'. Rename one.")
    if not rows:
        raise UsageError(f"{named} has no rows below its head. Give a CSV file of results, one row for each run.")
    return Table(path=named, columns=columns, rows=rows, comma=separator == ";")
