"""The same bits each time: a task finds torch as a new process has it, with one thread, whatever ran before.

Float32 matrix products of lower precision, an active autocast, another default dtype or oneDNN switched off change the
bits of a result.  A notebook sets them, and a user's module may do so while it is imported or while it runs.  So each
task sets them all, and puts back what it found.

On a GPU, float32 is float32 besides.  Left alone, cuDNN rounds the factors of a convolution to TensorFloat-32, 10 bits
of mantissa instead of 23, and chooses kernels whose sums depend on which thread came first.  Neither is what a recipe
of precision "float32" says, or what a continued run may do.
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

# what cuBLAS needs for the same bits; read when a process begins to use the GPU
CUBLAS = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}


@contextmanager
def exact(device: str) -> Iterator[None]:
    """While it lasts, torch computes with one thread, and equal work on ``device`` gives equal bits in full float32.

    Every switch of ``switches`` has its standard value, no mode is active, and the generators of torch (the CPU's),
    numpy and Python start from a fixed state.  Afterwards all is as it was, also after an exception or Ctrl-C, but for
    cuBLAS's variable of the environment.  Variables that choose kernels are read once in the life of a process and
    cannot be set here: see ``environment``.

    torch warns of an operation on a GPU that has no kernel with equal bits (as the gradient of adaptive pooling).

    Args:
        device: "cpu", or the GPU on which the engine trains.  A user's own training has "cpu" wherever its network is:
            it finds torch as a new process has it, and sets what it needs inside ``train_fn``.
    """
    if device != "cpu":
        for name, value in CUBLAS.items():
            os.environ.setdefault(name, value)
    stack = ExitStack()
    try:
        with _interrupts_wait():
            for each in (no_modes(), generators_of_a_new_process(), _switched(device)):
                stack.enter_context(each)
        yield
    finally:
        try:
            with _interrupts_wait():
                stack.close()
        except KeyboardInterrupt:  # it may have come just before interrupts wait; to close again does no harm
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
    """Ctrl-C inside the block is heard at its end."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield  # other threads never hear it, and workers ignore it
        return
    arrived: list[tuple[Any, Any]] = []
    signal.signal(signal.SIGINT, lambda number, frame: arrived.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if arrived:
        handler(*arrived[0])
