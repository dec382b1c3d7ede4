"""Errors of the operating system become sentences: which path, what the system says, what to do."""

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotterylab.errors import DamageError, SystemRefusal, UsageError
from lotterylab.formats.blobs import write_atomically
from lotterylab.system.refusals import (
    OF_A_PATH,
    REMEDIES,
    explained,
    failure,
    is_of_the_system,
    naming,
    refusal,
    refusals,
)

EVERY = sorted(errno.errorcode)


@pytest.mark.parametrize("number", EVERY, ids=lambda number: errno.errorcode[number])
def test_every_error_of_the_system_names_path_words_and_remedy(number):
    error = refusal(OSError(number, os.strerror(number), "/data/store/runs/x"))
    assert error.exit_code == 4
    said = str(error)
    assert said.startswith("the system refused /data/store/runs/x: ")
    assert os.strerror(number) in said and f"({errno.errorcode[number]})" in said
    assert said.endswith(".") and len(said.split(". ")) >= 2, "it says what to do"


def test_the_remedy_is_that_of_the_error():
    hints = {errno.ENOSPC: "Free some space", errno.EDQUOT: "Free some space", errno.EMFILE: "ulimit -n"}
    hints |= {errno.ENOLCK: "cannot lock files", errno.ENOSYS: "cannot lock files", errno.EROFS: "writable"}
    hints |= {errno.EIO: "disk", errno.ENOMEM: "--workers", errno.EFBIG: "ulimit -f", errno.EAGAIN: "ulimit -u"}
    hints |= {errno.ENAMETOOLONG: "shorter", errno.EACCES: "writable"}
    for number, hint in hints.items():
        assert hint in str(refusal(OSError(number, "x", "/s")))
    assert REMEDIES.keys().isdisjoint(OF_A_PATH)


def test_a_rename_names_both_paths_and_an_error_without_a_path_what_was_done():
    assert "refused /a -> /b: " in str(refusal(OSError(errno.ENOSPC, "x", "/a", None, "/b")))
    assert "refused to start a worker: " in str(refusal(OSError(errno.EAGAIN, "x"), "to start a worker"))
    assert "refused to write below /s or /out: " in str(explained(OSError(errno.ENOSPC, "x"), ["/s", "/out"]))
    assert "refused a call: cannot identify" in str(refusal(OSError("cannot identify it")))
    assert "ENOMEM" in str(refusal(MemoryError())) and is_of_the_system(MemoryError())


def test_the_words_of_the_system_are_known_again_in_an_extensions_error():
    error = ImportError(f"libtorch.so: cannot open shared object file: {os.strerror(errno.EMFILE)}")
    assert is_of_the_system(error) and "ulimit -n" in str(refusal(error))
    torch = RuntimeError(f"DefaultCPUAllocator: can't allocate memory. Error code 12 ({os.strerror(errno.ENOMEM)})")
    assert failure(torch).startswith("SystemRefusal: ") and "ENOMEM" in failure(torch)
    assert not is_of_the_system(RuntimeError("shapes differ")) and failure(ValueError("x")) == "ValueError: x"
    assert failure(FileNotFoundError(errno.ENOENT, "no such file", "mine.csv")).startswith("FileNotFoundError: ")


WRONG_NAMES = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.EEXIST)


@pytest.mark.parametrize("number", WRONG_NAMES, ids=lambda number: errno.errorcode[number])
def test_what_a_person_named_wrongly_is_wrong_usage(number):
    error = explained(OSError(number, os.strerror(number), "/data/images"), ["/data/store"])
    begins = (
        "there is no file or folder /data/images"
        if number == errno.ENOENT
        else f"/data/images: {os.strerror(number)}. "
    )
    assert isinstance(error, UsageError) and str(error).startswith(begins)
    assert str(error).endswith((" path.", " file.", " only.", " another.")), "it says what to do"


@pytest.mark.parametrize(
    "number", [errno.ENOENT, errno.EACCES, errno.EPERM], ids=lambda number: errno.errorcode[number]
)
@pytest.mark.parametrize("path", ["/data/store", "/data/store/runs/x", "/data/store/../store/lock"])
def test_what_a_command_writes_is_no_wrong_usage(number, path):
    assert isinstance(explained(OSError(number, "x", path), ["/data/store/"]), SystemRefusal)


@given(st.lists(st.text("ab/.", max_size=4), min_size=1, max_size=3), st.sampled_from(EVERY))
def test_explaining_never_fails(folders, number):
    for error in (OSError(number, "x", "/".join(folders)), OSError(number, "x"), OSError(), MemoryError()):
        assert explained(error, folders).exit_code in (2, 4)


def test_inside_refusals_only_errors_of_the_machine_change():
    with pytest.raises(SystemRefusal, match="to use the store /s") as refused, refusals("to use the store /s"):
        raise OSError(errno.ENOSPC, "x")
    assert isinstance(refused.value.__cause__, OSError)
    for error in (DamageError("x"), ValueError("x"), FileNotFoundError(2, "x", "f"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as same, refusals():
            raise error
        assert same.value is error


def test_a_write_that_fails_names_its_file(tmp_path, monkeypatch):
    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError) as failed:
        write_atomically(tmp_path / "file", b"data")
    assert failed.value.filename == str(tmp_path / "file") and list(tmp_path.iterdir()) == []
    with pytest.raises(OSError) as named, naming("/b"):
        raise OSError(errno.EIO, "x", "/a")
    assert named.value.filename == "/a"
