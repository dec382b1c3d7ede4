"""The test's side of ``server.py``: a call in a child, with a fault, limits and a time, and how it ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults import server, shim
from faults.shim import Fault
from faults.watch import CHANGING, changes, outside

TESTS = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a trial ended.

    ``megabytes``: memory beyond that of the server; ``calls``: counted file-system calls."""

    in_time: bool
    signal: int
    code: int
    seconds: float
    megabytes: float
    out: str
    err: str
    value: Any = None
    raised: str = ""
    message: str = ""
    trace: str = ""
    is_explained: bool = False
    left_behind: bool = False
    calls: int = 0
    log: tuple[tuple[int, str, str], ...] = ()
    events: tuple[tuple[str, str], ...] = ()

    def outside(self, *allowed: Path) -> list[str]:
        """What a watched call changed outside of the allowed places."""
        return list(dict.fromkeys(outside([*self.events, *changes(self.log)], allowed)))

    @property
    def said(self) -> str:
        """All that a person would read."""
        return f"{self.out}\n{self.err}"

    @property
    def is_traceback(self) -> bool:
        """Whether it ended with an error that nobody explains."""
        return "Traceback (most recent call last)" in self.said

    def __str__(self) -> str:
        """One line: for the message of a test that fails."""
        end = "hangs" if not self.in_time else f"signal {self.signal}" if self.signal else f"exit {self.code}"
        raised = f", {self.raised}: {self.message[:200]}" if self.raised else f", value {str(self.value)[:300]}"
        return f"{end}{raised}" + (f", said {self.err.strip()[-300:]!r}" if self.err.strip() else "")


@dataclass(kw_only=True)
class Lab:
    """A running server.

    ``fence``: the folder in which all trials lie.  The server and its children can change no file outside of it, so
    that a fault which a hostile input finds harms nobody's files.
    """

    fence: Path
    _process: subprocess.Popen[str] = field(init=False)

    @property
    def scratch(self) -> Path:
        """What children say, outside of every store."""
        return self.fence / "scratch"

    def __enter__(self) -> Lab:
        for name in ("scratch", "home", "tmp"):
            (self.fence / name).mkdir(exist_ok=True)
        paths = [str(TESTS), *(path for path in sys.path if path)]
        environment = {
            **os.environ,
            "LOTTERYLAB_KERNELS": "off",  # no compiler runs within a trial, and nothing goes to the user's cache
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(paths),
            "MPLCONFIGDIR": str(self.fence / "home"),
            "HOME": str(self.fence / "home"),
            "TMPDIR": str(self.fence / "tmp"),
            "LD_PRELOAD": str(shim.library()),
            "FAULTS_FENCE": str(self.fence.resolve()),
        }
        environment.pop("LOTTERYLAB_DATA", None)
        environment.pop("LOTTERYLAB_STORE", None)
        self._process = subprocess.Popen(
            [sys.executable, server.__file__],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.scratch,
        )
        assert self._line() == "ready"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.kill()
        self._process.wait(30)
        self._process.stdout.close()

    def _line(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the server of forked children has ended"
        return line.strip()

    def call(
        self,
        call: str,
        *arguments: Any,
        fault: Fault | None = None,
        folder: Path | None = None,
        seconds: float = 60,
        limits: Mapping[str, int] | None = None,
        logged: bool = False,
        cwd: Path | None = None,
        linger: float = 0,
        watched: bool = False,
    ) -> Ending:
        """Call ``faults.tasks``'s function in a forked child.  ``folder``: below which the fault's calls count.

        ``linger``: seconds that its own children may take to end after it; then they are killed.  ``watched``: every
        change of a file is logged, wherever it lies.
        """
        if watched:
            fault, folder, logged = Fault(ops=CHANGING), Path("/"), True
        counter, log = self.scratch / "counter", self.scratch / "log"
        log.unlink(missing_ok=True)
        told = {}
        if fault:
            assert folder is not None
            told = fault.environment(folder, counter, log if logged else None)
        request = {
            "call": f"faults.tasks:{call}",
            "arguments": [str(one) if isinstance(one, Path) else one for one in arguments],
            "environment": told,
            "seconds": seconds,
            "linger": linger,
            "watch": watched,
            "limits": dict(limits or {}),
            "scratch": str(self.scratch),
            "cwd": str(cwd or ""),
        }
        assert self._process.stdin
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        reply = json.loads(self._line())
        calls = int.from_bytes(counter.read_bytes(), "little") if fault else 0
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        parts = [line.split(" ", 3) for line in lines]
        logged_calls = tuple((int(part[0]), part[1], part[3]) for part in parts if len(part) == 4 and part[0].isdigit())
        reply["events"] = tuple((event, path) for event, path in reply.get("events", ()))
        return Ending(**reply, calls=calls, log=logged_calls)
