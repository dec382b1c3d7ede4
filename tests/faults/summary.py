"""The tables of docs/reliability.md, from the last run of ``make nightly``.

python tests/faults/summary.py            prints both tables
python tests/faults/summary.py --write    writes them into the page
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
PAGE = ROOT / "docs" / "reliability.md"
sys.path.insert(0, str(TESTS))

from faults.promises import PROMISES, Promise  # noqa: E402
from faults.schedules import results_file  # noqa: E402

TO_MEASURE = "to be measured"
NOT_YET = "not yet"


def rows(file: Path, form: str = "long") -> dict[str, dict[str, Any]]:
    """The last results of each schedule; parts of one schedule that share a name are added up."""
    found: dict[str, list[dict[str, Any]]] = {}
    lines = file.read_text().splitlines() if file.is_file() else []
    for row in map(json.loads, lines):
        if row["form"] == form:
            found.setdefault(row["name"], []).append(row)
    return {name: _sum(parts) for name, parts in found.items()}


def _sum(parts: list[dict[str, Any]]) -> dict[str, Any]:
    last = parts[-1]
    if len(parts) == 1:
        return last
    notes = " | ".join(dict.fromkeys(part["notes"] for part in parts if part["notes"]))
    numbers = {name: sum(part[name] for part in parts) for name in ("tried", "survived", "seconds")}
    return {**last, **numbers, "notes": _added(notes), "found": [line for part in parts for line in part["found"]]}


def _added(notes: str) -> str:
    """``3 found, 1 harmless | 2 found`` as one count of each word."""
    pieces = [re.fullmatch(r"(\d+) (.+)", piece) for piece in notes.replace(" | ", ", ").split(", ")]
    if not all(pieces):
        return notes
    counts: dict[str, int] = {}
    for piece in pieces:
        assert piece
        counts[piece[2]] = counts.get(piece[2], 0) + int(piece[1])
    return ", ".join(f"{count} {what}" for what, count in counts.items())


def schedules(results: dict[str, dict[str, Any]]) -> list[str]:
    """The table of fault schedules."""
    lines = ["| schedule | tried | survived | found | notes | seconds | test |", "|---|---:|---:|---:|---|---:|---|"]
    for name, row in results.items():
        bad, file = row["tried"] - row["survived"], row["command"].split()[3]
        cells = (name, f"{row['tried']:,}", f"{row['survived']:,}", f"{bad}", row["notes"], f"{row['seconds']:.0f}")
        lines.append(f"| {' | '.join(cells)} | `{file}` |")
    total = [sum(row[what] for row in results.values()) for what in ("tried", "survived", "seconds")]
    if results:
        lines.append(
            f"| **all** | {total[0]:,} | {total[1]:,} | {total[0] - total[1]} | | {total[2]:.0f} | `make nightly` |"
        )
        lines += ["", f"Machine: {'; '.join(dict.fromkeys(row['machine'] for row in results.values()))}."]
    else:
        lines.append(f"| {TO_MEASURE} | | | | | | |")
    return lines


def figure(promise: Promise, results: dict[str, dict[str, Any]], count: Any) -> str:
    """What was measured of a promise."""
    if not promise.tests:
        return NOT_YET
    if not promise.schedules:
        return f"{count(promise.tests)} tests"
    parts = [row for name, row in results.items() if name.startswith(promise.schedules)]
    tried, survived = (sum(row[what] for row in parts) for what in ("tried", "survived"))
    return f"{survived:,} of {tried:,} trials" if tried else TO_MEASURE


def promises(results: dict[str, dict[str, Any]], count: Any) -> list[str]:
    """The table of promises."""
    lines = ["| | promise | test | measured |", "|---|---|---|---|"]
    for promise in PROMISES:
        tests = ", ".join(f"`{test}`" for test in promise.tests) or NOT_YET
        lines.append(f"| {promise.name} | {promise.text} | {tests} | {figure(promise, results, count)} |")
    return lines


def collected(tests: Iterable[str]) -> int:
    """How many tests there are in files."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sum("::" in line for line in done.stdout.splitlines())


def put(page: str, mark: str, lines: list[str]) -> str:
    """The page with a table between its marks."""
    begin, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    before, rest = page.split(begin)
    return f"{before}{begin}\n" + "\n".join(lines) + f"\n{end}{rest.split(end)[1]}"


def main(words: list[str]) -> None:
    results = rows(results_file())
    tables = {"promises": promises(results, collected), "schedules": schedules(results)}
    for lines in tables.values():
        print("\n".join(lines), end="\n\n")
    if "--write" in words:
        page = PAGE.read_text()
        for mark, lines in tables.items():
            page = put(page, mark, lines)
        PAGE.write_text(page)


if __name__ == "__main__":
    main(sys.argv[1:])
