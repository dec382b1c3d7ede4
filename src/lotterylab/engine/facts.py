"""The circumstances on which a result depends beside its spec: kept with the result, never in its name."""

from __future__ import annotations

import hashlib
import os
import platform
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from lotterylab.version import __version__


def facts(device: str = "cpu") -> dict[str, Any]:
    """Return torch, device, threads, instruction set, machine, and the environment variables that choose kernels.

    Two results of one name have the same bits if their facts in ``DECIDING`` are equal.  ``exact`` sets every switch
    that can be set, and the rest are facts.  Exceptions are a user's function whose result depends on more than its
    source and seed (a file, a clock, GPU kernels without equal bits), and a process in which a user's module replaces
    parts of torch.

    The facts of ``OF_THE_RUN`` say when a result was computed, by which code and for which claims; no bit depends on
    them.  Records of versions before them lack them.

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
        VERSION: __version__,
        SOURCE: source_hash(),
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


# when a result was computed, by which code and for which claims: kept with it and never compared
VERSION, STARTED, SOURCE, STUDY, CLAIMS = "lotterylab", "started", "source", "study", "claims"
OF_THE_RUN = (VERSION, STARTED, SOURCE, STUDY, CLAIMS)
HASH_DIGITS = 16  # of the SHA-256 of sources and claims


def now() -> str:
    """Return the time in UTC to the second, as ISO 8601 spells it: "2026-01-31T23:59:59Z"."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def source_hash(package: Path = Path(__file__).parents[1]) -> str:
    """Return the first 16 digits of the SHA-256 of a package's Python files and of their paths inside it.

    A wheel and an editable install of the same files give the same digits.  A process computes them once.
    """
    whole = hashlib.sha256()
    files = {path.relative_to(package).as_posix(): path for path in package.rglob("*.py")}
    for name in sorted(files):
        if files[name].is_file():  # an editor's lock may be a link to nothing
            data = files[name].read_bytes()
            whole.update(f"{name} {len(data)}\n".encode() + data)
    return whole.hexdigest()[:HASH_DIGITS]


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
