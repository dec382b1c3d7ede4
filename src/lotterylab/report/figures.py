"""Figures in files: drawn where what they show has changed, left alone where it has not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lotterylab.blobs import write_atomically
from lotterylab.report.grid import Grid

INDEX = ".figures.json"
KINDS = ("svg", "png")


def write_figures(folder: Path, grids: Iterable[Grid]) -> dict[str, str]:
    """Write figures/NAME.svg and .png of each grid into the folder; returns the SVG text by name.

    ``.figures.json`` keeps, for each name, the hash of what was drawn and of the files.  A figure is drawn again when
    either differs; the files of figures that are no longer made are removed.
    """
    files = folder / "figures"
    files.mkdir(parents=True, exist_ok=True)
    before = _read_index(folder / INDEX)
    index: dict[str, dict[str, str]] = {}
    texts: dict[str, str] = {}
    for grid in grids:
        known = before.get(grid.name)
        content = _content(grid)
        if known is None or known["content"] != content or _hashes(files, grid.name) != _without_content(known):
            _draw(files, grid)
        index[grid.name] = {"content": content, **_hashes(files, grid.name)}
        texts[grid.name] = (files / f"{grid.name}.svg").read_text()
    for name in before.keys() - index.keys():
        for kind in KINDS:
            (files / f"{name}.{kind}").unlink(missing_ok=True)
    write_atomically(folder / INDEX, json.dumps(index, indent=1, sort_keys=True).encode())
    return texts


def _draw(files: Path, grid: Grid) -> None:
    from lotterylab.report.figure_draw import draw

    for kind, data in zip(KINDS, draw(grid), strict=True):
        write_atomically(files / f"{grid.name}.{kind}", data)


def _content(grid: Grid) -> str:
    """Hash of all that is drawn and of what draws it: the grid's panels, our drawing code, matplotlib's version."""
    from lotterylab.report import figure_style

    here = Path(__file__).parent
    drawn = {key: value for key, value in asdict(grid).items() if key not in ("title", "sentence", "caption")}
    code = hashlib.sha256((here / "figure_draw.py").read_bytes()).hexdigest()
    parts = [drawn, figure_style.RC, code, version("matplotlib")]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _hashes(files: Path, name: str) -> dict[str, str]:
    """SHA-256 of the figure's files; empty where one is missing."""
    try:
        return {kind: hashlib.sha256((files / f"{name}.{kind}").read_bytes()).hexdigest() for kind in KINDS}
    except FileNotFoundError:
        return {}


def _without_content(known: dict[str, str]) -> dict[str, str]:
    return {kind: known[kind] for kind in KINDS}


def _read_index(path: Path) -> dict[str, dict[str, Any]]:
    """The index of the last report; empty where there is none or it cannot be read, and everything is drawn again."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
