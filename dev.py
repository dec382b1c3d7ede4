#!/usr/bin/env python3
"""The front door: one command sets lotterylab up and uses it.

    python3 dev.py study      winning tickets and a small activation study on the embedded digits, with their reports
    python3 dev.py pages      the pages, CSV files and figures of results/, from the ledgers
    python3 dev.py test       the tests, without the long ones      (more for pytest: test -- -k select)
    python3 dev.py nightly    the tests, with the long ones         (more for pytest: nightly -- -x)
    python3 dev.py bench      training speed, beside loops of one's own    (more for bench.py: bench -- --only LeNet)
    python3 dev.py check      ruff, the format, pyright
    python3 dev.py setup      only the set-up: .venv, with the versions and hashes of requirements.lock

`make study` is the same as `python3 dev.py study`, and so on; ARGS="-k select" adds arguments for pytest.
`--here` uses the running Python as it is and makes no .venv: for a machine without network that has torch.
"""

# Standard library only, and nothing newer than Python 3.6 (hence the quoted annotations): where `python3` is old,
# this file must still run in order to find a newer one.
import difflib
import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent
OLDEST = (3, 11)
NEWER = ("python3.13", "python3.12", "python3.11")

STUDY = (
    ("run", "lth-digits", "--size", "quick"),
    ("report", "lth-digits", "--size", "quick"),
    ("run", "activations", "--data", "digits", "--preset", "small"),
    ("report", "activations", "--data", "digits", "--preset", "small"),
)
COMMANDS = ("study", "pages", "test", "nightly", "bench", "check", "setup")
PYTEST = ("test", "nightly")
WITH_ARGUMENTS = (*PYTEST, "bench")

LOCK = "requirements.lock"
# what a set-up with the lock depends on: "cpython 3.11 linux x86_64 glibc"; "3.14t" is a Python of another kind
PLATFORM = (
    "import platform, sys; version = '{}.{}'.format(*sys.version_info) + getattr(sys, 'abiflags', '');"
    " print(sys.implementation.name, version, sys.platform, platform.machine(), platform.libc_ver()[0] or '-')"
)
NETWORK = (
    "check the network and pip's settings (`pip config list`), then run the same command again; it starts afresh. If"
    " hashes differ, somebody may have changed a file: do not use it. Without network, but with torch: add --here."
)
SOURCES = ("pyproject.toml", "constraints.txt", LOCK)  # what the .venv is made from

# What `--here` asks of the running Python before it starts: modules, by the name that is imported.
NEEDS = {
    **dict.fromkeys(("study", "pages"), ("torch", "numpy", "scipy", "safetensors", "rich", "matplotlib", "PIL")),
    **dict.fromkeys(PYTEST, ("torch", "pytest", "xdist", "hypothesis")),
    "bench": ("torch", "numpy", "safetensors"),
    "check": ("ruff", "pyright"),
}


class Stop(Exception):
    """Ends dev.py with a message and an exit code: 2 where the call is wrong, 1 where the set-up failed."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Call(NamedTuple):
    """One command line, read."""

    command: str
    here: bool
    extra: "tuple[str, ...]"


def split(words: "list[str]") -> "tuple[list[str], list[str]]":
    """Our own words, and those after a lone ``--``."""
    cut = words.index("--") if "--" in words else len(words)
    return words[:cut], words[cut + 1 :]


def parse(words: "list[str]") -> Call:
    """``COMMAND [--here] [-- ARGUMENTS]``; a wrong word is refused with the nearest right one."""
    own, extra = split(words)
    for word in own:
        if word not in (*COMMANDS, "--here"):
            kind, known = ("option", ("--here", "--help")) if word.startswith("-") else ("command", COMMANDS)
            near = difflib.get_close_matches(word, known, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else " Arguments for pytest go after a lone --."
            raise Stop(2, f"no {kind} is named '{word}'.{hint} Known: {', '.join(known)}.")
    commands = [word for word in own if word in COMMANDS]
    if len(commands) != 1:
        found = " ".join(commands) or "none"
        raise Stop(2, f"one command is needed, found: {found}. Known: {', '.join(COMMANDS)}.")
    call = Call(commands[0], "--here" in own, tuple(extra))
    if call.extra and call.command not in WITH_ARGUMENTS:
        known = ", ".join(WITH_ARGUMENTS)
        raise Stop(2, f"'{call.command}' takes no arguments, found: {' '.join(extra)}. Those that do: {known}.")
    if call.here and call.command == "setup":
        raise Stop(2, "'setup' makes the .venv and --here does without one: leave one of them out.")
    return call


def find_python() -> str:
    """A Python that is new enough: the running one (from within a .venv the one behind it, as the .venv may be
    about to go), else one on the PATH that really starts: a version manager puts names there that only fail."""
    if sys.version_info >= OLDEST:
        return str(Path(sys.executable).resolve())
    for name in NEWER:
        path = shutil.which(name)
        if path and subprocess.run([path, "-c", ""], stdout=subprocess.PIPE, stderr=subprocess.STDOUT).returncode == 0:
            return path
    found = "{}.{}".format(*sys.version_info)
    raise Stop(2, f"lotterylab needs Python 3.11 or newer; this is {found}, and none of {', '.join(NEWER)} starts.")


def stamp_of(root: Path) -> Path:
    """Where the set-up says what it was made from.  Its mere presence says that the .venv is ours to replace."""
    return root / ".venv" / ".lotterylab-stamp"


def venv_python(root: Path, system: str = os.name) -> Path:
    """The Python of the .venv; Windows keeps it elsewhere."""
    return root / ".venv" / ("Scripts/python.exe" if system == "nt" else "bin/python")


def digest(root: Path) -> str:
    """SHA-256 of all that the .venv depends on: its files, and the folder, because a moved .venv is a broken one."""
    files = [root / name for name in SOURCES]
    parts = [str(root).encode(), *(file.read_bytes() if file.exists() else b"" for file in files)]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def is_ready(root: Path) -> bool:
    """Whether a set-up from just these files once ran to its end, and its Python is still there."""
    stamp = stamp_of(root)
    return stamp.exists() and stamp.read_text() == digest(root) and venv_python(root).exists()


def lock_fits(root: Path, python: str) -> bool:
    """Whether requirements.lock has the hashes for that Python: its comment "# fits:" has every word of PLATFORM."""
    text = (root / LOCK).read_text() if (root / LOCK).exists() else ""
    fits = " ".join(re.findall("^# fits: (.*)$", text, re.MULTILINE)).split()
    words = subprocess.run([python, "-c", PLATFORM], stdout=subprocess.PIPE, encoding="utf-8").stdout.split()
    return bool(words) and set(words) <= set(fits)


def installs(locked: bool, python: str) -> "list[list[str]]":
    """The commands that fill the .venv, whose Python is given.  With the lock, pip refuses a file of another hash;
    torch comes after it, by its version alone: which of its files fits depends on the accelerator."""
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    if not locked:
        return [[*pip, "-c", "constraints.txt", "-e", ".[test]"]]
    return [
        [*pip, "--require-hashes", "--no-deps", "-r", LOCK],
        [*pip, "-c", "constraints.txt", "torch"],
        [*pip, "--no-deps", "--no-build-isolation", "-e", "."],
    ]


def install(command: "list[str]", root: Path, advice: str) -> None:
    """Run one step of the set-up.  Its output is shown only if it fails: pip warns of package sources that it
    cannot reach even where it did not need them."""
    result = subprocess.run(
        command, cwd=str(root), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
    )
    if result.returncode:
        said = result.stdout.strip()
        raise Stop(1, f"this failed, with the output below: {' '.join(command)}\n\n{said}\n\nWhat to do: {advice}")


def set_up(root: Path, python: str) -> None:
    """Make the .venv.  Always from nothing: what an interrupted or an older set-up left is never built upon.
    The stamp says "unfinished" from the first moment to the last."""
    venv, stamp, wanted = root / ".venv", stamp_of(root), digest(root)
    if venv.exists() and not stamp.exists() and any(venv.iterdir()):
        raise Stop(2, f"{venv} was not made by dev.py and is left alone. Move it away, or use its Python with --here.")
    print("Setting up .venv (about a minute, once; longer where torch has to be downloaded) ...", flush=True)
    locked = lock_fits(root, python)
    if not locked:
        print(f"{LOCK} has no hashes for this Python and machine: pip chooses the versions, unchecked.", flush=True)
    started = time.monotonic()
    venv.mkdir(exist_ok=True)
    stamp.write_text("unfinished")
    for old in venv.iterdir():
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(str(old))
        elif old != stamp:
            old.unlink()
    install(
        [python, "-m", "venv", str(venv)],
        root,
        "some systems ship Python without venv; there it is a package of its own (Debian, Ubuntu: python3-venv).",
    )
    for command in installs(locked, str(venv_python(root))):
        install(command, root, NETWORK)
    stamp.write_text(wanted)
    print(f"Setting up .venv: done in {time.monotonic() - started:.0f} s.", flush=True)


def absent(modules: "tuple[str, ...]") -> "list[str]":
    """Those of ``modules`` that the running Python does not have; nothing is imported."""
    return [name for name in modules if importlib.util.find_spec(name) is None]


def use_here(call: Call) -> str:
    """The running Python, if it has what the command needs."""
    if sys.version_info < OLDEST:
        raise Stop(2, "--here uses this Python ({}.{}), and lotterylab needs 3.11 or newer.".format(*sys.version_info))
    missing = absent(NEEDS[call.command])
    if missing:
        names = ", ".join(missing)
        raise Stop(2, f"'{call.command}' needs {names}, which {sys.executable} does not have. Install, or omit --here.")
    return sys.executable


def steps(call: Call, python: str) -> "list[list[str]]":
    """The commands behind a command.  pytest takes the last of two equal options, so the user's own come last."""
    tests = [python, "-m", "pytest", "-n", "2"]
    extras = [python, "-m", "pip", "install", "-q", "-c", "constraints.txt", "-e", ".[test,wandb,mlflow]"]
    return {
        "study": [[python, "-m", "lotterylab", *words] for words in STUDY],
        "pages": [[python, "-m", "lotterylab", "report", "--all"]],
        "test": [[*tests, "-m", "not nightly", *call.extra]],
        "nightly": [*([] if call.here else [extras]), [*tests, *call.extra]],
        "bench": [[python, "benchmarks/bench.py", "--keep", *call.extra]],
        "check": [
            [python, "-m", "ruff", "check", "."],
            [python, "-m", "ruff", "format", "--check", "."],
            [python, "-m", "pyright", "--pythonpath", python],
        ],
        "setup": [],
    }[call.command]


def environment(call: Call, root: Path) -> "dict[str, str]":
    """What the steps find in their environment besides ours."""
    env = dict(os.environ)
    if call.command in PYTEST:
        env["OMP_NUM_THREADS"] = "1"  # two workers of pytest with all the cores each get in each other's way
    if call.here:
        env["PYTHONPATH"] = os.pathsep.join([str(root / "src"), *filter(None, [env.get("PYTHONPATH")])])
    return env


def run(command: "list[str]", env: "dict[str, str]", root: Path) -> int:
    """Run one step in the foreground; its exit code, or 128 + the signal that ended it.

    An interrupted study saves its state before it ends, so it gets the time it takes: Ctrl-C reaches it directly
    and dev.py only waits, where ``subprocess.run`` would kill it after a quarter of a second; SIGTERM is passed on.
    """
    child = subprocess.Popen(command, cwd=str(root), env=env)
    before = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    try:
        while True:
            try:
                code = child.wait()
                return code if code >= 0 else 128 - code
            except KeyboardInterrupt:
                continue
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def main(words: "list[str]", root: Path = ROOT) -> int:
    """Read the command line, set up, run; the exit code is that of the first step that failed."""
    if not words or {"-h", "--help"}.intersection(split(words)[0]):
        print((__doc__ or "").strip())
        return 0 if words else 2
    try:
        call = parse(words)
        if call.here:
            python = use_here(call)
        else:
            if not is_ready(root):
                set_up(root, find_python())
            python = str(venv_python(root))
    except Stop as stop:
        print(f"dev.py: {stop}", file=sys.stderr)
        return stop.code
    except OSError as error:  # a read-only checkout, a full disk
        print(f"dev.py: the set-up failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndev.py: interrupted; the next call starts the set-up again.", file=sys.stderr)
        return 130
    failed = 0
    for command in steps(call, python):
        print("$ " + " ".join(map(shlex.quote, command)).replace(str(root) + os.sep, ""), flush=True)
        code = run(command, environment(call, root), root)
        failed = failed or code
        if code and call.command != "check":  # the three checks do not depend on each other
            break
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
