"""Files of figures, which are drawn again only if their content has changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from lotterylab.errors import RefusedError, UsageError
from lotterylab.formats.blobs import write_atomically
from lotterylab.formats.foreign import content, text
from lotterylab.report import figure_style
from lotterylab.report.figure_helper import Drawings
from lotterylab.report.grid import Grid

INDEX = ".figures.json"
MOST_OF_AN_INDEX, MOST_OF_A_FIGURE = 2**24, 2**28  # bytes
KINDS = ("svg", "png", "narrow.svg")  # the last is for wide figures only
WORDS = ("title", "sentence", "caption")  # texts of a grid that are on the page and not in the drawing


class FigureFolder:
    """A ``FigureFolder`` writes <folder>/figures/NAME.svg and .png of each grid, and NAME.narrow.svg of a wide grid.

    ``<folder>/.figures.json`` keeps, by name, the hash of the content and of the files.  A figure is drawn again if
    either differs.  At a successful end of the ``with`` block, all figures are drawn, the index is written, and the
    files of figures that were not added are removed.
    """

    def __init__(self, folder: Path) -> None:
        self.index_file = folder / INDEX
        self.files = folder / "figures"
        self.drawn: list[str] = []  # names of the figures that had to be drawn
        self.grids: dict[str, Grid] = {}  # all added grids, by name

    def __enter__(self) -> FigureFolder:
        if self.files.is_symlink():
            raise RefusedError(f"{self.files} is a link, and figures are written and removed there. Remove the link.")
        self.files.mkdir(parents=True, exist_ok=True)
        self._before = self._read_index()
        self._contents: dict[str, str] = {}
        self.grids = {}
        self._drawings = Drawings()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._drawings.stop()
            return
        for name, files in self._drawings.finish().items():
            for suffix, data in zip(KINDS, files, strict=False):
                write_atomically(self._path(name, suffix), data)
            if len(files) < len(KINDS) and KINDS[-1] in self._before.get(name, {}):
                self._path(name, KINDS[-1]).unlink(missing_ok=True)
        for name in self._before.keys() - self._contents.keys():
            for suffix in KINDS:
                self._path(name, suffix).unlink(missing_ok=True)
        index = {
            name: {"content": content, **self._hashes(self.grids[name])} for name, content in self._contents.items()
        }
        write_atomically(self.index_file, json.dumps(index, indent=1, sort_keys=True).encode())

    def add(self, grid: Grid) -> None:
        """Draw the grid's files, unless they are unchanged; they exist when the ``with`` block has ended."""
        content, hashes = _content(grid), self._hashes(grid)
        if not hashes or self._before.get(grid.name) != {"content": content, **hashes}:
            self._drawings.add(grid)
            self.drawn.append(grid.name)
        self._contents[grid.name] = content
        self.grids[grid.name] = grid

    def svgs(self, grid: Grid) -> list[str]:
        """Return the SVG of a figure, and its SVG for a narrow screen if it differs, after the ``with`` block."""
        return [self._path(grid.name, kind).read_text(encoding="utf-8") for kind in _kinds(grid) if kind != "png"]

    def _path(self, name: str, suffix: str) -> Path:
        return self.files / f"{name}.{suffix}"

    def _hashes(self, grid: Grid) -> dict[str, str]:
        """Return the SHA-256 of the figure's files; {} if a file is missing."""
        try:
            files = {kind: content(self._path(grid.name, kind), most=MOST_OF_A_FIGURE) for kind in _kinds(grid)}
        except UsageError:  # it is missing, or something else stands in its place
            return {}
        return {kind: hashlib.sha256(data).hexdigest() for kind, data in files.items()}

    def _read_index(self) -> dict[str, dict[str, str]]:
        """Return the index of the last report; {} if it cannot be read, so that everything is drawn again.

        Files are removed by its names, so a name that leads out of the folder is ignored.
        """
        try:
            index = json.loads(text(self.index_file, most=MOST_OF_AN_INDEX))
        except (UsageError, ValueError, RecursionError):
            return {}
        entries = index.items() if isinstance(index, dict) else ()
        plain = ((name, entry) for name, entry in entries if Path(name).name == name and "\0" not in name)
        return {name: entry if isinstance(entry, dict) else {} for name, entry in plain}


def _kinds(grid: Grid) -> tuple[str, ...]:
    """Return the kinds of files of a figure."""
    return KINDS if grid.is_wide else KINDS[:2]


def _content(grid: Grid) -> str:
    """Return the hash of all that decides the drawing: panels, drawing code and settings, matplotlib's version."""
    drawing = {name: value for name, value in asdict(grid).items() if name not in WORDS}
    code = (Path(__file__).parent / "figure_draw.py").read_text(encoding="utf-8")
    parts = [drawing, code, figure_style.RC, version("matplotlib")]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
