"""Every report of ``results/`` built again, and what in its tables of numbers differs from an earlier build.

    python benchmarks/same_numbers.py build FOLDER            builds each report into FOLDER/NAME
    python benchmarks/same_numbers.py compare BEFORE AFTER    lists every number that differs

``build`` is ``lotterylab report --all`` of the package that Python imports, so that another tree is measured with
``PYTHONPATH``.  ``compare`` knows a line of a table by all its columns that hold no number; it ends with exit code 1 if
anything differs.
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLES = ("numbers.csv", "differences.csv", "curves.csv", "rates.csv")
KEYS = {  # the columns that say which number a line holds
    "numbers.csv": ("protocol", "activation", "method", "control", "sparsity", "seed", "part", "metric"),
    "differences.csv": ("what", "a", "b", "where", "sparsity"),
    "curves.csv": ("protocol", "activation", "method", "control", "sparsity", "seed", "curve", "epoch"),
    "rates.csv": ("activation", "rate", "trial", "quantity"),
}
SHOWN = 12  # differing lines of one table that are printed in full


def studies() -> list[str]:
    """The study folders below ``results``."""
    return sorted(str(file.parent.relative_to(ROOT / "results")) for file in (ROOT / "results").rglob("study.toml"))


def build(folder: Path) -> int:
    """Build every report; returns the exit code of the command."""
    command = [sys.executable, "-m", "lotterylab", "report", "--all", "results", "--out", str(folder)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def differing(before: Path, after: Path, table: str) -> Iterator[str]:
    """One line for each number that only one side has, or that both have with different values."""
    old, new = (_lines(side / table, KEYS[table]) for side in (before, after))
    for key in old.keys() | new.keys():
        name = ", ".join(filter(None, key))
        if key not in old or key not in new:
            yield f"{'only after' if key not in old else 'only before'}: {name}"
        elif old[key] != new[key]:
            columns = sorted({*old[key]} | {*new[key]})
            changed = [column for column in columns if old[key].get(column) != new[key].get(column)]
            yield f"{name}: " + "; ".join(f"{one} {old[key].get(one)} -> {new[key].get(one)}" for one in changed)


def _lines(file: Path, keys: tuple[str, ...]) -> dict[tuple[str, ...], dict[str, str]]:
    """The lines of a table by what they are about; equal keys are told apart by their order."""
    if not file.exists():
        return {}
    found, met = {}, Counter()
    with file.open(encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines):
            key = tuple(line.pop(name) for name in keys)
            met[key] += 1
            found[(*key, f"#{met[key]}" if met[key] > 1 else "")] = line
    return found


def compare(before: Path, after: Path) -> int:
    """Print what differs in each table of each report; returns how many lines do."""
    total = 0
    for name in studies():
        for table in TABLES:
            lines = sorted(differing(before / name, after / name, table))
            total += len(lines)
            if lines:
                columns = Counter(one for line in lines for one in re.findall(r"[:;] (\w+) [^;]*? -> ", line))
                told = ", ".join(f"{column} {count}" for column, count in columns.most_common())
                print(f"{name}/{table}: {len(lines)} lines differ (by column: {told or 'only on one side'})")
                print("\n".join(f"    {line}" for line in lines[:SHOWN]))
    print(f"{total} lines differ in all.")
    return total


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["build", folder]:
            sys.exit(build(Path(folder).resolve()))
        case ["compare", before, after]:
            sys.exit(bool(compare(Path(before), Path(after))))
        case _:
            sys.exit(__doc__)
