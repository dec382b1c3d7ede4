"""The same bits each time: one thread; on a GPU also float32 that is float32.

Left alone, cuDNN rounds the factors of a convolution to TensorFloat-32, 10 bits of mantissa instead of 23, and chooses
kernels whose sums depend on which thread came first.  Neither is what a recipe of precision "float32" says, or what
a continued run may do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

# what cuBLAS needs for the same bits; read when a process begins to use the GPU
CUBLAS = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}


@contextmanager
def exact(device: str) -> Iterator[None]:
    """While it lasts, torch computes with one thread, and its switches stand so that equal work on ``device`` gives
    equal bits, in full float32.  Afterwards all is as it was, but for cuBLAS's variable of the environment.

    torch warns of an operation that has no kernel with this property (as the gradient of adaptive pooling has not).
    On the CPU no switch is touched: it computes like this anyway.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with nullcontext() if device == "cpu" else _switched():
            yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _switched() -> Iterator[None]:
    import torch
    from torch.utils import deterministic

    for name, value in CUBLAS.items():
        os.environ.setdefault(name, value)
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    switches: tuple[tuple[Any, str, Any], ...] = (
        (cudnn, "deterministic", True),
        (cudnn, "benchmark", False),  # kernels chosen by rule, not by a race that another may win next time
        (cudnn.conv, "fp32_precision", "ieee"),
        (cudnn.rnn, "fp32_precision", "ieee"),
        (matmul, "fp32_precision", "ieee"),
        (deterministic, "fill_uninitialized_memory", False),  # it costs time and finds nothing here
    )
    before = [(place, name, getattr(place, name)) for place, name, _ in switches]
    strict, warn_only = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    try:
        for place, name, value in switches:
            setattr(place, name, value)
        torch.use_deterministic_algorithms(True, warn_only=not strict or warn_only)
        yield
    finally:
        for place, name, value in before:
            setattr(place, name, value)
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)
