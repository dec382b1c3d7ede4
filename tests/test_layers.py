"""The shape of the package: imports go down only, plans need no torch, files stay small."""

from __future__ import annotations

import ast
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lotterylab

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "lotterylab"

# rooms, by the first part of a module's name; a room imports from earlier layers and from its own
LAYERS: tuple[set[str], ...] = (
    {
        *("version", "errors", "formats", "types", "words", "rng", "system", "own_code", "masks", "statistics"),
        *("homes", "calling", "network", "weights", "tied", "candidates", "readable", "views", "protocols", "kernels"),
    },
    {
        *("data", "models", "criteria", "combining", "interventions", "gates", "training", "structure"),
        *("analysis", "auditing", "audit"),
        *("plan", "procedures"),
    },
    {"engine", "library"},
    {"reading"},
    {"asking", "studies"},
    {"report", "fetch", "tracking", "own_plans", "from_python"},
    {"commands"},
    {"__main__", "__init__"},
)
PLANS = {"plan", "procedures"}  # never meet their own layer's other side, the methods

# the modules that are made of tensors; all others can be imported where there is no torch
OF_TENSORS = {
    "data.loader",
    "data.normalise",
    "gates.installed",
    "models.dropout",
    "training.attach",
    "training.attach_checks",
    "training.attached",
    "training.chain_layout",
    "training.chain_step",
    "training.kernel_during",
    "training.conv_layout",
    "training.conv_step",
    "training.during",
    "training.flat_step",
    "training.portable_step",
    "training.during_checks",
    "training.frozen",
    "training.held",
    "training.judged",
    "training.low_bit",
    "training.loop",
    "training.step",
    "training.step_hooks",
    "training.watch",
    "training.wrapped",
    "engine.checkpoints",
    "engine.context",
    "engine.finals",
    "engine.made",
    "engine.paths",
    "engine.pruning",
    "engine.rules",
    "engine.trainings",
    "engine.user_interventions",
    "engine.user_training",
}


def modules() -> dict[str, Path]:
    """Every module by its name below the package ("plan.nodes"), a package as its own name ("plan")."""
    names = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        names[".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)] = path
    return names


MODULES = modules()


def top(name: str) -> str:
    return name.partition(".")[0]


def layer(name: str) -> int:
    return next(number for number, members in enumerate(LAYERS) if top(name) in members)


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module below the package) of every import of ours, those inside functions and for types too."""
    for statement in ast.walk(ast.parse(path.read_text())):
        if isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            assert statement.level == 0, f"{path}:{statement.lineno}: imports are absolute"
            home = str(statement.module)
            names = [f"{home}.{one.name}" for one in statement.names]
            names = [name if name.removeprefix("lotterylab.") in MODULES else home for name in names]
        else:
            continue
        for name in names:
            if name.partition(".")[0] == "lotterylab":
                yield statement.lineno, name.removeprefix("lotterylab").removeprefix(".") or "__init__"


def test_every_module_has_a_layer():
    members = set().union(*LAYERS)
    assert set(map(top, MODULES)) <= members


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_go_down_only_and_plans_and_methods_never_meet(name):
    for line, other in imported(MODULES[name]):
        where = f"{MODULES[name].relative_to(ROOT)}:{line} imports {other}"
        assert layer(other) <= layer(name), f"{where}, which is above it"
        if layer(other) == layer(name) == 1:
            assert (top(name) in PLANS) == (top(other) in PLANS), f"{where}: a plan meets a method"


def test_no_module_imports_the_package_s_own_face():
    faced = {name for name, path in MODULES.items() for _, other in imported(path) if other not in MODULES}
    assert faced == set()


def test_no_modules_import_each_other_in_a_circle():
    imports = {name: {other for _, other in imported(path)} - {name} for name, path in MODULES.items()}
    while free := [name for name, others in imports.items() if not others & imports.keys()]:
        for name in free:
            del imports[name]
    assert imports == {}, "these import each other, or a circle"


@pytest.mark.parametrize("folder", ["src", "tests", "benchmarks"])
def test_no_file_is_longer_than_300_lines(folder):
    sizes = {path: len(path.read_text().splitlines()) for path in (ROOT / folder).rglob("*.py")}
    assert {str(path.relative_to(ROOT)): size for path, size in sizes.items() if size > 300} == {}


# without torch

BLOCKED = """
import importlib, sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch" or name.startswith("torch."):
            raise ModuleNotFoundError(f"{name} is not there", name=name)

sys.meta_path.insert(0, NoTorch())
sys.path[:] = sys.argv[1].split(":")
"""

IMPORT_ALL = """
for name in sys.argv[2:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        print(name, error)
"""

PLAN = """
from lotterylab.commands.main import main
from lotterylab.data import Digits
from lotterylab.plan.nodes import Data
from lotterylab.studies.activations import STUDY

assert main(["--version"]) == 0 and main(["--help"]) == 0
data = Data(spec=Digits(), content=Digits().fingerprint(None).content)
study = STUDY.plan(STUDY.options(preset="small", protocols=("as-published", "corrected", "ladder")), data)
assert len({node.digest for node in study.targets()}) > 100
assert "torch" not in sys.modules
"""


def without_torch(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = ":".join([str(PACKAGE.parent), *filter(None, sys.path)])
    command = [sys.executable, "-c", BLOCKED + code, paths, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "MPLBACKEND": "agg"})


def test_all_but_what_is_made_of_tensors_is_imported_where_there_is_no_torch():
    found = [one.name for one in pkgutil.walk_packages(lotterylab.__path__, "lotterylab.")]
    names = [name for name in found if name.removeprefix("lotterylab.") not in OF_TENSORS | {"__main__"}]
    assert {"lotterylab.commands.main", "lotterylab.studies.activations", "lotterylab.reading.table"} < set(names)
    run = without_torch(IMPORT_ALL, *names)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_a_study_is_planned_and_named_where_there_is_no_torch():
    run = without_torch(PLAN)
    assert run.returncode == 0, run.stderr


def test_what_is_said_to_be_made_of_tensors_is():
    assert set(MODULES) >= OF_TENSORS
    run = without_torch(IMPORT_ALL, *(f"lotterylab.{name}" for name in sorted(OF_TENSORS)))
    assert [line.split()[0].removeprefix("lotterylab.") for line in run.stdout.splitlines()] == sorted(OF_TENSORS)
