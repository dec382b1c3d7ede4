"""One process at a time computes in a store, also while the lock's file is missing or files cannot be locked."""

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lotterylab.engine.lock import NO_LOCKS
from lotterylab.engine.store import Store
from lotterylab.errors import RefusedError, SystemRefusal

HOLDER = """
import sys
from pathlib import Path
from lotterylab.engine.lock import Lock
lock = Lock(Path(sys.argv[1]) / "lock")
if "old" in sys.argv:  # an earlier version locks the file alone
    lock.folder = lock.path / "none"
with lock:
    for _ in sys.stdin:
        try:
            lock.check()
            print("held", flush=True)
        except Exception as error:
            print(type(error).__name__, error, flush=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store").create()


@contextmanager
def holder(store: Store, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock, and checks it whenever it is asked."""
    command = [sys.executable, "-c", HOLDER, str(store.path), *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert check(process) == "held"
            yield process
        finally:
            process.kill()


def check(process: subprocess.Popen[str]) -> str:
    assert process.stdin and process.stdout
    process.stdin.write("check\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def refused(store: Store) -> str:
    with pytest.raises(RefusedError) as error, store.lock():
        pass
    return str(error.value)


def test_while_the_file_is_missing_nobody_else_may_compute_and_the_holder_makes_it_again(store):
    with holder(store) as process:
        (store.path / "lock").unlink()
        assert "in use by another process" in refused(store)
        assert store.lock().holder() == "another process"
        assert check(process) == "held"
        assert f"in use by process {process.pid}" in refused(store)
        assert store.lock().holder() == f"process {process.pid}"


def test_a_replaced_file_is_replaced_by_its_holder(store):
    with holder(store) as process:
        (store.path / "new").write_text("process 1")
        os.replace(store.path / "new", store.path / "lock")
        assert check(process) == "held"
        assert (store.path / "lock").read_text() == f"process {process.pid}"


def test_the_holder_stops_where_another_has_taken_the_new_file(store):
    with holder(store, "old") as process:
        (store.path / "lock").unlink()
        with store.lock():
            said = check(process)
    assert said.startswith("RefusedError") and f"process {os.getpid()} now computes here" in said


def test_a_store_that_was_moved_away_stops_its_holder(store):
    with holder(store) as process:
        store.path.rename(store.path.parent / "moved")
        assert "was removed or moved away while this process computed" in check(process)


def test_a_store_that_was_made_again_belongs_to_whoever_takes_it_first(store):
    with holder(store) as process:
        shutil.rmtree(store.path)
        store.create()
        with store.lock():
            assert check(process).startswith("RefusedError")


COMPETITOR = """
import contextlib, os, sys, time
from pathlib import Path
from lotterylab.engine.lock import Lock
from lotterylab.errors import RefusedError
path, taken, together, until = Path(sys.argv[1]), 0, 0, time.monotonic() + 1.5
while time.monotonic() < until:
    with contextlib.suppress(RefusedError), Lock(path / "lock") as lock:
        taken += 1
        try:
            os.close(os.open(path / "computing", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            together += 1
            continue
        lock.check()
        os.unlink(path / "computing")
print(taken, together)
"""


def test_four_processes_that_compete_while_the_file_is_removed_again_and_again_are_never_two_at_once(store):
    command = [sys.executable, "-c", COMPETITOR, str(store.path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    while any(process.poll() is None for process in processes):
        (store.path / "lock").unlink(missing_ok=True)
        time.sleep(0.0005)
    counts = [tuple(map(int, process.communicate()[0].split())) for process in processes]
    assert sum(together for _, together in counts) == 0 and sum(taken for taken, _ in counts) > 10


@pytest.mark.parametrize("number", sorted({*NO_LOCKS, errno.EIO}), ids=lambda number: errno.errorcode[number])
def test_a_file_system_without_locks_refuses_computing_with_a_sentence_and_hides_no_result(store, monkeypatch, number):
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(SystemRefusal, match=f"{store.path}") as error, store.lock():
        pass
    assert ("cannot lock files" in str(error.value)) == (number in NO_LOCKS)
    assert store.lock().holder() == ""


def test_a_folder_that_cannot_be_locked_leaves_the_lock_on_the_file(store, monkeypatch):
    real = fcntl.flock

    def flock(descriptor: int, operation: int) -> None:  # as NFS does
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with store.lock() as lock:
        lock.check()
        assert "in use by another call in this process" in refused(store)


def test_on_a_full_disk_the_lock_holds_without_a_name(store, monkeypatch):
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with store.lock():
        assert store.lock().holder() == "another process"


def test_who_fails_to_take_the_lock_keeps_nothing_open(store):
    with store.lock():
        before = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []
        refused(store)
        assert len(before) == (len(os.listdir("/proc/self/fd")) if before else 0)


NO_FILES: dict[str, Callable[[Path, Path], object]] = {
    "a link to a file": lambda path, victim: path.symlink_to(victim),
    "a link to nothing": lambda path, victim: path.symlink_to("nowhere"),
    "a link to itself": lambda path, victim: path.symlink_to(path.name),
    "a pipe": lambda path, victim: os.mkfifo(path),
    "a folder": lambda path, victim: path.mkdir(),
}


@pytest.mark.parametrize("make", NO_FILES.values(), ids=NO_FILES)
def test_something_else_in_the_place_of_the_lock_is_refused_and_not_written_through(tmp_path, make):
    victim = tmp_path / "thesis.txt"
    victim.write_text("years of work")
    store = Store(tmp_path / "store").create()
    make(store.path / "lock", victim)
    with pytest.raises(RefusedError, match="not a plain file"), store.lock():
        pass
    assert victim.read_text() == "years of work" and not (store.path / "nowhere").exists()
    assert store.lock().holder() == ""
