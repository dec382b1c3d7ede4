"""Compiling the C of this room, once for each compiler and processor, and loading it.

Where there is no C compiler, or where it fails, ``library`` is None, and what would use the kernel computes without it.
"""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

NAMES = ("kernel.h", "chain.c", "conv.h", "points.c", "patches.c", "slopes.c", "conv.c")
SOURCES = tuple(Path(__file__).parent / name for name in NAMES)
VERSIONS = {"chain": 3, "convolution": 4}  # raised when the numbers of one change, if only by rounding
USUAL = 16  # numbers in a vector, with AVX-512
FLAGS = ("-std=gnu11", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC")
COMPILERS = ("cc", "gcc", "clang")
SWITCH = "LOTTERYLAB_KERNELS"  # "off": torch's autograd computes all steps; "portable": as if there were no compiler
OFF = ("off", "0")
REALS = {"float": 4, "double": 8}  # bytes
PATIENCE = 120  # seconds


@dataclass(frozen=True, kw_only=True, eq=False)
class Library:
    """A ``Library`` is the compiled kernel.

    Args:
        functions: as ctypes sees them.
        compiler: its name and version, such as "gcc 12.2.0".
        real: the C type of its numbers.
    """

    functions: ctypes.CDLL
    compiler: str
    real: str

    @property
    def lanes(self) -> int:
        """The numbers in a vector, on which the order of sums depends."""
        return int(self.functions.lotterylab_lanes())

    def name(self, kind: str) -> str:
        """Return the name of a kernel, "chain" or "convolution", by what its bits depend on."""
        lanes = f", {self.lanes} lanes" if self.lanes != USUAL else ""
        return f"{kind} kernel {VERSIONS[kind]}{lanes}, {self.compiler}"


@cache
def library(real: str = "float") -> Library | None:
    """Return the kernel for this machine, compiled at first use; None where that is not possible.

    Args:
        real: "float", or "double" for comparisons.
    """
    if switched() in (*OFF, "portable") or platform.system() == "Windows":
        return None
    for compiler in COMPILERS:
        if (path := shutil.which(compiler)) and (version := _version(path)):
            try:
                return Library(functions=ctypes.CDLL(str(_compiled(path, version, real))), compiler=version, real=real)
            except (OSError, subprocess.SubprocessError):
                continue
    return None


def switched() -> str:
    """Return the word by which the environment chooses among kernels, "" for none."""
    return os.environ.get(SWITCH, "").lower()


def _version(compiler: str) -> str:
    """Return the name and the version of a compiler, "" if it does not tell."""
    try:
        said = subprocess.run([compiler, "--version"], capture_output=True, text=True, timeout=PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    first = said.stdout.splitlines()[0] if said.stdout else ""
    name = "clang" if "clang" in first else "gcc"
    number = next((word for word in reversed(first.split()) if word[:1].isdigit()), "")
    return f"{name} {number}" if number else ""


def _compiled(compiler: str, version: str, real: str) -> Path:
    """Return the shared library, from the cache or made now: complete or not at all."""
    text = "\n".join((*(source.read_text() for source in SOURCES), version, *FLAGS, real, _processor()))
    target = _folder() / f"chain-{hashlib.sha256(text.encode()).hexdigest()[:16]}.so"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            made = Path(folder) / target.name
            units = [str(source) for source in SOURCES if source.suffix == ".c"]
            command = [compiler, *FLAGS, f"-DREAL={real}", *units, "-o", str(made), "-lm"]
            subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True)
            os.replace(made, target)
    return target


def _folder() -> Path:
    """Return the user's folder for what can be made again; where that cannot be written, one of this process alone."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lotterylab"
    try:
        base.mkdir(parents=True, exist_ok=True)
        if os.access(base, os.W_OK):
            return base
    except OSError:
        pass
    alone = Path(tempfile.mkdtemp(prefix="lotterylab-"))  # nobody else can write there
    atexit.register(shutil.rmtree, alone, ignore_errors=True)
    return alone


def _processor() -> str:
    """Return what a compiler sees of the processor; machines that share a home share no kernel by mistake."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return " ".join((platform.machine(), platform.processor()))
    told = ("model name", "cpu family", "flags", "Features")
    return "\n".join(sorted({line for line in lines if line.startswith(told)}))
