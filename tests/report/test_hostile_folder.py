"""A report into a folder that came from somebody else: nothing outside of it is removed or written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lotterylab.errors import RefusedError
from lotterylab.report.figures import INDEX, FigureFolder
from lotterylab.report.grid import Grid, Look, Panel, Series

GRID = Grid(
    name="small",
    title="A title",
    sentence="What is to be seen.",
    caption="How to read it.",
    rows=(
        (
            Panel(
                title="one",
                x_label="x",
                y_label="y",
                series=(Series(x=(0.0, 1.0), y=(0.2, 0.4), look=Look(colour="#0072B2", marker="o")),),
            ),
        ),
    ),
)


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "thesis.svg"
    path.write_text("years of work")
    return path


def drawn(folder: Path) -> None:
    with FigureFolder(folder) as figures:
        figures.add(GRID)


@pytest.mark.parametrize("name", ["../../thesis", "../thesis", "", ".", "..", "a\0b", "sub/../../../thesis"])
def test_an_index_of_a_stranger_removes_nothing_outside(tmp_path, victim, name):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "thesis.svg").write_text("also work")
    names = [name, str(victim.with_suffix(""))]
    (folder / INDEX).write_text(json.dumps({one: {"content": ""} for one in names}))
    drawn(folder)
    assert victim.read_text() == "years of work" and (folder / "thesis.svg").read_text() == "also work"
    assert {path.name for path in (folder / "figures").iterdir()} == {"small.svg", "small.png"}


@pytest.mark.parametrize("text", ["[1]", "null", "[" * 100_000, "\xff", '{"small": 1}', "1" * 5000])
def test_an_index_that_cannot_be_read_means_that_all_is_drawn_again(tmp_path, text):
    (tmp_path / INDEX).write_text(text, encoding="latin-1")
    drawn(tmp_path)
    assert json.loads((tmp_path / INDEX).read_text()).keys() == {"small"}


def test_a_link_in_the_place_of_the_figures_is_refused(tmp_path, victim):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "figures").symlink_to(tmp_path)
    with pytest.raises(RefusedError, match="is a link"):
        drawn(folder)
    assert victim.read_text() == "years of work" and not (tmp_path / "small.svg").exists()


@pytest.mark.parametrize("name", [INDEX, "figures/small.svg"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path, name):
    drawn(tmp_path)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    drawn(tmp_path)
    assert (tmp_path / name).is_file() and (tmp_path / "figures" / "small.svg").is_file()
