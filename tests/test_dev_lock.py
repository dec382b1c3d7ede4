"""A set-up takes only files whose hashes requirements.lock names, where that lock fits the Python."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from some_dev import dev, make_checkout, pretend_done, words_of


@pytest.fixture
def checkout(tmp_path):
    return make_checkout(tmp_path)


def test_a_lock_that_goes_makes_the_set_up_stale(checkout):
    pretend_done(checkout)
    (checkout / dev.LOCK).unlink()
    assert not dev.is_ready(checkout)


def test_a_python_is_described_by_its_kind_version_system_machine_and_c_library():
    kind, version, system, *rest = words_of(sys.executable)
    assert (kind, system) == (sys.implementation.name, sys.platform) and len(rest) == 2
    assert version == "{}.{}".format(*sys.version_info) + getattr(sys, "abiflags", "")


@pytest.mark.parametrize("place", range(5))
def test_the_lock_fits_the_python_whose_every_word_it_names(checkout, place):
    assert dev.lock_fits(checkout, sys.executable)
    words = words_of(sys.executable)
    words[place] = "other"
    (checkout / dev.LOCK).write_text(f"# fits: {' '.join(words)}\n")
    assert not dev.lock_fits(checkout, sys.executable)


@pytest.mark.skipif(os.name == "nt", reason="needs the program false")
def test_no_lock_and_a_python_that_does_not_start_fit_nothing(checkout):
    assert not dev.lock_fits(checkout, shutil.which("false"))
    (checkout / dev.LOCK).unlink()
    assert not dev.lock_fits(checkout, sys.executable)


def test_with_the_lock_pip_checks_every_hash_and_fetches_only_torch_without():
    hashed, torch, ours = dev.installs(True, "py")
    assert hashed[-4:] == ["--require-hashes", "--no-deps", "-r", dev.LOCK]
    assert torch[-3:] == ["-c", "constraints.txt", "torch"]
    assert ours[-4:] == ["--no-deps", "--no-build-isolation", "-e", "."]


def test_without_the_lock_pip_installs_what_the_constraints_allow():
    (command,) = dev.installs(False, "py")
    assert command[-4:] == ["-c", "constraints.txt", "-e", ".[test]"]


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
@pytest.mark.parametrize("fits", [True, False])
def test_a_set_up_without_the_lock_says_so_in_one_line(checkout, tmp_path, capsys, fits):
    python = tmp_path / "python"  # one that starts and cannot make a .venv, so that the set-up ends there
    python.write_text(f'#!/bin/sh\n[ "$1" = -c ] && exec {sys.executable} "$@"\nexit 1\n')
    python.chmod(0o755)
    if not fits:
        (checkout / dev.LOCK).write_text("# fits: cpython 2.7\n")
    with pytest.raises(dev.Stop, match="without venv"):
        dev.set_up(checkout, str(python))
    lines = [line for line in capsys.readouterr().out.splitlines() if dev.LOCK in line]
    assert len(lines) == (0 if fits else 1)


def wheel(folder: Path, name: str) -> str:
    """Make a wheel with one module; its hash."""
    file, info = folder / f"{name}-1-py3-none-any.whl", f"{name}-1.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("told", ["its hash", "another hash", "no hash"])
def test_pip_refuses_a_file_of_another_hash_or_of_none(checkout, tmp_path_factory, told):
    wheels = tmp_path_factory.mktemp("wheels")
    digest = {"its hash": wheel(wheels, "gift"), "another hash": "0" * 64, "no hash": ""}[told]
    (checkout / dev.LOCK).write_text("gift==1" + (f" --hash=sha256:{digest}\n" if digest else "\n"))
    command, *_ = dev.installs(True, sys.executable)
    offline = ["--no-index", "--find-links", str(wheels), "--target", str(checkout / "site"), "--isolated"]
    if told == "its hash":
        dev.install([*command, *offline], checkout, dev.NETWORK)
    else:
        with pytest.raises(dev.Stop, match=r"HASHES|[Hh]ashes are required"):
            dev.install([*command, *offline], checkout, dev.NETWORK)
    assert (checkout / "site" / "gift.py").exists() == (told == "its hash")
