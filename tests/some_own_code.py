"""A user's module with helpers, classes and values, which tests edit and import anew."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

HELPERS = '''
"""Helpers."""
SCALE = 2.0

def noise(x):
    return x * SCALE

def unused(x):
    return x
'''
LOOP = '''
"""A loop."""
from __future__ import annotations
import functools, dataclasses
import helpers
from helpers import noise as noisy

RATE = 0.1
CONFIG = {"momentum": 0.9, "sizes": [8, 16]}
FOLDER = "/data/here"
LOSSES = []
COUNT = 0
REGISTRY = {}


def register(function):
    REGISTRY[function.__name__] = function
    return function


@register
def relu(x):
    return max(x, 0)


def twice(factor):
    def decorate(function):
        @functools.wraps(function)
        def inner(*given):
            return factor * function(*given)

        return inner

    return decorate


class Base:
    size = 4

    def width(self):
        return self.size * 2


@dataclasses.dataclass
class Net(Base):
    depth: int = 3

    def build(self):
        return self.width() + self.depth


def unrelated():
    return 1


def inner_helper(x):
    return x + 1


def helper(x):
    return inner_helper(x) * RATE


@twice(2)
def train(x, steps=5):
    """Train."""
    global COUNT
    COUNT += 1
    LOSSES.append(x)
    for step in range(steps):
        x = helper(x) - helpers.noise(step) + noisy(step)
    return REGISTRY["relu"](x) * CONFIG["momentum"] + Net().build() + len(FOLDER)
'''


def imported(folder: Path, loop: str = LOOP, helpers: str = HELPERS) -> ModuleType:
    """The module ``loop``, imported anew from files in a folder, as a new process would."""
    (folder / "loop.py").write_text(loop)
    (folder / "helpers.py").write_text(helpers)
    for name in ("loop", "helpers"):
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
    return importlib.import_module("loop")


@contextmanager
def importing_from(folder: Path) -> Iterator[Path]:
    """Import from a folder inside, and forget the modules at the end."""
    path, bytecode = list(sys.path), sys.dont_write_bytecode
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True  # it goes by the time of a file, and these are edited within a second
    try:
        yield folder
    finally:
        sys.path[:], sys.dont_write_bytecode = path, bytecode
        for name in ("loop", "helpers"):
            sys.modules.pop(name, None)
