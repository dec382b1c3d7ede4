#!/usr/bin/env python3
"""Renew requirements.lock: the exact versions and the SHA-256 hashes that `dev.py setup` installs.

    .venv/bin/python lock.py

pip chooses the newest versions that pyproject.toml and constraints.txt allow, and names the files that fit each Python
and machine below.  torch and the GPU libraries that it brings are left out: which of torch's files fits depends on the
accelerator, so constraints.txt pins its version and no file of it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement  # pytest brings it
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements.lock"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
MACHINES = ("x86_64", "aarch64")
GLIBC = ("2_28", "2_27", "2_26", "2_24", "2_17", "2_12", "2_5")  # torch's own files need 2.28
LEGACY = ("2014", "2010", "1")
UNLOCKED = re.compile(r"(torch|triton|(nvidia|cuda)-.*)$")
HEAD = """\
# Exact versions and SHA-256 hashes of what `dev.py setup` installs.  Renew with lock.py, never by hand.
# torch is not here: which of its files fits depends on the accelerator.  constraints.txt pins its version.
# fits: cpython {pythons} linux {machines} glibc
"""


def asked(project: dict[str, Any], extra: str = "test") -> Iterator[str]:
    """Yield what a set-up asks pip for: what builds the package, its dependencies, and those of an extra."""
    yield from project["build-system"]["requires"]
    yield from project["project"]["dependencies"]
    yield from _of_extra(project, extra)


def _of_extra(project: dict[str, Any], extra: str) -> Iterator[str]:
    for line in project["project"]["optional-dependencies"][extra]:
        requirement = Requirement(line)
        if requirement.name == project["project"]["name"]:
            for inner in sorted(requirement.extras):
                yield from _of_extra(project, inner)
        else:
            yield line


def report(*words: str) -> list[dict[str, Any]]:
    """Ask pip what it would install; nothing is installed.

    Raises:
        SystemExit: when pip cannot answer; with its last line.
    """
    pip = [sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--ignore-installed", "--report", "-"]
    result = subprocess.run([*pip, *words], cwd=ROOT, capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"pip cannot find all files: {result.stderr.strip().splitlines()[-1]}")
    return json.loads(result.stdout)["install"]


def files(pins: Iterable[str], python: str, machine: str) -> list[dict[str, Any]]:
    """Ask pip for the files of these pinned packages on one Python and machine, without what they depend on."""
    tags = [*(f"manylinux_{version}_{machine}" for version in GLIBC), *(f"manylinux{old}_{machine}" for old in LEGACY)]
    platforms = [word for tag in (*tags, f"linux_{machine}") for word in ("--platform", tag)]
    target = ["--target", str(ROOT / "build" / "lock"), "--python-version", python, *platforms]
    return report("--no-deps", "--only-binary", ":all:", *target, *pins)


def missing(package: dict[str, Any], names: Iterable[str], python: str, machine: str) -> Iterator[str]:
    """Yield what a package needs on that Python and machine and the lock does not have."""
    version = {"python_version": python, "python_full_version": f"{python}.0", "platform_machine": machine}
    environment = {**version, "sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "extra": ""}
    for line in package["metadata"].get("requires_dist", ()):
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        needed = requirement.marker is None or requirement.marker.evaluate(environment)
        if needed and name not in names and not UNLOCKED.match(name):
            yield f"{package['metadata']['name']} needs {line} on Python {python}, {machine}"


def main() -> None:
    """Write requirements.lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    chosen = [item["metadata"] for item in report("-c", "constraints.txt", *asked(project))]
    pins = {canonicalize_name(item["name"]): item["version"] for item in chosen}
    pins = {name: pins[name] for name in sorted(pins) if not UNLOCKED.match(name)}
    hashes: dict[str, set[str]] = {name: set() for name in pins}
    for python in PYTHONS:
        for machine in MACHINES:
            print(f"Python {python}, {machine} ...", flush=True)
            for package in files((f"{name}=={version}" for name, version in pins.items()), python, machine):
                for line in missing(package, pins, python, machine):
                    raise SystemExit(f"{line}, which Python {sys.version.split()[0]} here does not install.")
                archive = package["download_info"]["archive_info"]
                hashes[canonicalize_name(package["metadata"]["name"])].add(archive["hashes"]["sha256"])
    text = HEAD.format(pythons=" ".join(PYTHONS), machines=" ".join(MACHINES))
    for name, version in pins.items():
        lines = [f"{name}=={version}", *(f"    --hash=sha256:{digest}" for digest in sorted(hashes[name]))]
        text += " \\\n".join(lines) + "\n"
    LOCK.write_text(text)
    print(f"{LOCK.name}: {len(pins)} packages, {sum(map(len, hashes.values()))} files.")


if __name__ == "__main__":
    main()
