"""The dependencies: few, each with a tested lower bound, none in a version that is known to be bad."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CORE = ["matplotlib", "numpy", "pillow", "rich", "safetensors", "scipy", "torch"]

# the first version without the holes that are known, and versions that were taken over by somebody else
SAFE = {
    "torch": "2.10",  # CVE-2025-32434, CVE-2026-24747: weights_only ran code, wrote out of bounds
    "numpy": "1.22",  # CVE-2021-41495, CVE-2021-41496
    "scipy": "1.10",  # CVE-2023-25399
    "pillow": "13.0",  # CVE-2026-96639, GHSA-5x8w-8jj5-q52h and 50 more
    "lightning": "2.6.4",  # CVE-2024-5980; 2.6.2 and 2.6.3 were malicious
    "transformers": "5.3",  # CVE-2026-1839, CVE-2026-4372
    "scikit-learn": "1.5",  # CVE-2024-5206
    "pytest": "9.0.3",  # CVE-2025-71176
    "mlflow": "3.11",  # CVE-2025-15031, CVE-2025-15036
}
BAD = [("lightning", "2.6.2"), ("lightning", "2.6.3")]


def declared() -> list[Requirement]:
    """Every requirement of pyproject.toml, but for those on the package itself."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    lines = [*PROJECT["project"]["dependencies"], *(line for extra in extras for line in extra)]
    return [requirement for line in lines if (requirement := Requirement(line)).name != "lotterylab"]


def lowest(requirement: Requirement) -> Version | None:
    bounds = [Version(part.version) for part in requirement.specifier if part.operator == ">="]
    return bounds[0] if len(bounds) == 1 else None


def test_the_core_depends_on_seven_packages():
    assert sorted(Requirement(line).name for line in PROJECT["project"]["dependencies"]) == CORE


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_every_dependency_has_one_lower_bound_without_known_holes(requirement):
    bound = lowest(requirement)
    assert bound is not None
    assert bound >= Version(SAFE.get(requirement.name, "0"))


@pytest.mark.parametrize(("name", "version"), BAD)
def test_a_version_known_to_be_bad_is_refused_by_name(name, version):
    (requirement,) = (requirement for requirement in declared() if requirement.name == name)
    assert f"!={version}" in str(requirement.specifier) and version not in requirement.specifier
