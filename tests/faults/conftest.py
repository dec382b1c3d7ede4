"""One server of forked children for all tests of a process, behind a fence."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from faults import shim
from faults.lab import Lab

MEMORY = 2 << 30  # bytes that the largest inputs and the stores fit into by far


@pytest.fixture(scope="session")
def fence(tmp_path_factory) -> Iterator[Path]:
    """The folder that all trials stay in; in memory where there is such a place, as hundreds of trials then do not
    wait for a disk."""
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > MEMORY:
        with TemporaryDirectory(prefix="lotterylab-faults-", dir=memory) as folder:
            yield Path(folder).resolve()
    else:
        yield tmp_path_factory.mktemp("faults").resolve()


@pytest.fixture(scope="session")
def lab(fence) -> Iterator[Lab]:
    """The server; tests that need it are skipped where the shim cannot be compiled."""
    if why := shim.reason():
        pytest.skip(why)
    with Lab(fence=fence) as lab:
        yield lab


@pytest.fixture(scope="module")
def shelf(fence, request) -> Path:
    """A folder for the stores of a test file."""
    folder = fence / request.module.__name__.rpartition(".")[2]
    folder.mkdir()
    return folder
