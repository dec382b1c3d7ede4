"""What a result depends on beside its spec: kept beside it, never in its name."""

from __future__ import annotations

import os
import platform
from functools import cache
from typing import Any


def facts(device: str = "cpu") -> dict[str, Any]:
    """torch, device, threads, instruction set, machine.  Two runs with equal facts give the same bits.

    ``device``: where the result is computed; of a GPU, its name is the fact.
    """
    import torch

    return {**_lasting(device), "threads": torch.get_num_threads()}


@cache
def _lasting(device: str) -> dict[str, Any]:
    """The facts that do not change while a process lives."""
    import torch

    import lotterylab

    return {
        "lotterylab": lotterylab.__version__,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "machine": platform.machine(),
        "processor": processor(),
        "python": platform.python_version(),
    }


# the facts on which the bits of a training depend; with others an unfinished run starts again
DECIDING = ("torch", "device", "threads", "instruction_set", "processor", "path")


def deciding(all_facts: dict[str, Any]) -> dict[str, Any]:
    """The facts on which bits depend."""
    return {name: all_facts[name] for name in DECIDING if name in all_facts}


@cache
def processor() -> str:
    """Family and model of the processor: kernels are chosen by it."""
    try:
        with open("/proc/cpuinfo") as file:
            lines = dict(line.split(":", 1) for line in file.read().split("\n\n")[0].splitlines() if ":" in line)
        fields = {name.strip(): value.strip() for name, value in lines.items()}
        return " ".join(fields.get(name, "") for name in ("vendor_id", "cpu family", "model")).strip()
    except OSError:
        return platform.processor() or os.uname().machine
