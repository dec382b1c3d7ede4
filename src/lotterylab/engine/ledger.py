"""A ledger: the records of a study without their tensors, as JSON lines that can be committed.

Ledgers store no weights.  On another machine, a study reads finished records from the ledger, and computes a run again
only if a missing task needs its tensors.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from lotterylab.engine.facts import OF_THE_RUN, deciding
from lotterylab.engine.files import make_folder, read_lines
from lotterylab.engine.records import NewerError, Record
from lotterylab.engine.schedule import all_tasks
from lotterylab.engine.shapes import check_metrics
from lotterylab.engine.store import Store
from lotterylab.errors import DamageError, RefusedError, UsageError
from lotterylab.formats.blobs import sweep, write_atomically
from lotterylab.plan.nodes import Node
from lotterylab.system.places import missing

GAP = "test_accuracy"


def export(targets: Iterable[Node], store: Store, path: Path) -> int:
    """Write the records of all finished tasks behind ``targets`` and of the file, and return their number.

    Each line is a record with its own checksum, as in a manifest, so that a damaged line is noticed.  A link is
    followed, and its target written.  Several processes may write to one ledger.

    A record of the file stays if the store's record has other facts.  A run repeated on another machine for its tensors
    may end differently, and would no longer match the other records that were made from the first run.  A repetition
    with the same numbers keeps the start time, the source and the claims of the first run.
    """
    path = path.resolve()
    make_folder(path.parent)
    finished = [record for task in all_tasks(targets).values() if (record := store.record(task.digest))]
    with _alone_in(path.parent):
        sweep(path.parent)
        known = {record.digest: record for record in (read(path) if path.is_file() else [])}
        known |= {record.digest: _newer(record, known.get(record.digest)) for record in finished}
        lines = [known[digest].line() for digest in sorted(known)]
        write_atomically(path, "".join(f"{line}\n" for line in lines).encode())
    return len(lines)


def _newer(record: Record, known: Record | None) -> Record:
    """Return the record of the file, or the record of the store if it may replace it."""
    if known is None:
        return record
    if deciding(known.facts) != deciding(record.facts):
        return known
    if _differs(known, record):
        return record
    kept = {name: value for name, value in record.facts.items() if name not in OF_THE_RUN}
    return replace(record, facts={**kept, **{name: known.facts[name] for name in OF_THE_RUN if name in known.facts}})


def _differs(known: Record, here: Record) -> bool:
    """Return whether a metric that both records have differs; an older version may not have measured the others."""
    return any(known.metrics[name] != here.metrics[name] for name in {*known.metrics} & {*here.metrics})


@dataclass(frozen=True, kw_only=True)
class Otherwise:
    """A task whose numbers in a ledger and in a store differ, because it was run again for its tensors."""

    known: Record
    here: Record

    @property
    def under_equal_facts(self) -> bool:
        """Return whether torch, processor and threads are the same, so that the numbers should be equal."""
        return deciding(self.known.facts) == deciding(self.here.facts)

    @property
    def gap(self) -> float:
        """Return the difference of the test accuracies, or 0 for tasks without accuracies."""
        return abs((self.known.metrics.get(GAP) or 0.0) - (self.here.metrics.get(GAP) or 0.0))


def otherwise(targets: Iterable[Node], store: Store, path: Path) -> list[Otherwise]:
    """Return the tasks behind ``targets`` whose stored result differs from the ledger's.  Call before ``export``."""
    known = {record.digest: record for record in (read(path) if path.is_file() else [])}
    differences = []
    for digest in all_tasks(targets):
        old, new = known.get(digest), store.record(digest)
        if old and new and _differs(old, new):
            differences.append(Otherwise(known=old, here=new))
    return differences


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one process at a time enter, by a lock on the folder, so that no file is left beside the ledger."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def read(path: Path) -> list[Record]:
    """Return the records of a ledger after checks of each checksum, spec and shape of metrics.

    Raises:
        UsageError: the file does not exist, or a line is not a record.
        RefusedError: a newer version of lotterylab wrote a line.
    """
    if not os.path.exists(path):
        raise UsageError(f"{missing('ledger', path)}. Name a file that run --ledger wrote.")
    try:
        return parsed(read_lines(path), path)
    except DamageError as error:
        raise UsageError(f"{path} is not a ledger: it is not a regular file. Move it away, or name a file.") from error


def parsed(lines: Iterable[bytes], path: Path) -> list[Record]:
    """Return the records in the lines of a ledger; errors are as in ``read`` and name ``path``."""
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            record = Record.parse(line)
            record.check_spec()
            check_metrics(record.kind, record.metrics)
        except NewerError as error:
            raise RefusedError(f"{path}, line {number}: {error}. Use a newer lotterylab.") from error
        except ValueError as error:
            raise UsageError(f"{path}, line {number}, is damaged: {error}. Restore the file.") from error
        records.append(record)
    return records


def bring_in(path: Path, store: Store) -> int:
    """Read the records of a ledger that the store lacks into memory, and return their number.

    ``keep_needed`` writes the records that a plan needs into the store.
    """
    return store.know(read(path))


def keep_needed(targets: Iterable[Node], store: Store) -> None:
    """Write the ledger's records of tasks behind ``targets`` into the store, where workers read them.

    Only the holder of the lock may call this.
    """
    store.keep_known(store.only_in_memory(all_tasks(targets)))
