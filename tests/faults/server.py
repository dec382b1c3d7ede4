"""A process that has imported everything once, and forks a child for each trial.

Requests and replies are lines of JSON on its standard input and output; ``lab.py`` speaks to it.  It runs with the shim
preloaded, and with one thread, so that a fork is safe.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

from faults.watch import Watch
from lotterylab.errors import LotteryError

WARM = (
    "torch",
    "torch._dynamo",
    "torch.optim",
    "safetensors.torch",
    "scipy.stats",
    "matplotlib.figure",
    "lotterylab.commands.main",
    "lotterylab.engine.here",
    "lotterylab.engine.ledger",
    "lotterylab.engine.rules",
    "lotterylab.engine.pruning",
    "lotterylab.engine.verify",
    "lotterylab.commands.study",
    "lotterylab.commands.checks",
    "lotterylab.auditing",
    "lotterylab.report.page",
    "faults.plans",
    "faults.tasks",
)
BRIEF = 20_000  # letters of output that are kept: its beginning and its end


def brief(path: Path) -> str:
    text = path.read_text(errors="replace") if path.exists() else ""
    return text if len(text) <= BRIEF else f"{text[: BRIEF // 2]}\n...\n{text[-BRIEF // 2 :]}"


def begin_faults(environment: dict[str, str]) -> None:
    """Tell the preloaded shim, where there is one."""
    for name in [name for name in os.environ if name.startswith("FAULTS_") and name != "FAULTS_FENCE"]:
        del os.environ[name]
    os.environ.update(environment)
    ctypes.CDLL(None).faults_begin()  # an AttributeError where the shim, and with it the fence, is not preloaded


def child(request: dict[str, Any], scratch: Path) -> int:
    """The forked process: limits, faults, the call; its value goes to a file."""
    os.setsid()
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(scratch / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(request.get("cwd") or scratch)
    for name, most in request["limits"].items():
        kind = getattr(resource, f"RLIMIT_{name}")
        resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))
    reply: dict[str, Any] = {}
    watch = Watch()
    try:
        module, name = request["call"].split(":")
        function = getattr(import_module(module), name)
        if request["watch"]:
            watch.begin()
        begin_faults(request["environment"])
        reply = {"value": function(*request["arguments"])}
    except SystemExit as end:
        reply = {"value": end.code}
    except BaseException as error:
        reply = {"raised": type(error).__name__, "message": str(error), "trace": traceback.format_exc()}
        reply["is_explained"] = isinstance(error, LotteryError)
    reply["events"] = watch.end()
    begin_faults({})
    for name in request["limits"]:
        kind = getattr(resource, f"RLIMIT_{name}")
        resource.setrlimit(kind, (resource.getrlimit(kind)[1],) * 2)
    sys.stdout.flush()
    sys.stderr.flush()
    (scratch / "value").write_text(json.dumps(reply, default=str))
    return 19 if "raised" in reply else 0


def ended(pid: int, seconds: float) -> bool:
    """Whether a child ends within the time."""
    handle = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(handle)


def kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def group_is_gone(pid: int, seconds: float) -> bool:
    """Whether a group ends within the time; its orphans are this process's children, who must be waited for."""
    end = time.monotonic() + seconds
    while True:
        try:
            while os.waitpid(-pid, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.02)


def adopt_orphans() -> None:
    """Become the parent of processes whose parent is killed (PR_SET_CHILD_SUBREAPER)."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def trial(request: dict[str, Any]) -> dict[str, Any]:
    """Fork, wait, and say how it ended."""
    scratch = Path(request["scratch"])
    for name in ("value", "out", "err"):
        (scratch / name).unlink(missing_ok=True)
    began, before = time.perf_counter(), own_kilobytes()
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = child(request, scratch)
        finally:
            os._exit(code)
    in_time = ended(pid, request["seconds"])
    if not in_time:
        kill_group(pid)
    _, status, usage = os.wait4(pid, 0)
    gone = group_is_gone(pid, request["linger"])
    if not gone:
        kill_group(pid)
        group_is_gone(pid, 5)
    value = scratch / "value"
    return {
        "in_time": in_time,
        "left_behind": not gone,
        "signal": status & 127,
        "code": status >> 8,
        "seconds": time.perf_counter() - began,
        "megabytes": max(0, usage.ru_maxrss - before) / 1024,
        "out": brief(scratch / "out"),
        "err": brief(scratch / "err"),
        **(json.loads(value.read_text()) if value.exists() else {}),
    }


def own_kilobytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def main() -> None:
    adopt_orphans()
    for name in WARM:
        import_module(name)
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(trial(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
