"""Records from ledgers: in memory for a command that only reads, in one file of the store for its workers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from lotterylab.engine.files import Files, read_lines
from lotterylab.engine.records import NewerError, Record
from lotterylab.errors import DamageError, RefusedError

DIGEST = re.compile(rb'"digest":"([0-9a-f]{64})"')


class Known:
    """Records without tensors by digest; the records of the file take precedence, so that answers do not change."""

    def __init__(self, files: Files, path: Path) -> None:
        self.files, self.path = files, path
        self._added: dict[str, Record] = {}
        self._parsed: dict[str, Record | None] = {}

    def __iter__(self) -> Iterator[str]:
        yield from {**self._lines, **self._added}

    def get(self, digest: str) -> Record | None:
        """Return the record with this digest, or None; a damaged line counts as absent."""
        return self._of_file(digest) or self._added.get(digest)

    def _of_file(self, digest: str) -> Record | None:
        if digest in self._lines and digest not in self._parsed:
            self._parsed[digest] = self._parse(digest)
        return self._parsed.get(digest)

    def add(self, records: Iterable[Record]) -> int:
        """Keep records in memory and return the number of new ones."""
        before = len(self._added)
        for record in records:
            self._added.setdefault(record.digest, record)
        return len(self._added) - before

    def only_in_memory(self, digests: Iterable[str]) -> list[Record]:
        """Return the records among ``digests`` that are not in the file."""
        return [self._added[digest] for digest in digests if digest in self._added and digest not in self._lines]

    def keep(self, records: Iterable[Record]) -> None:
        """Write these records into the file, unless it has a whole record with the same digest."""
        new = {record.digest: record for record in records}
        if new := {digest: record for digest, record in new.items() if not self._of_file(digest)}:
            self._write(self._whole() | new)

    def mend(self) -> None:
        """Rewrite the file without its damaged lines and keep the old file in quarantine."""
        whole, count = self._whole(), sum(1 for _ in self._read())
        why = self.files.damage.get(self.path, "") or f"{count - len(whole)} of its {count} lines cannot be read"
        self.files.keep_aside(self.path, why)
        self._write(whole)

    def _read(self) -> Iterator[bytes]:
        try:
            yield from read_lines(self.path)
        except DamageError as error:
            self.files.damage[self.path] = str(error)

    def _write(self, records: dict[str, Record]) -> None:
        lines = (f"{records[digest].line()}\n" for digest in sorted(records))
        self.files.write(self.path, "".join(lines).encode())
        self._parsed = {}
        self.__dict__.pop("_lines", None)

    def _whole(self) -> dict[str, Record]:
        return {digest: record for digest in self._lines if (record := self._of_file(digest))}

    @cached_property
    def _lines(self) -> dict[str, bytes]:
        """Return the lines by their apparent digest; a line is parsed when its record is needed."""
        return {match[1].decode(): line for line in self._read() if (match := DIGEST.search(line))}

    def _parse(self, digest: str) -> Record | None:
        try:
            record = Record.parse(self._lines[digest])
            if record.digest != digest:
                raise ValueError(f"it is the record of {record.digest[:12]}")
        except ValueError as error:
            if isinstance(error, NewerError):
                raise RefusedError(f"{self.path}: {error}. Use a newer lotterylab, or another --store.") from error
            self.files.damage[self.path] = f"the line of {digest[:12]}: {error}"
            return None
        return record
