"""The library of shim.c, compiled with the system's compiler, and the faults that it is asked for."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
SUPPORTED = platform.system() == "Linux" and platform.machine() in ("x86_64", "aarch64")

WRITES = "owsnudmtl"
READS = "Or"


def reason() -> str:
    """Why there can be no shim here; empty if there can be one."""
    if not SUPPORTED:
        return f"the shim is for Linux on x86-64 and aarch64, this is {platform.system()} on {platform.machine()}"
    return "" if COMPILER else "no C compiler (cc, gcc or clang) is installed"


def library() -> Path:
    """The compiled shim, made once for each version of its source."""
    assert COMPILER, reason()
    name = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    place = Path(tempfile.gettempdir()) / f"lotterylab-faults-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    path = place / f"shim-{name}.so"
    if not path.exists():
        made = place / f"shim-{name}.{os.getpid()}.so"
        command = [COMPILER, "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(made), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True, capture_output=True, text=True)
        made.rename(path)  # two processes may compile at once
    return path


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong, and at which call.  ``action``: "count" (nothing goes wrong), "kill", "killgroup", "stop",
    "clock", or the name of an errno ("ENOSPC")."""

    action: str = "count"
    at: int = -1
    after: bool = False
    sticky: bool = False
    ops: str = WRITES
    clock: int = 0

    def environment(self, folder: Path, counter: Path, log: Path | None = None) -> dict[str, str]:
        """The variables that tell the shim; ``counter`` is made anew."""
        counter.write_bytes(bytes(8))
        action = str(getattr(errno, self.action)) if self.action.startswith("E") else self.action
        return {
            "FAULTS_DIR": str(folder.resolve()),
            "FAULTS_COUNTER": str(counter),
            "FAULTS_OPS": self.ops,
            "FAULTS_AT": str(self.at),
            "FAULTS_ACTION": action,
            "FAULTS_AFTER": str(int(self.after)),
            "FAULTS_STICKY": str(int(self.sticky)),
            "FAULTS_CLOCK": str(self.clock),
            "FAULTS_LOG": str(log or ""),
        }

    def __str__(self) -> str:
        """The fault in words: ``kill after call 12``, ``ENOSPC from call 3 on``."""
        if self.action.startswith("kill"):
            return f"{self.action} {'after' if self.after else 'before'} call {self.at}"
        return f"{self.action} {'from call' if self.sticky else 'at call'} {self.at}{' on' if self.sticky else ''}"
