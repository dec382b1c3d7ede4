"""What holds for all tests: signals are heard, also where the tests were started in the background of a shell or under
nohup, what they mount ends with them, and each begins with the same numbers of torch's global generator."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
import torch

import disks
from lotterylab.kernels import build

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # processes that tests start would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # nohup: this process stays deaf, those that it starts do not
    signal.signal(signal.SIGHUP, lambda number, frame: None)

disks.separate()


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)  # a small mask that is drawn may rightly warn, and then now and then a test would fail


@pytest.fixture
def torch_steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All trainings by torch, so that those that the compiled kernel cannot do have the bits of those that it can."""
    monkeypatch.setenv(build.SWITCH, "off")
    build.library.cache_clear()
    yield
    build.library.cache_clear()
