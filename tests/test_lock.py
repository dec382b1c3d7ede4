"""requirements.lock: what a set-up installs, by version and hash."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def load_lock_maker() -> Any:
    spec = importlib.util.spec_from_file_location("lock", ROOT / "lock.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


maker = load_lock_maker()
LOCK = maker.LOCK.read_text()


def locked() -> dict[str, tuple[str, list[str]]]:
    """Version and hashes of each package of the lock, by its name."""
    entries = {}
    for entry in LOCK.replace("\\\n", " ").splitlines():
        if not entry.startswith("#"):
            pin, *options = entry.split()
            name, version = pin.split("==")
            entries[name] = (version, options)
    return entries


def test_every_line_of_the_lock_is_a_version_with_hashes():
    assert len(locked()) > 50
    for name, (version, options) in locked().items():
        assert name == canonicalize_name(name) and str(Version(version)) == version
        assert options and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", option) for option in options), name
        assert len(set(options)) == len(options)


def test_the_lock_names_no_host_no_folder_and_no_source():
    assert not re.search(r"https?:|file:|://|@|--(index|extra|find|trusted)", LOCK)


def test_the_lock_fits_what_is_declared():
    asked = [Requirement(line) for line in maker.asked(PROJECT)]
    assert {requirement.name for requirement in asked} >= {
        "torch",
        "numpy",
        "setuptools",
        "pytest",
        "lightning",
        "pyright",
    }
    for requirement in asked:
        if requirement.name != "torch":
            assert locked()[canonicalize_name(requirement.name)][0] in requirement.specifier, str(requirement)


def test_the_lock_leaves_torch_and_its_gpu_libraries_to_the_pinned_version():
    assert not [name for name in locked() if maker.UNLOCKED.match(name)]
    assert re.fullmatch(r"torch==\d+\.\d+\.\d+\n", (ROOT / "constraints.txt").read_text())


def requires(name: str) -> list[str]:
    """What a package says that it needs, if the version of the lock is installed: a Python of the user's may differ."""
    try:
        same = importlib.metadata.version(name) == locked().get(canonicalize_name(name), ("", []))[0]
        return (importlib.metadata.requires(name) or []) if same else []
    except importlib.metadata.PackageNotFoundError:
        return []


def needed_here() -> set[str]:
    """The names of all that a set-up needs in this Python, by what the installed packages say of themselves."""
    names: set[str] = set()
    todo = [(Requirement(line).name, Requirement(line).extras) for line in maker.asked(PROJECT)]
    while todo:
        name, extras = todo.pop()
        if maker.UNLOCKED.match(name):
            continue
        names.add(canonicalize_name(name))
        for line in requires(name):
            requirement = Requirement(line)
            environments = [{**default_environment(), "extra": extra} for extra in ("", *extras)]
            wanted = requirement.marker is None or any(map(requirement.marker.evaluate, environments))
            if wanted and canonicalize_name(requirement.name) not in names:
                todo.append((requirement.name, requirement.extras))
    return names


def test_the_lock_has_all_that_its_packages_need():
    assert needed_here() <= set(locked())


def test_the_lock_names_the_pythons_and_machines_that_it_has_hashes_for():
    (fits,) = re.findall(r"^# fits: (.*)$", LOCK, re.MULTILINE)
    assert fits.split() == ["cpython", *maker.PYTHONS, "linux", *maker.MACHINES, "glibc"]


def test_a_package_that_one_python_needs_and_the_lock_lacks_is_named():
    package = {
        "metadata": {
            "name": "it",
            "requires_dist": ["old; python_version < '3.12'", "x; extra == 'x'", "torch", "win; os_name == 'nt'"],
        }
    }
    assert list(maker.missing(package, ["it"], "3.12", "x86_64")) == []
    assert len(list(maker.missing(package, ["it"], "3.11", "x86_64"))) == 1
    assert list(maker.missing(package, ["it", "old"], "3.11", "x86_64")) == []
