"""Tables of anybody's results, for tests to compare."""

from __future__ import annotations

from pathlib import Path

from lotterylab.formats.csv_files import read_table
from lotterylab.reading.anybody import read_arms
from lotterylab.reading.contrasts import Contrast, contrasts


def written(path: Path, head: str, *rows: str) -> Path:
    """A CSV file of a head and rows."""
    path.write_text("\n".join((head, *rows)) + "\n", encoding="utf-8")
    return path


def wide(path: Path, arms: dict[str, list[float]], **more: str) -> Path:
    """A row for each run: the arm, the seed and its accuracy."""
    rows = [
        ",".join((arm, str(seed), repr(value), *more.values()))
        for arm, values in arms.items()
        for seed, value in enumerate(values)
    ]
    return written(path, ",".join(("method", "seed", "accuracy", *more)), *rows)


def compared(path: Path, **options) -> list[Contrast]:
    """The contrasts of a file."""
    chosen = {name: options.pop(name) for name in ("against", "margin", "looks") if name in options}
    return contrasts(read_arms(read_table(path), **options), **chosen)
