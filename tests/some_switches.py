"""Switches of torch that change bits or stop a training, set as a caller sets them, and a plan on which they act."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from lotterylab.criteria import Grasp
from lotterylab.data.scoring import PerClass
from lotterylab.engine.switches import precisions, set_precisions, switches
from lotterylab.models import Mlp
from lotterylab.plan.nodes import Init, Prune
from some_plans import DATA, RECIPE, RUN, train

MLP = Mlp(activation="relu", shape=(1, 8, 8), widths=(256, 256))  # wide enough for products of lower precision
START = Init(model=MLP, seed=0)
MASK = Prune(criterion=Grasp(), of=START, sparsity=0.5, seed=0, data=DATA, batch=PerClass(count=2))
WIDE = train(MASK, start=START, recipe=replace(RECIPE, epochs=2))
TARGETS = (replace(RUN, recipe=replace(RECIPE, epochs=2)), WIDE)


@contextmanager
def _between(put_on: Callable[[], object], put_back: Callable[[], object]) -> Iterator[None]:
    put_on()
    try:
        yield
    finally:
        put_back()


def _set(place: Any, name: str, value: Any) -> AbstractContextManager[None]:
    return _between(partial(setattr, place, name, value), partial(setattr, place, name, getattr(place, name)))


class Halves(TorchFunctionMode):
    """A mode of functions, which halves what a linear layer returns."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        return result / 2 if func is torch.nn.functional.linear else result


class Passes(TorchDispatchMode):
    """A mode of operations, which changes nothing."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


# how a caller sets them; what is set is put back at the end of the block
PUBLIC: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "medium precision": lambda: _between(
        lambda: torch.set_float32_matmul_precision("medium"), partial(set_precisions, precisions())
    ),
    "generic bf16": lambda: _set(torch.backends, "fp32_precision", "bf16"),
    "oneDNN bf16": lambda: _set(torch.backends.mkldnn.matmul, "fp32_precision", "bf16"),
    "autocast": lambda: torch.autocast("cpu"),
    "autocast to float16 without cache": lambda: torch.autocast("cpu", dtype=torch.float16, cache_enabled=False),
    "oneDNN off": lambda: _set(torch.backends.mkldnn, "enabled", False),
    "float64": lambda: _between(
        lambda: torch.set_default_dtype(torch.float64), lambda: torch.set_default_dtype(torch.float32)
    ),
    "default device": lambda: _between(
        lambda: torch.set_default_device("meta"), lambda: torch.set_default_device(None)
    ),
    "device block": lambda: torch.device("meta"),
    "no gradients": torch.no_grad,
    "inference": torch.inference_mode,
    "denormals": lambda: _between(lambda: torch.set_flush_denormal(True), lambda: torch.set_flush_denormal(False)),
    "deterministic": lambda: _between(
        lambda: torch.use_deterministic_algorithms(True), lambda: torch.use_deterministic_algorithms(False)
    ),
    "anomalies": lambda: torch.autograd.set_detect_anomaly(True),
    "mode of functions": Halves,
    "mode of operations": Passes,
    "attention": lambda: torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
    "cuDNN": lambda: torch.backends.cudnn.flags(enabled=False, benchmark=True, deterministic=True, allow_tf32=False),
    "seed": lambda: _between(lambda: torch.manual_seed(5), lambda: None),
}

# a value for each switch that is not its standard
OTHER: dict[str, Any] = {
    "threads": 2,
    "default_dtype": torch.float64,
    "anomaly_mode": (True, False),
    "autocast_cpu_dtype": torch.float16,
    "autocast_cuda_dtype": torch.bfloat16,
    "autocast_nesting": 3,
    "linalg_preferred_backend": torch._C._LinalgBackend.Magma,
    "blas_preferred_backend": torch._C._BlasBackend.Cublaslt,
    "cublas_allow_fp16_reduced_precision_reduction": (False, False),
    "cublas_allow_bf16_reduced_precision_reduction": (False, True),
    "sdp_priority_order": [0, 1, 2, 3, 4],
    "deterministic": (True, False),
}
NEEDS_GPU = ("linalg_preferred_backend", "blas_preferred_backend")  # torch without CUDA knows no other library


def state() -> dict[str, Any]:
    """Every switch, the modes that are active, the default device, and what the generators would draw."""
    from torch.utils import _device

    c: Any = torch._C
    modes = [c._get_function_stack_at(place) for place in range(c._len_torch_function_stack())]
    modes += [c._get_dispatch_stack_at(place) for place in range(c._len_torch_dispatch_stack())]
    remembered = _device.CURRENT_DEVICE, getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    return {
        **{switch.name: switch.read() for switch in switches()},
        "modes": modes,
        "default device": remembered,
        "inference": torch.is_inference_mode_enabled(),
        "generators": [
            bytes(torch.default_generator.get_state().numpy()),
            bytes(numpy.random.get_state()[1]),
            random.getstate(),
        ],
    }
