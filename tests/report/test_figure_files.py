"""The files of figures: the same bytes for the same grid, and drawn again only when they have to be."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import matplotlib
import pytest

from lotterylab.report import figure_draw
from lotterylab.report.figures import FigureFolder
from lotterylab.report.grid import Grid, Look, Panel, Series

LOOK = Look(colour="#0072B2", marker="o")
SMALL = Grid(
    name="small",
    title="A title",
    sentence="What is to be seen.",
    caption="How to read it.",
    rows=((Panel(title="one", x_label="x", y_label="y", series=(Series(x=(0.0, 1.0), y=(0.2, 0.4), look=LOOK),)),),),
)


def test_the_same_grid_gives_the_same_bytes_without_a_date_and_whole_xml(tmp_path):
    svg, png = figure_draw.draw(SMALL)
    assert (svg, png) == figure_draw.draw(SMALL)
    assert b"<dc:date>" not in svg and png.startswith(b"\x89PNG")
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert b">one</text>" in svg  # text is text


def test_panels_side_by_side_have_a_second_drawing_for_a_narrow_screen(tmp_path):
    two = replace(SMALL, rows=(SMALL.rows[0] * 2,))
    svg, _, narrow = figure_draw.draw(two)
    whole, column = (float(ElementTree.fromstring(one).attrib["width"][:-2]) for one in (svg, narrow))
    assert column == pytest.approx(72 * 3.8) and whole > column  # 365 pixels of CSS
    add(tmp_path, two)
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"small.svg", "small.png", "small.narrow.svg"}
    add(tmp_path, SMALL)
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"small.svg", "small.png"}


def test_drawing_leaves_matplotlibs_settings_as_they_were():
    before = dict(matplotlib.rcParams)
    figure_draw.draw(SMALL)
    assert dict(matplotlib.rcParams) == before


def add(folder, *grids: Grid) -> list[str]:
    with FigureFolder(folder) as figures:
        for grid in grids:
            figures.add(grid)
    return figures.drawn


def test_a_figure_is_drawn_again_only_when_what_it_shows_has_changed(tmp_path):
    assert add(tmp_path, SMALL) == ["small"]
    assert add(tmp_path, replace(SMALL, sentence="Other words.", caption="And others.")) == []
    panel = replace(SMALL.rows[0][0], y_limits=(0.0, 1.0))
    assert add(tmp_path, replace(SMALL, rows=((panel,),))) == ["small"]


def test_a_damaged_or_lost_file_is_drawn_again(tmp_path):
    add(tmp_path, SMALL)
    (tmp_path / "figures" / "small.png").write_bytes(b"")
    assert add(tmp_path, SMALL) == ["small"]
    (tmp_path / "figures" / "small.svg").unlink()
    assert add(tmp_path, SMALL) == ["small"]
    (tmp_path / "figures" / "small.svg").unlink()
    index = json.loads((tmp_path / ".figures.json").read_text())
    (tmp_path / ".figures.json").write_text(json.dumps({"small": {"content": index["small"]["content"]}}))
    assert add(tmp_path, SMALL) == ["small"]
    (tmp_path / ".figures.json").write_text("not json")
    assert add(tmp_path, SMALL) == ["small"]


def test_the_files_of_a_figure_that_is_no_longer_made_go(tmp_path):
    add(tmp_path, SMALL, replace(SMALL, name="other"))
    add(tmp_path, SMALL)
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["small.png", "small.svg"]
