"""A ledger: the records of a study without their tensors, as JSON lines that can be committed.

A study goes on from a ledger on another machine: what is recorded is answered from it, and only what a missing run
needs as tensors is computed again.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lotterylab.engine.facts import deciding
from lotterylab.engine.files import read_lines
from lotterylab.engine.records import NewerError, Record
from lotterylab.engine.schedule import all_tasks
from lotterylab.engine.shapes import check_metrics
from lotterylab.engine.store import Store
from lotterylab.errors import DamageError, RefusedError, UsageError
from lotterylab.formats.blobs import sweep, write_atomically
from lotterylab.plan.nodes import Node

GAP = "test_accuracy"


def export(targets: Iterable[Node], store: Store, path: Path) -> int:
    """Write the records of all finished tasks behind ``targets``, with those already in the file; returns how many.

    Each line is a record with its own checksum, as a manifest is, so that a damaged line is noticed.  Where the file is
    a link, what it points to is written.  Several processes may add to one ledger.

    A record of the file stays where the store's was made under other facts: a run that was trained again for its
    tensors on another machine may end otherwise, and what was made of the first one would no longer fit.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    found = [record for task in all_tasks(targets).values() if (record := store.record(task.digest))]
    with _alone_in(path.parent):
        sweep(path.parent)
        known = {record.digest: record for record in (read(path) if path.is_file() else [])}
        known |= {record.digest: record for record in found if _may_stand(record, known.get(record.digest))}
        lines = [known[digest].line() for digest in sorted(known)]
        write_atomically(path, "".join(f"{line}\n" for line in lines).encode())
    return len(lines)


def _may_stand(record: Record, known: Record | None) -> bool:
    """Whether a record of the store takes the place of the file's."""
    return known is None or deciding(known.facts) == deciding(record.facts)


@dataclass(frozen=True, kw_only=True)
class Otherwise:
    """A task whose numbers are not the same in a ledger and in a store: run again there for its tensors."""

    known: Record
    here: Record

    @property
    def under_equal_facts(self) -> bool:
        """Whether torch, processor and threads are the same, so that the numbers should be."""
        return deciding(self.known.facts) == deciding(self.here.facts)

    @property
    def gap(self) -> float:
        """How far the test accuracies are from each other; 0 of tasks that have none."""
        return abs((self.known.metrics.get(GAP) or 0.0) - (self.here.metrics.get(GAP) or 0.0))


def otherwise(targets: Iterable[Node], store: Store, path: Path) -> list[Otherwise]:
    """What the ledger has and the store has otherwise, of the tasks behind ``targets``; to be asked before ``export``.

    Metrics that only one of them has are not compared: an older version may not have measured them.
    """
    known = {record.digest: record for record in (read(path) if path.is_file() else [])}
    found = []
    for digest in all_tasks(targets):
        old, new = known.get(digest), store.record(digest)
        if old and new and any(old.metrics[name] != new.metrics[name] for name in {*old.metrics} & {*new.metrics}):
            found.append(Otherwise(known=old, here=new))
    return found


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One process at a time, by a lock on the folder, so that no file is left beside the ledger."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def read(path: Path) -> list[Record]:
    """The records of a ledger, each compared with its checksum, its name with its spec, its metrics with their kind.

    Raises:
        UsageError: the file is not there, or a line does not hold a record.
        RefusedError: a newer version of lotterylab has written a line.
    """
    if not os.path.lexists(path):
        raise UsageError(f"no ledger {path}.")
    try:
        return parsed(read_lines(path), path)
    except DamageError as error:
        raise UsageError(f"no ledger {path}: something else than a file has that name.") from error


def parsed(lines: Iterable[bytes], path: Path) -> list[Record]:
    """The records in the lines of a ledger, which ``path`` names in errors; raises as ``read`` does."""
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
    """Answer from the records of a ledger, unless the store has them; returns how many were new.

    They are held in memory.  ``keep_needed`` writes those that a plan needs into the store.
    """
    return store.know(read(path))


def keep_needed(targets: Iterable[Node], store: Store) -> None:
    """Write what a ledger knows of the tasks behind ``targets`` into the store, where workers read it.

    For the holder of the lock.
    """
    store.keep_known(store.only_in_memory(all_tasks(targets)))
