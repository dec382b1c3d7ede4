"""Figures in files: drawn where what they show has changed, left alone where it has not."""

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
KINDS = ("svg", "png", "narrow.svg")  # the last only of a wide one
WORDS = ("title", "sentence", "caption")  # of a grid, which stand on the page and not in the drawing


class FigureFolder:
    """<folder>/figures/NAME.svg and .png of each grid that is added, and NAME.narrow.svg if it is wide.

    ``<folder>/.figures.json`` keeps, by name, the hash of what was drawn and of the files.  A figure is drawn again
    when either differs.  As a context manager: on a good end all figures are drawn, the index is written and the files
    of figures that were not added this time are removed.
    """

    def __init__(self, folder: Path) -> None:
        self.index_file = folder / INDEX
        self.files = folder / "figures"
        self.drawn: list[str] = []  # names of the figures that had to be drawn
        self.grids: dict[str, Grid] = {}  # all that were added, by name

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
        """Have the grid's files drawn, unless they are as they were; they are there when the ``with`` has ended."""
        content = _content(grid)
        if self._before.get(grid.name) != {"content": content, **self._hashes(grid)}:
            self._drawings.add(grid)
            self.drawn.append(grid.name)
        self._contents[grid.name] = content
        self.grids[grid.name] = grid

    def svgs(self, grid: Grid) -> list[str]:
        """The SVG of a figure, and that for a narrow screen if it is another; to be asked for after the ``with``."""
        return [self._path(grid.name, kind).read_text(encoding="utf-8") for kind in _kinds(grid) if kind != "png"]

    def _path(self, name: str, suffix: str) -> Path:
        return self.files / f"{name}.{suffix}"

    def _hashes(self, grid: Grid) -> dict[str, str]:
        """SHA-256 of the figure's files; empty where one is missing."""
        try:
            files = {kind: content(self._path(grid.name, kind), most=MOST_OF_A_FIGURE) for kind in _kinds(grid)}
        except UsageError:  # it is missing, or something else stands in its place
            return {}
        return {kind: hashlib.sha256(data).hexdigest() for kind, data in files.items()}

    def _read_index(self) -> dict[str, dict[str, str]]:
        """The index of the last report; empty if there is none or it cannot be read: then all is drawn again.

        Files are removed by its names, so that a name which would lead out of the folder does not count.
        """
        try:
            index = json.loads(text(self.index_file, most=MOST_OF_AN_INDEX))
        except (UsageError, ValueError, RecursionError):
            return {}
        entries = index.items() if isinstance(index, dict) else ()
        plain = ((name, entry) for name, entry in entries if Path(name).name == name and "\0" not in name)
        return {name: entry if isinstance(entry, dict) else {} for name, entry in plain}


def _kinds(grid: Grid) -> tuple[str, ...]:
    """The files of a figure."""
    return KINDS if grid.is_wide else KINDS[:2]


def _content(grid: Grid) -> str:
    """Hash of all that decides the drawing: panels, our drawing code and its settings, matplotlib's version."""
    drawing = {name: value for name, value in asdict(grid).items() if name not in WORDS}
    code = (Path(__file__).parent / "figure_draw.py").read_text(encoding="utf-8")
    parts = [drawing, code, figure_style.RC, version("matplotlib")]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
