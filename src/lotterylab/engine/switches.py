"""The switches of torch on which the bits of a result depend, with their values in a new process.

Each switch is read and set by the functions that torch's own Python modules call, so that it also works after a caller
forbade setting flags (``torch.backends.disable_global_flags``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

# parents before children: an operation with precision "none" inherits its backend's, and a backend the generic one
PRECISIONS = (
    ("generic", "all"),
    ("mkldnn", "all"),
    ("mkldnn", "matmul"),
    ("mkldnn", "conv"),
    ("mkldnn", "rnn"),
    ("cuda", "all"),
    ("cuda", "matmul"),
    ("cuda", "conv"),
    ("cuda", "rnn"),
)
ATTENTION = ("flash", "mem_efficient", "math", "cudnn", "overrideable")
SMALLEST = sys.float_info.min  # the smallest float64 that is not denormal


@dataclass(frozen=True, kw_only=True)
class Switch:
    """One switch: its reader and writer, and its value in a new process.

    ``gpu``: if the standard value does not give equal bits on a GPU, the values that do, the usual value first.
    """

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    standard: Any
    gpu: tuple[Any, ...] = ()

    def value_for(self, device: str, value: Any) -> Any:
        """Return the value that a task on ``device`` needs if the caller's is ``value``."""
        if device == "cpu" or not self.gpu:
            return self.standard
        return value if value in self.gpu else self.gpu[0]


@dataclass(frozen=True, kw_only=True)
class Precisions:
    """The precision of float32 products.

    ``matmul`` and ``cudnn`` are torch's older switches.  ``each`` holds the newer switches, which take precedence, in
    the order of ``PRECISIONS``; the value "none" leaves the choice to the parent.
    """

    matmul: str
    cudnn: bool
    each: tuple[str, ...]


NEW_PROCESS = Precisions(matmul="highest", cudnn=True, each=(*["none"] * 7, "tf32", "tf32"))
# By default, cuDNN rounds the factors of a convolution to TensorFloat-32, 10 bits of mantissa instead of 23
FULL_ON_GPU = Precisions(matmul="highest", cudnn=False, each=(*["none"] * 6, "ieee", "ieee", "ieee"))


@cache
def switches() -> tuple[Switch, ...]:
    """Return every switch; ``modes.no_modes`` handles the stacks of modes, which are not switches."""
    import torch

    c: Any = torch._C

    def switch(name: str, read: Any, write: Any, standard: Any, gpu: tuple[Any, ...] = ()) -> Switch:
        return Switch(name=name, read=read, write=write, standard=standard, gpu=gpu)

    def flag(name: str, standard: Any, gpu: tuple[Any, ...] = ()) -> Switch:
        return switch(name, getattr(c, f"_get_{name}"), getattr(c, f"_set_{name}"), standard, gpu)

    def attention(kernel: str) -> Switch:
        read, write = getattr(c, f"_get_{kernel}_sdp_enabled"), getattr(c, f"_set_sdp_use_{kernel}")
        return switch(f"{kernel}_attention", read, write, True)

    def reduction(kind: str) -> Switch:
        name = f"cublas_allow_{kind}_reduced_precision_reduction"
        write = getattr(c, f"_set_{name}")
        return switch(name, getattr(c, f"_get_{name}"), lambda value: write(*value), (True, True))

    def autocast(device: str, dtype: Any) -> tuple[Switch, Switch]:
        on, kind = partial(torch.is_autocast_enabled, device), partial(torch.get_autocast_dtype, device)
        return (
            switch(f"autocast_{device}", on, partial(torch.set_autocast_enabled, device), False),
            switch(f"autocast_{device}_dtype", kind, partial(torch.set_autocast_dtype, device), dtype),
        )

    blas = c._BlasBackend.Cublas
    errors_or_warnings = ((True, True), (True, False))  # a caller's errors for operations without equal bits stay
    return (
        switch("threads", torch.get_num_threads, torch.set_num_threads, 1),
        switch("default_dtype", torch.get_default_dtype, torch.set_default_dtype, torch.float32),
        switch("gradients", torch.is_grad_enabled, c._set_grad_enabled, True),
        switch("forward_gradients", c._is_fwd_grad_enabled, c._set_fwd_grad_enabled, True),
        switch("anomaly_mode", _anomaly_mode, lambda value: torch.set_anomaly_enabled(*value), (False, True)),
        switch("denormals_are_zero", denormals_are_zero, torch.set_flush_denormal, False),
        switch("precisions", precisions, set_precisions, NEW_PROCESS, (FULL_ON_GPU,)),
        *autocast("cpu", torch.bfloat16),
        *autocast("cuda", torch.float16),
        switch("autocast_cache", torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled, True),
        switch("autocast_nesting", _nesting, _nest, 0),
        flag("mkldnn_enabled", True),
        flag("mkldnn_deterministic", False),
        flag("nnpack_enabled", True),
        flag("cudnn_enabled", True),
        flag("cudnn_deterministic", False, (True,)),
        flag("cudnn_benchmark", False),  # kernels chosen by rule, not by a race with changing winners
        flag("linalg_preferred_backend", c._LinalgBackend.Default),
        *(() if torch.version.hip else (flag("blas_preferred_backend", blas),)),
        flag("cublas_allow_fp16_accumulation", False),
        *map(reduction, ("fp16", "bf16")),
        *map(attention, ATTENTION),
        flag("sdp_priority_order", [1, 2, 0, 3, 4]),
        flag("math_sdp_allow_fp16_bf16_reduction", False),
        switch("attention", torch.backends.mha.get_fastpath_enabled, torch.backends.mha.set_fastpath_enabled, True),
        switch("deterministic", _deterministic, _set_deterministic, (False, False), errors_or_warnings),
        flag("deterministic_fill_uninitialized_memory", True, (False,)),  # slow, and it finds no errors here
    )


def precisions() -> Precisions:
    """Return the precisions as they were set.

    torch reports only the effective precisions, and its older switches only if they agree with the newer ones.  The
    newer switches are therefore set to "none" one after another, and restored.
    """
    import torch

    c: Any = torch._C
    each = tuple(c._get_fp32_precision_getter(*pair) for pair in PRECISIONS)
    if each == NEW_PROCESS.each:  # nothing is inherited
        return Precisions(matmul=c._get_float32_matmul_precision(), cudnn=_cudnn(True), each=each)
    raw: list[str] = []
    for pair in PRECISIONS:
        raw.append(c._get_fp32_precision_getter(*pair))
        c._set_fp32_precision_setter(*pair, "none")
    matmul = c._get_float32_matmul_precision()
    value = Precisions(matmul=matmul, cudnn=_cudnn(raw[-2:] == ["tf32", "tf32"]), each=tuple(raw))
    set_precisions(value)
    return value


def set_precisions(value: Precisions) -> None:
    """Set the older switches, each of which changes some newer ones, and then the newer switches."""
    import torch

    c: Any = torch._C
    c._set_float32_matmul_precision(value.matmul)
    c._set_cudnn_allow_tf32(value.cudnn)
    for pair, precision in zip(PRECISIONS, value.each, strict=True):
        c._set_fp32_precision_setter(*pair, precision)


def _cudnn(likely: bool) -> bool:
    """Return cuDNN's older switch, which torch reports only if it agrees with the newer switches."""
    import torch

    c: Any = torch._C
    for pair in PRECISIONS[-2:]:
        c._set_fp32_precision_setter(*pair, "tf32" if likely else "none")
    try:
        return c._get_cudnn_allow_tf32()
    except RuntimeError:
        return not likely


def denormals_are_zero() -> bool:
    """Return whether this thread's processor treats numbers below 1e-308 (float32: 1e-38) as 0.

    torch can set this but not report it; libraries compiled with ``-ffast-math`` set it when they are loaded.
    """
    return SMALLEST / 2 == 0.0


def _anomaly_mode() -> tuple[bool, bool]:
    import torch

    return torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()


def _deterministic() -> tuple[bool, bool]:
    import torch

    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _set_deterministic(value: tuple[bool, bool]) -> None:
    import torch

    torch.use_deterministic_algorithms(value[0], warn_only=value[1])


def _nesting() -> int:
    """Return the number of open autocast blocks; their converted weights are kept until the outermost ends."""
    import torch

    torch.autocast_increment_nesting()
    return torch.autocast_decrement_nesting()


def _nest(depth: int) -> None:
    import torch

    while (depth_now := _nesting()) != depth:
        (torch.autocast_increment_nesting if depth_now < depth else torch.autocast_decrement_nesting)()
    torch.clear_autocast_cache()
