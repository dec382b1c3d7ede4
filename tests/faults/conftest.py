"""One server of forked children for all tests of a process."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from faults import shim
from faults.lab import Lab


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """With the shim; tests that need it are skipped where it cannot be compiled."""
    if why := shim.reason():
        pytest.skip(why)
    with Lab(scratch=tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder for stores, in memory where there is such a place: hundreds of trials then do not wait for a disk."""
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK):
        with TemporaryDirectory(prefix="lotterylab-faults-", dir=memory) as folder:
            yield Path(folder).resolve()
    else:
        yield tmp_path_factory.mktemp("shelf")
