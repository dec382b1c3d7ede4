"""The circumstances on which a result depends beside its spec: kept with the result, never in its name."""

from __future__ import annotations

import os
import platform
from functools import cache
from typing import Any

from lotterylab.version import __version__


def facts(device: str = "cpu") -> dict[str, Any]:
    """Return torch, device, threads, instruction set, machine, and the environment variables that choose kernels.

    Two results of one name have the same bits if their facts in ``DECIDING`` are equal.  ``exact`` sets every switch
    that can be set, and the rest are facts.  Exceptions are a user's function whose result depends on more than its
    source and seed (a file, a clock, GPU kernels without equal bits), and a process in which a user's module replaces
    parts of torch.

    Args:
        device: the device of the result; the fact of a GPU is its name.
    """
    import torch

    return {**_lasting(device), "threads": torch.get_num_threads()}


@cache
def _lasting(device: str) -> dict[str, Any]:
    """Return the facts that do not change during the life of a process."""
    import torch

    from lotterylab.engine.environment import deviating

    variables = deviating(device)
    return {
        "lotterylab": __version__,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "machine": platform.machine(),
        "processor": processor(),
        "python": platform.python_version(),
        **({"environment": variables} if variables else {}),
    }


# the bits of a training depend on these facts; an unfinished run with other facts starts again
DECIDING = ("torch", "device", "threads", "instruction_set", "processor", "path", "environment")


def deciding(all_facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts on which bits depend."""
    return {name: all_facts[name] for name in DECIDING if name in all_facts}


@cache
def processor() -> str:
    """Return the family and model of the processor, by which libraries choose kernels."""
    try:
        with open("/proc/cpuinfo") as file:
            lines = dict(line.split(":", 1) for line in file.read().split("\n\n")[0].splitlines() if ":" in line)
        fields = {name.strip(): value.strip() for name, value in lines.items()}
        return " ".join(fields.get(name, "") for name in ("vendor_id", "cpu family", "model")).strip()
    except OSError:
        return platform.processor() or os.uname().machine
