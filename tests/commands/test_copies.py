"""What run writes beside the store may fail, whatever the system says: the computing goes on, and it is said."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from lotterylab.commands.copies import Copies
from lotterylab.engine import ledger
from lotterylab.engine.here import run_here
from lotterylab.engine.store import Store
from some_plans import DENSE, INIT

NUMBERS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.EACCES, errno.ENOENT, errno.ENOLCK)
CALLS = ((os, "open"), (os, "fsync"), (os, "replace"), (fcntl, "flock"))


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    store = Store(tmp_path_factory.mktemp("store"))
    run_here([INIT, DENSE], store)
    return store


def copies(store: Store, file: Path) -> Copies:
    return Copies(plan=None, store=store, ledger=file)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", NUMBERS, ids=errno.errorcode.get)
@pytest.mark.parametrize(("module", "call"), CALLS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_ledger_that_cannot_be_written_is_told_of_and_written_with_the_next_seed(
    store, tmp_path, monkeypatch, module, call, number
):
    file, failures = tmp_path / "ledger.jsonl", []
    real = getattr(module, call)

    def refuse(*arguments, **options):
        if failures:
            return real(*arguments, **options)
        failures.append(number)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module, call, refuse)
    written = copies(store, file)
    written.write([INIT], ())
    if written.lost:  # what comes after the file is whole may fail in silence
        (said,) = written.lost
        assert said.startswith(f"the ledger {file} could not be written: the system refused ")
        assert errno.errorcode[number] in said and said.endswith("Every result is in the store.")
    written.write([DENSE], ())
    assert failures == [number] and written.lost == []
    assert {record.digest for record in ledger.read(file)} == {INIT.digest, DENSE.digest}


def test_a_tracker_that_cannot_be_written_is_told_of(store, tmp_path, monkeypatch):
    def refuse(self: Copies, trackers: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Copies, "_write_trackers", refuse)
    written = copies(store, tmp_path / "ledger.jsonl")
    written.write([INIT], ("tensorboard",))
    assert len(written.lost) == 1 and written.lost[0].startswith(f"the folder {store.path}/tracking could not be")
    assert (tmp_path / "ledger.jsonl").is_file()
