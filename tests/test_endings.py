"""How the command ends: only what is done exits with 0, and no error of the system is a traceback."""

import errno
import fcntl
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import disks
from lotterylab.commands.main import main
from lotterylab.commands.study import _exit_code
from some_endings import is_alone, process

COMMAND = [sys.executable, "-m", "lotterylab"]
STUDY = (
    *("activations", "--preset", "small", "--seeds", "1", "--activations", "relu", "--methods", "magnitude"),
    *("--controls", "none", "--sparsities", "0.9", "--protocols", "corrected", "--rates", "0.01", "--train", "200"),
    *("--validation", "50", "--test", "50", "--model.widths", "2", "3", "4", "--pruned-epochs", "1"),
)
SHORT, LONG = (*STUDY, "--dense-epochs", "2"), (*STUDY, "--dense-epochs", "100000")


NAME = errno.errorcode.get


def finished(store: Path) -> int:
    return len(list(store.glob("runs/*/manifest")))


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Path:
    """A store in which the study is finished, by a run whose output nobody wanted to read to its end."""
    store = tmp_path_factory.mktemp("done") / "store"
    read, write = os.pipe()
    words = [*COMMAND, "run", *SHORT, "--workers", "1", "--progress", "plain", "--store", str(store)]
    with process(words, stdout=write, stderr=write) as running:
        os.close(write)
        assert os.read(read, 10)  # | head
        os.close(read)
        assert running.wait(timeout=180) == 0 and is_alone(running)
    assert finished(store) == 7
    return store


def test_run_computes_to_its_end_though_nobody_reads_what_it_tells(done):
    assert main(["status", *SHORT, "--store", str(done)]) == 0


# (command, exit code where nobody reads its stdout, where that is on a full disk, where it is closed)
OUTPUTS = {"table": (141, 4, 4), "run": (0, 4, 0)}


@pytest.mark.parametrize("name", OUTPUTS)
def test_output_that_cannot_be_written_ends_a_command_whose_result_it_is(done, name):
    words = [*COMMAND, name, *SHORT, "--store", str(done)]
    read, write = os.pipe()
    os.close(read)
    with open("/dev/full", "w") as full:
        for sink, code in zip((write, full, None), OUTPUTS[name], strict=True):
            line = words if sink is not None else ["sh", "-c", 'exec "$@" >&-', "sh", *words]
            with process(line, stdout=sink if sink is not None else subprocess.DEVNULL) as running:
                _, err = running.communicate(timeout=120)
            told = [line for line in err.splitlines() if line.startswith("lotterylab: ")]
            assert running.returncode == code and "Traceback" not in err and "Exception ignored" not in err
            assert len(told) == (code == 4) and all("the system refused to write to the standard" in x for x in told)
    os.close(write)


QUICK = (("list", "studies"), ("--help",), ("run", "activations", "--help"), ("table", "activations", "--print-config"))


@pytest.mark.parametrize("words", QUICK, ids=lambda words: " ".join(words))
def test_a_closed_pipe_ends_quietly_but_not_with_0(words):
    read, write = os.pipe()
    os.close(read)
    with process([*COMMAND, *words], stdout=write) as running:
        _, err = running.communicate(timeout=60)
    os.close(write)
    assert (running.returncode, err) == (0 if words[0] == "run" else 141, "")


def test_without_any_standard_stream_no_file_of_the_store_takes_their_place(done):
    words = [*COMMAND, "run", *SHORT, "--store", str(done), "--seeds", "1"]
    with process(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *words]) as running:
        assert running.wait(timeout=120) == 0
    with process(["sh", "-c", 'exec "$@" 2>&-', "sh", *COMMAND, "verify", "--store", str(done)]) as running:
        assert running.communicate(timeout=60)[0] == "All blobs and manifests are whole.\n"


# interrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_interrupted_before_it_computes_it_ends_quietly_with_the_signals_code(tmp_path, number):
    words = [*COMMAND, "run", *LONG, "--workers", "1", "--progress", "plain", "--store", str(tmp_path / "store")]
    with process(words) as running:
        assert running.stderr and running.stderr.readline().startswith("Activation functions")
        time.sleep(0.1 * (number != signal.SIGINT))  # while it imports torch, or builds the schedule
        os.killpg(running.pid, number)
        _, err = running.communicate(timeout=60)
        assert running.returncode == 128 + number and "Traceback" not in err and is_alone(running)


def test_a_terminal_that_closes_lets_it_save_and_end(tmp_path):
    store = tmp_path / "store"
    words = [*COMMAND, "run", *LONG, "--workers", "1", "--progress", "bars", "--store", str(store)]
    paths = os.pathsep.join(path for path in sys.path if path)
    child, terminal = pty.fork()
    if child == 0:
        os.environ |= {"PYTHONPATH": paths, "TERM": "xterm"}
        os.execv(words[0], words)
    seen = b""
    while b"0 of 2 runs" not in seen or b"dense seed" not in seen:  # it trains
        seen += os.read(terminal, 1 << 16)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 129
    assert len(list(store.glob("partial/*/checkpoint"))) == 1


# refused by the system


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EIO], ids=NAME)
def test_without_locks_only_computing_is_refused(done, tmp_path, monkeypatch, capsys, number):
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    for name in ("status", "table", "plan", "run"):  # all is there, so that run has nothing to compute
        assert main([name, *SHORT, "--store", str(done)]) == 0
    capsys.readouterr()
    assert main(["run", *SHORT, "--store", str(tmp_path / "new")]) == 4
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"lotterylab: the system refused {tmp_path}/new/") and "Traceback" not in said


CALLS = ("open", "mkdir", "replace", "fsync", "rename", "scandir", "listdir", "stat")


@pytest.mark.nightly
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EACCES, errno.ENOENT], ids=NAME)
def test_an_error_at_a_call_below_the_store_or_the_page_is_a_sentence(done, tmp_path, capsys, number):
    for call in CALLS:
        with pytest.MonkeyPatch.context() as patch:
            real = getattr(os, call)

            def refuse(path, *rest, real=real, **options):
                text = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
                if isinstance(path, int) or str(tmp_path) in text:
                    raise OSError(number, os.strerror(number), None if isinstance(path, int) else text)
                return real(path, *rest, **options)

            patch.setattr(os, call, refuse)
            code = main(["report", *SHORT, "--store", str(done), "--out", str(tmp_path / "page" / call)])
        err = capsys.readouterr().err
        assert code in (0, 2, 4) and "Traceback" not in err, call
        assert code == 0 or err.startswith("lotterylab: "), call
        assert code != 2 or number in (errno.ENOENT, errno.EACCES, errno.EPERM), call


def test_no_memory_is_a_sentence(done, monkeypatch, capsys):
    def none(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("lotterylab.engine.store.Store.record", none)
    assert main(["table", *SHORT, "--store", str(done)]) == 4
    assert "ENOMEM" in capsys.readouterr().err


def test_the_worst_of_what_failed_gives_the_exit_code():
    messages = ["ValueError: x", "SystemRefusal: the system refused", "DamageError: x"]
    codes = [_exit_code(messages[:count], lost=False) for count in range(4)]
    assert codes == [0, 3, 4, 5]
    assert (_exit_code([], lost=True), _exit_code(messages[:1], lost=True)) == (4, 3)


def test_a_ledger_that_cannot_be_written_is_refused_before_anything_runs(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    words = ["run", *SHORT, "--store", str(tmp_path / "store"), "--ledger", str(tmp_path / "file" / "ledger.jsonl")]
    assert main(words) == 2
    assert f"--ledger {tmp_path}/file/ledger.jsonl could not be written" in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 kB, read-write or read-only."""
    try:
        with disks.disk(tmp_path / "disk", "size=64k") as place:
            yield place
    except disks.NoMount as error:
        pytest.skip(f"no disk can be mounted here: {error}")


def test_on_a_full_disk_run_keeps_what_it_finished_and_says_what_to_do(small_disk, capsys):
    (small_disk / "filler").write_bytes(bytes(40_000))
    words = ["run", *SHORT, "--workers", "1", "--store", str(small_disk / "store"), "--progress", "none"]
    assert main(words) == 4
    err = capsys.readouterr().err
    assert "No space left on device (ENOSPC). Free some space" in err and "Traceback" not in err
    before = finished(small_disk / "store")
    assert 0 < before < 7
    (small_disk / "filler").unlink()
    disks.mount(small_disk, "remount,size=4m")
    assert main(words) == 0 and finished(small_disk / "store") == 7
    disks.mount(small_disk, "remount,ro")
    for name in ("status", "table", "plan", "run"):
        assert main([name, *SHORT, "--store", str(small_disk / "store")]) == 0
    capsys.readouterr()
    assert main(["run", *LONG, "--store", str(small_disk / "store")]) == 4
    assert "Read-only file system (EROFS). Nothing there is writable" in capsys.readouterr().err
