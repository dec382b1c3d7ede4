"""Figures that a second process draws: the same files, whatever becomes of that process."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from lotterylab.report import figure_helper
from lotterylab.report.figure_draw import draw
from lotterylab.report.figure_helper import Drawings
from lotterylab.report.grid import Grid, Look, Panel, Series


def grid(name: str) -> Grid:
    series = Series(x=(0.0, 1.0), y=(0.0, float(len(name))), look=Look(colour="#000000"))
    panel = Panel(title=name, x_label="x", y_label="y", series=(series,))
    return Grid(name=name, title="t", sentence="s", caption="c", rows=((panel,),))


GRIDS = [grid("a"), grid("bb"), grid("ccc")]
DRAWN = {one.name: draw(one) for one in GRIDS}


@pytest.fixture
def helped(monkeypatch):
    """As in a command, where matplotlib is not imported yet, and with a second core."""
    monkeypatch.setattr(figure_helper, "_is_of_use", lambda: True)
    drawings = Drawings()
    yield drawings
    drawings.stop()


def test_the_helper_draws_the_same_bytes(helped):
    process = None
    for one in GRIDS:
        helped.add(one)
        process = process or helped._process
    while len(helped._files) < len(GRIDS):  # leaves nothing for this process
        assert process.poll() is None
        time.sleep(0.01)
    assert helped.finish() == DRAWN
    assert process.poll() is not None


def test_this_process_draws_what_the_helper_has_not_begun(helped):
    for one in GRIDS:
        helped.add(one)
    assert helped.finish() == DRAWN


def test_a_helper_that_dies_leaves_nothing_undrawn(helped):
    helped.add(GRIDS[0])
    helped._process.kill()
    for one in GRIDS[1:]:
        helped.add(one)
    assert helped.finish() == DRAWN


def test_without_a_helper_all_is_drawn_here(helped, monkeypatch):
    def refused(*words, **more):
        raise OSError(11, "no process can be started")

    monkeypatch.setattr(subprocess, "Popen", refused)
    for one in GRIDS:
        helped.add(one)
    assert helped._process is None
    assert helped.finish() == DRAWN


def test_matplotlib_that_is_imported_already_keeps_its_settings():
    drawings = Drawings()
    drawings.add(GRIDS[0])
    assert drawings._process is None
    assert drawings.finish() == {"a": DRAWN["a"]}


def test_stopping_ends_the_helper_with_work_left(helped):
    for one in GRIDS:
        helped.add(one)
    number = helped._process.pid
    helped.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_nothing_is_started_for_no_figure():
    drawings = Drawings()
    assert drawings.finish() == {}
