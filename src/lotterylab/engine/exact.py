"""Equal bits on each computation: every task sees torch as in a new process, with one thread, whatever ran before.

Lower precision in float32 matrix products, an active autocast, another default dtype or oneDNN switched off change the
bits of a result.  A notebook sets such switches, and so may a user's module while it is imported or runs.  Each task
therefore sets them all, and restores them afterwards.

On a GPU, float32 also means full float32.  By default, cuDNN rounds the factors of a convolution to TensorFloat-32 (10
bits of mantissa instead of 23) and may choose kernels whose sums depend on the order of threads.  Recipes of precision
"float32" and resumed runs allow neither.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from lotterylab.engine.modes import no_modes
from lotterylab.engine.switches import switches
from lotterylab.rng import generators_of_a_new_process

# cuBLAS needs this for equal bits; it is read when a process first uses the GPU
CUBLAS = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}


@contextmanager
def exact(device: str) -> Iterator[None]:
    """Let torch compute with one thread inside, so that equal work on ``device`` gives equal bits in full float32.

    Every switch of ``switches`` has its standard value, no mode is active, and the generators of torch (CPU), numpy and
    Python start from a fixed state.  Afterwards all is restored, also after an exception or Ctrl-C, except cuBLAS's
    environment variable.  Variables that choose kernels are read once in the life of a process and cannot be set here:
    see ``environment``.

    torch warns of a GPU operation without a kernel of equal bits (such as the gradient of adaptive pooling).

    Args:
        device: "cpu", or the GPU on which the engine trains.  A user's own training has "cpu" wherever its network is:
            it sees torch as in a new process, and ``train_fn`` sets the switches that it needs.
    """
    if device != "cpu":
        for name, value in CUBLAS.items():
            os.environ.setdefault(name, value)
    stack = ExitStack()
    try:
        with _interrupts_wait():
            for manager in (no_modes(), generators_of_a_new_process(), _switched(device)):
                stack.enter_context(manager)
        yield
    finally:
        try:
            with _interrupts_wait():
                stack.close()
        except KeyboardInterrupt:  # it may have come just before interrupts wait; closing again is harmless
            stack.close()
            raise


@contextmanager
def _switched(device: str) -> Iterator[None]:
    before = [(switch, switch.read()) for switch in switches()]
    try:
        for switch, value in before:
            if (needed := switch.value_for(device, value)) != value:
                switch.write(needed)
        yield
    finally:
        for switch, value in before:
            if switch.read() != value:
                switch.write(value)


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Delay Ctrl-C inside until the end of the block."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield  # other threads never receive it, and workers ignore it
        return
    arrived: list[tuple[Any, Any]] = []
    signal.signal(signal.SIGINT, lambda number, frame: arrived.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if arrived:
        handler(*arrived[0])
