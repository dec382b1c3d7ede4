"""Computing in this process, as a notebook does: an error of the system fails a task and never the sweep."""

import errno
import os
import sys
from pathlib import Path

import pytest

from lotterylab.engine.here import run_here
from lotterylab.engine.store import Store
from lotterylab.errors import SystemRefusal
from some_endings import process
from some_plans import DENSE, INIT, RUN

SCRIPT = """
import resource, sys
from dataclasses import replace
from lotterylab.engine.here import run_here
from lotterylab.engine.store import Store
from some_plans import INIT
resource.setrlimit(resource.RLIMIT_FSIZE, (120, 120))
summary = run_here([replace(INIT, seed=seed) for seed in range(3)], Store(sys.argv[1]))
print(len(summary.failed), summary.done, *summary.failed.values(), sep="|")
"""


def test_where_nothing_can_be_written_each_task_fails_with_a_sentence_and_the_sweep_goes_on(tmp_path: Path):
    with process([sys.executable, "-c", SCRIPT, str(tmp_path / "store")]) as running:
        out, err = running.communicate(timeout=120)
        assert running.returncode == 0, err
    failed, done, *messages = out.strip().split("|")
    assert (failed, done, len(messages)) == ("3", "0", 3)
    for message in messages:
        assert message.startswith(f"SystemRefusal: the system refused {tmp_path}/store/objects/")
        assert "File too large (EFBIG). Raise the largest size of a file (ulimit -f)" in message


def refuse(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_goes_wrong_after_the_commit_fails_no_task(tmp_path, monkeypatch):
    monkeypatch.setattr(Store, "remember_same", refuse)
    store = Store(tmp_path / "store")
    found = run_here([RUN], store)
    assert (found.done, found.failed, found.skipped) == (3, {}, 0) and RUN.digest in store
    assert run_here([RUN], store).done == 0


def test_a_store_that_cannot_be_made_is_refused_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(Store, "create", refuse)
    with pytest.raises(SystemRefusal, match="Free some space"):
        run_here([INIT, DENSE], Store(tmp_path / "store"))
