"""Variables of the environment that choose kernels, and with them the bits of a result.

A library reads them once, when it is loaded or first used.  So workers are started without them, and in the process of
a caller, where nothing can be set any more, they are a fact of the result.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from lotterylab.engine.exact import CUBLAS, exact

# beginnings of names; workers never have such a variable, and a caller's is a fact of what is computed there
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
    # torch: which products go to oneDNN, and which kernels of cuDNN there are to choose from
    "TORCH_MKLDNN_MATMUL_",
    "TORCH_LINEAR_FLATTEN_3D",
    "TORCH_CUDNN_",
    # all libraries of NVIDIA: TensorFloat-32, whatever torch asks for
    "NVIDIA_TF32_OVERRIDE",
    # numpy's functions, and those of the C library (a learning rate is a cosine)
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
    "GLIBC_TUNABLES",
)
OF_PROCESSOR = "glibc.cpu."  # the tunables that choose functions; others set how memory is had
# workers are started without these too; in a caller's process each is a fact already or is set by a switch
KNOWN_OTHERWISE = (
    "ATEN_CPU_CAPABILITY",  # the fact "instruction_set"
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    "TORCH_BLAS_PREFER_",
    "TORCH_LINALG_PREFER_",
)
# how much is told and kept, but not which kernel
HARMLESS = ("VERBOSE", "VERBOSE_TIMESTAMP", "JIT_DUMP", "JIT_PROFILE", "CACHE_CAPACITY", "TASK_LEVEL")
# libraries of linear algebra that torch may be built with instead of MKL.  Workers keep their variables, since some
# machines need them to compute rightly; where torch uses the library, they are a fact.
OF_BLAS = {"open": ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"), "nvpl": ("NVPL_BLAS_",)}


def cleared(environment: Mapping[str, str]) -> list[str]:
    """The variables that a worker must not have."""
    return sorted(_choosing(environment, (*CHOOSE_KERNELS, *KNOWN_OTHERWISE)))


def deviating(device: str) -> dict[str, str]:
    """The variables of this process on which the bits of a result on ``device`` depend: none in a worker."""
    _read_by_all_libraries()
    variables = {**_at_the_start(), **os.environ}
    choosing = _choosing(variables, (*CHOOSE_KERNELS, *_of_blas()))
    if device != "cpu":
        choosing |= {name: variables[name] for name in CUBLAS if variables.get(name, CUBLAS[name]) != CUBLAS[name]}
    return dict(sorted(choosing.items()))


def _choosing(variables: Mapping[str, str], beginnings: tuple[str, ...]) -> dict[str, str]:
    return {
        name: value
        for name, value in variables.items()
        if name.startswith(beginnings)
        and not name.endswith(HARMLESS)
        and (name != "GLIBC_TUNABLES" or OF_PROCESSOR in value)
    }


def _of_blas() -> tuple[str, ...]:
    import torch

    built_with = torch.__config__.show()
    return next((names for blas, names in OF_BLAS.items() if f"BLAS_INFO={blas}" in built_with), ())


def _at_the_start() -> dict[str, str]:
    """The variables with which this process was started, where the system tells: libraries loaded early had them."""
    try:
        lines = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    return dict(os.fsdecode(line).split("=", 1) for line in lines if b"=" in line)


@cache
def _read_by_all_libraries() -> None:
    """Make oneDNN and MKL read their variables now, so that one set later changes nothing that is not recorded."""
    import torch
    from torch.nn.functional import conv2d

    with exact("cpu"), torch.no_grad():
        conv2d(torch.ones(1, 8, 16, 16), torch.ones(8, 8, 3, 3))
        _ = torch.ones(32, 32) @ torch.ones(32, 32)
