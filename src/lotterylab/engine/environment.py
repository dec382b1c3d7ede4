"""Environment variables that choose kernels, and with them the bits of a result.

A library reads them once, when it is loaded or first used.  Workers are therefore started without them.  In a caller's
process they cannot be cleared any more, so they are a fact of the result.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from lotterylab.engine.exact import CUBLAS, exact

# prefixes of names; workers never have such a variable, and a caller's is a fact of the results computed there
CHOOSE_KERNELS = (
    # oneDNN, for convolutions and some products: instruction set, and float32 computed in bfloat16 (two names each)
    "ONEDNN_",
    "DNNL_",
    # MKL, for all other products: instruction set, reproducible kernels, fewer multiplications, elementwise functions
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_DEBUG_CPU_TYPE",
    "MKL_DISABLE_FAST_MM",
    "MKL_VML_",
    # torch: the products that go to oneDNN, and the kernels among which cuDNN chooses
    "TORCH_MKLDNN_MATMUL_",
    "TORCH_LINEAR_FLATTEN_3D",
    "TORCH_CUDNN_",
    # all libraries of NVIDIA: TensorFloat-32, overriding torch
    "NVIDIA_TF32_OVERRIDE",
    # functions of numpy and of the C library (a learning rate is a cosine)
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
    "GLIBC_TUNABLES",
)
OF_PROCESSOR = "glibc.cpu."  # the tunables that choose functions; other tunables choose how memory is allocated
# workers are started without these too; in a caller's process each is recorded as a fact or set by a switch
KNOWN_OTHERWISE = (
    "ATEN_CPU_CAPABILITY",  # the fact "instruction_set"
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    "TORCH_BLAS_PREFER_",
    "TORCH_LINALG_PREFER_",
)
# these choose what is logged or cached, but not the kernel
HARMLESS = ("VERBOSE", "VERBOSE_TIMESTAMP", "JIT_DUMP", "JIT_PROFILE", "CACHE_CAPACITY", "TASK_LEVEL")
# linear algebra libraries that torch may use instead of MKL.  Workers keep their variables, since some machines need
# them to compute correctly; they are a fact if torch uses the library.
OF_BLAS = {"open": ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"), "nvpl": ("NVPL_BLAS_",)}


def cleared(environment: Mapping[str, str]) -> list[str]:
    """Return the names of the variables that a worker must not have."""
    return sorted(_choosing(environment, (*CHOOSE_KERNELS, *KNOWN_OTHERWISE)))


def deviating(device: str) -> dict[str, str]:
    """Return this process's variables that change the bits of results on ``device``; a worker has none."""
    _read_by_all_libraries()
    variables = {**_at_start(), **os.environ}
    choosing = _choosing(variables, (*CHOOSE_KERNELS, *_of_blas()))
    if device != "cpu":
        choosing |= {name: variables[name] for name in CUBLAS if variables.get(name, CUBLAS[name]) != CUBLAS[name]}
    return dict(sorted(choosing.items()))


def _choosing(variables: Mapping[str, str], prefixes: tuple[str, ...]) -> dict[str, str]:
    return {
        name: value
        for name, value in variables.items()
        if name.startswith(prefixes)
        and not name.endswith(HARMLESS)
        and (name != "GLIBC_TUNABLES" or OF_PROCESSOR in value)
    }


def _of_blas() -> tuple[str, ...]:
    import torch

    built_with = torch.__config__.show()
    return next((names for blas, names in OF_BLAS.items() if f"BLAS_INFO={blas}" in built_with), ())


def _at_start() -> dict[str, str]:
    """Return the variables with which this process started, if the system knows them: early libraries read them."""
    try:
        lines = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    return dict(os.fsdecode(line).split("=", 1) for line in lines if b"=" in line)


@cache
def _read_by_all_libraries() -> None:
    """Make oneDNN and MKL read their variables now, so that a later change has no unrecorded effect."""
    import torch
    from torch.nn.functional import conv2d

    with exact("cpu"), torch.no_grad():
        conv2d(torch.ones(1, 8, 16, 16), torch.ones(8, 8, 3, 3))
        _ = torch.ones(32, 32) @ torch.ones(32, 32)
