"""dev.py as a module, and a checkout that it takes for its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "dev.py"


def load():
    spec = importlib.util.spec_from_file_location("dev", FILE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


dev = load()


def make_checkout(folder: Path) -> Path:
    (folder / "pyproject.toml").write_text("[project]\n")
    (folder / "constraints.txt").write_text("torch==2.13.0\n")
    (folder / dev.LOCK).write_text(f"# fits: {' '.join(words_of(sys.executable))}\nwheel==1\n")
    return folder


def words_of(python: str) -> list[str]:
    return subprocess.run([python, "-c", dev.PLATFORM], capture_output=True, text=True, check=True).stdout.split()


def pretend_done(root: Path) -> None:
    python = dev.venv_python(root)
    python.parent.mkdir(parents=True)
    python.touch()
    dev.stamp_of(root).write_text(dev.digest(root))
