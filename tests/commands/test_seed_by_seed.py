"""All seeds of a study are computed in one run: no worker waits for a seed's end, at which its copies are written."""

import errno
import os
import signal
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest

from lotterylab.commands.copies import Copies, SeedBySeed
from lotterylab.commands.main import main
from lotterylab.engine import ledger
from lotterylab.engine.local import Event
from lotterylab.engine.schedule import all_tasks
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.plan.nodes import Node
from some_plans import DENSE, INIT, MAGNITUDE, RUN, compute
from some_seeds import STUDY

SEEDS = [list(row.nodes.values()) for row in STUDY.resolve(STUDY.options()).plan.rows]
(FIRST, FIRST_MASK), (SECOND, SECOND_MASK) = SEEDS
BOOK = Path("book.jsonl")


@pytest.fixture
def call(tmp_path, monkeypatch, capsys) -> Callable[..., int]:
    """Runs the study in an empty folder; each event goes to a function of the test before the command takes it."""
    monkeypatch.chdir(tmp_path)

    def call(listen: Callable[[str, Node], None], *words: str) -> int:
        @contextmanager
        def progress(kind: str, meter: object):
            yield lambda event: listen(event.word, event.node)

        monkeypatch.setattr("lotterylab.report.progress.progress", progress)
        return main(["run", "some_seeds:STUDY", "--store", "store", "--ledger", str(BOOK), *words])

    return call


def written() -> set[str]:
    return {record.digest for record in ledger.read(BOOK)}


def behind(*targets: Node) -> set[str]:
    return set(all_tasks(targets))


def test_no_worker_waits_for_the_last_task_of_a_seed_and_a_seed_is_in_the_ledger_before_the_next_ends(call):
    events, books = [], {}

    def listen(word: str, node: Node) -> None:
        events.append((word, node))
        if (word, node) == ("started", SECOND):  # the first seed's last task waits for this
            Path("go").touch()
        if (word, node) == ("done", SECOND_MASK):  # the second seed's last task waits for the ledger
            books["before"] = written()

    assert call(listen, "--workers", "2") == 0
    assert events.index(("started", SECOND)) < events.index(("done", FIRST_MASK))
    assert books["before"] == behind(*SEEDS[0])
    assert written() == behind(*SEEDS[0], *SEEDS[1])
    lines = [line.digest for line in ledger.read(BOOK)]
    assert lines == sorted(lines)


def test_an_interrupt_within_the_second_seed_writes_both_seeds(call):
    Path("go").touch()
    books = {}

    def listen(word: str, node: Node) -> None:
        if (word, node) == ("done", SECOND):
            books["before"] = written()
            os.kill(os.getpid(), signal.SIGINT)

    assert call(listen, "--workers", "1") == 130
    assert books["before"] == behind(*SEEDS[0])
    assert written() == behind(*SEEDS[0], SECOND)
    assert call(lambda word, node: None, "--workers", "1") == 0  # the same command goes on
    assert written() == behind(*SEEDS[0], *SEEDS[1])


# without a run


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(tmp_path / "store")
    compute([RUN], store)
    return store


def seeds(store: Store, file: Path) -> SeedBySeed:
    """Three seeds: the first is complete, the second waits for a mask, the third for another."""
    copies = Copies(plan=None, store=store, ledger=file)  # type: ignore[arg-type]
    return SeedBySeed([[INIT], [MAGNITUDE, DENSE], [FIRST_MASK]], copies, ())


def digests(file: Path) -> set[str]:
    return {record.digest for record in ledger.read(file)}


def test_a_complete_seed_is_written_before_the_run_and_an_incomplete_one_at_its_end(store, tmp_path):
    file = tmp_path / "book.jsonl"
    ready = seeds(store, file)
    ready.write_complete()
    assert digests(file) == {INIT.digest}
    ready.hear(Event(word="failed", node=MAGNITUDE, detail=("x", "")))
    assert digests(file) == {INIT.digest}
    ready.finish()
    assert digests(file) == {INIT.digest, DENSE.digest, RUN.digest}


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), UsageError("x")], ids=repr)
def test_a_copy_that_fails_while_tasks_run_ends_none_of_them_and_is_written_later(store, tmp_path, monkeypatch, error):
    def refuse(*_: object) -> None:
        raise error

    file = tmp_path / "book.jsonl"
    ready = seeds(store, file)
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "export", refuse)
        ready.write_complete()
        ready.hear(Event(word="done", node=MAGNITUDE, detail=(0.0, "")))
    assert not file.exists()
    ready.finish()
    assert digests(file) == {INIT.digest, DENSE.digest, RUN.digest} and ready.copies.lost == []


def test_an_error_that_is_not_the_system_s_is_raised_at_the_end(store, tmp_path):
    file = tmp_path / "book.jsonl"
    file.write_text("no ledger\n")
    ready = seeds(store, file)
    ready.write_complete()
    with pytest.raises(UsageError, match="is damaged"):
        ready.finish()


def test_a_ledger_in_the_folder_that_the_run_locks_is_written_at_the_end(store):
    file = store.path / "runs" / "book.jsonl"
    ready = seeds(store, file)
    with store.lock():
        ready.write_complete()  # would wait for the lock for ever
        assert not file.exists()
    ready.finish()
    assert INIT.digest in digests(file)
