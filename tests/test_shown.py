"""What shows itself: a mask, alarms and rows, in a terminal and in a notebook."""

from __future__ import annotations

import copy
import io
import pickle
from html.parser import HTMLParser
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import lotterylab as ll
from lotterylab.auditing.alarms import Alarm
from lotterylab.auditing.shown import ShownAlarms
from lotterylab.engine.records import Record
from lotterylab.engine.results import Result
from lotterylab.formats.display import bar, html_table
from lotterylab.masks.shown import MOST_LINES, ShownMask, headline
from lotterylab.reading.rows import Rows

MASK = ShownMask({"a": torch.tensor([[True, False], [False, False]]), "b": torch.ones(3, dtype=torch.bool)})


class Text(HTMLParser):
    """The text of a piece of HTML, and its tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags = [], []
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


@given(share=st.floats(0, 1), width=st.integers(1, 40))
def test_a_bar_has_its_width_and_its_share(share: float, width: int) -> None:
    drawn = bar(share, width)
    assert len(drawn) == width
    assert (drawn.strip() == "") == (share == 0)
    assert (drawn == "█" * width) == (share == 1)
    eighths = sum(" ▏▎▍▌▋▊▉█".index(letter) for letter in drawn)
    assert abs(eighths - 8 * width * share) <= 1


@given(st.dictionaries(st.text(min_size=1, max_size=40), st.lists(st.booleans(), max_size=9), max_size=5))
def test_a_shown_mask_says_how_many_entries_are_kept(entries: dict[str, list[bool]]) -> None:
    mask = ShownMask({name: torch.tensor(kept, dtype=torch.bool) for name, kept in entries.items()})
    kept, every = sum(map(sum, entries.values())), sum(map(len, entries.values()))
    first, *lines = repr(mask).splitlines()
    assert f"{kept:,} of {every:,} entries kept" in first
    assert len(lines) == len(entries)
    assert len({len(line) for line in lines if line.isascii()}) <= 1
    assert Text(mask._repr_html_()).tags.count("tr") == 1 + len(entries)


def test_a_long_mask_is_cut_and_says_what_is_left_out() -> None:
    mask = ShownMask({str(number): torch.tensor([True, False]) for number in range(MOST_LINES + 3)})
    assert repr(mask).splitlines()[-1] == "  and 3 more: 3 of 6 entries kept"
    assert "and 3 more: 3 of 6 entries kept" in mask._repr_html_()


def test_nearly_all_and_nearly_nothing_are_not_all_and_nothing() -> None:
    kept = torch.zeros(100_000, dtype=torch.bool)
    kept[0] = True
    assert "<0.01 % kept" in repr(ShownMask({"a": kept})) and ">99.9 % removed" in repr(ShownMask({"a": kept}))
    assert ">99.9 % kept" in repr(ShownMask({"a": ~kept}))


def test_a_name_is_shown_harmlessly() -> None:
    mask = ShownMask({"<b>\x1b[31m": torch.tensor([True])})
    assert "\x1b" not in repr(mask) and "b" not in Text(mask._repr_html_()).tags


def test_a_shown_mask_is_saved_and_copied_as_a_dict() -> None:
    file = io.BytesIO()
    torch.save({"mask": MASK}, file)
    file.seek(0)
    for back in (torch.load(file, weights_only=True)["mask"], pickle.loads(pickle.dumps(MASK)), copy.deepcopy(MASK)):
        assert back.keys() == MASK.keys() and all(torch.equal(back[name], MASK[name]) for name in MASK)
    assert type(copy.deepcopy(MASK)) is type(copy.copy(MASK)) is type(MASK.copy()) is ShownMask
    assert copy.deepcopy(MASK)["a"] is not MASK["a"] and MASK.copy()["a"] is MASK["a"]


def test_what_python_returns_shows_itself(tmp_path) -> None:
    module = torch.nn.Linear(4, 2)
    mask = ll.prune(module, ll.criteria.Magnitude(), 0.5)
    ll.save_mask(mask, tmp_path / "mask.safetensors")
    for each in (mask, ll.load_mask(tmp_path / "mask.safetensors")):
        assert repr(each).startswith("mask of 1 tensor: 4 of 8 entries kept, 50 % removed\n")
    ll.apply(module, mask)
    alarms: Any = ll.audit(end=module.state_dict(), mask=mask, requested=0.9)
    assert repr(alarms).splitlines()[1].startswith("  FAULT reached-is-not-requested: ")
    assert Text(alarms._repr_html_()).tags.count("tr") == 1 + len(alarms)


@pytest.mark.parametrize(("number", "first"), [(0, "no alarm"), (1, "1 alarm"), (2, "2 alarms")])
def test_alarms_are_counted(number: int, first: str) -> None:
    alarms = ShownAlarms([Alarm(code="moved", message="5 moved.", where="a/0.9", severity="fault")] * number)
    assert repr(alarms).splitlines()[0] == first and first in alarms._repr_html_()
    assert Text(alarms._repr_html_()).tags.count("tr") == (1 + number if number else 0), "no empty table"
    assert repr(alarms).count("FAULT moved, a/0.9: 5 moved.") == number


def test_rows_show_each_arm_once_with_its_interval() -> None:
    def row(seed: int, method: str, accuracy: float | None) -> Result:
        train = Record(digest="", kind="Train", metrics={"test_accuracy": accuracy}, facts={})
        done = {"train": train} if accuracy is not None else {}
        labels = {"seed": seed, "method": method, "sparsity": 0.5, "control": ""}
        return Result(labels=labels, records=done, missing=() if done else ("train",))

    rows = Rows([row(0, "grasp", 0.4), row(1, "grasp", 0.5), row(0, "<i>", None)])
    first, *lines = repr(rows).splitlines()
    assert first.startswith("3 rows, 2 finished;")
    assert lines == [f"  grasp, 0.5  {rows.where(method='grasp').interval('train.test_accuracy')}", "  <i>, 0.5"]
    assert Text(rows._repr_html_()).tags.count("tr") == 3
    assert repr(Rows()) == "0 rows, 0 finished; mean test accuracy over seeds, with its 95 % t interval"


def test_a_table_escapes_its_cells_and_not_its_bars() -> None:
    page = Text(html_table(("a", "b"), [("<script>", '<div style="width:1em"></div>')], caption="x < y"))
    assert "script" not in page.tags and page.tags.count("div") == 2
    assert "x < y" in page.text


def test_the_headline_of_nothing() -> None:
    assert headline(ShownMask()) == "mask of 0 tensors: 0 of 0 entries kept"
