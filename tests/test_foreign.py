"""Foreign text is shown without harm; foreign files and tensors come in by one door."""

from __future__ import annotations

import csv
import io
import os
import socket
import unicodedata

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from lotterylab.errors import LotteryError, UsageError
from lotterylab.formats import foreign
from lotterylab.formats.foreign import admitted
from lotterylab.formats.text import in_csv, in_markdown, shown, shown_lines

INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
ANY = st.text(st.characters())
HOSTILE = st.text(
    st.sampled_from("ab|`*_[](){}<>#!&~\\=+-@:/.w1\n\r\t\x1b\x07\u202e\u2028\ud800é漢🎉'\" "), max_size=30
)


@given(ANY | HOSTILE, st.none() | st.integers(3, 60))
def test_shown_text_is_one_visible_line_of_bounded_length_and_is_shown_once(text, most):
    line = shown(text, most=most)
    assert not any(unicodedata.category(letter) in INVISIBLE for letter in line)
    assert len(line.splitlines()) <= 1
    assert most is None or len(line) <= most
    assert shown(line, most=most) == line


@given(
    st.text(
        st.characters(exclude_categories=INVISIBLE, exclude_characters="\u034f\u115f\u1160\u3164\uffa0"), max_size=100
    )
)
def test_ordinary_unicode_stays(text):
    assert shown(text) == shown_lines(text) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("fc.weight\nOK: no alarm", "fc.weight\\nOK: no alarm"),
        ("\x1b[2J\x1b[H", "\\x1b[2J\\x1b[H"),
        ("\x9b2J\x07\x7f\0", "\\x9b2J\\x07\\x7f\\x00"),
        ("a\r\tb", "a\\r\\tb"),
        ("\u202egnp.exe\u2066", "\\u202egnp.exe\\u2066"),
        ("a\u200bb\ufeff\u2028\u2029\x85", "a\\u200bb\\ufeff\\u2028\\u2029\\x85"),
        ("\ud800\udcff", "\\ud800\\udcff"),
        ("\U000e0041\u3164", "\\U000e0041\\u3164"),
        ("é漢字🎉\u00a0", "é漢字🎉\u00a0"),
    ],
)
def test_what_cannot_be_seen_is_escaped(text, line):
    assert shown(text) == line


def test_long_text_is_cut_without_being_gone_through():
    assert shown("a" * 300) == "a" * 197 + "..."
    assert shown("\n" * 300, most=10) == "\\n\\n\\n\\..."
    assert shown("\x1b" * (1 << 26), most=8) == "\\x1b\\..."  # a second of work, were all of it escaped


@given(HOSTILE)
def test_the_lines_of_ours_stay_and_each_is_harmless(text):
    assert shown_lines(text).split("\n") == [shown(line, most=None) for line in text.split("\n")]


@given(HOSTILE | ANY)
def test_foreign_text_in_a_cell_of_markdown_is_that_text_and_nothing_else(text):
    page = f"| {in_markdown(text)} | next |\n|---|---|\n| {in_markdown(text)} | next |\n"
    tokens = MarkdownIt("commonmark").enable("table").parse(page)
    cells = [token for token in tokens if token.type == "inline"]
    assert [token.content for token in cells if token.content == "next"] == ["next", "next"] and len(cells) == 4
    for cell in (cells[0], cells[2]):
        assert {child.type for child in cell.children or []} <= {"text", "text_special"}
        assert "".join(child.content for child in cell.children or []) == shown(text, most=None).strip()


@given(HOSTILE)
def test_foreign_text_is_no_link_of_its_own_and_no_heading_or_list(text):
    (opening, inline, _) = MarkdownIt("commonmark").parse(f"# {in_markdown(text)}x")
    assert opening.tag == "h1"
    assert "".join(child.content for child in inline.children or []) == f"{shown(text, most=None)}x".strip()
    assert "://" not in in_markdown(text) and "www." not in in_markdown(text)


@given(HOSTILE)
def test_a_cell_of_csv_is_no_formula_and_stays_in_its_cell(text):
    cell = in_csv(text)
    assert not cell.lstrip().startswith(("=", "+", "-", "@"))
    written = io.StringIO()
    csv.writer(written).writerow([cell, "next"])
    assert next(csv.reader(io.StringIO(written.getvalue()))) == [cell, "next"]
    assert len(written.getvalue().splitlines()) == 1


@pytest.mark.parametrize("number", [-0.5, 3, None, True, float("-inf")])
def test_numbers_stay_numbers_in_csv(number):
    assert in_csv(number) is number


def test_every_error_of_ours_is_one_harmless_line():
    assert str(UsageError("no tensor 'x\nOK: no alarm\x1b[2J'")) == "no tensor 'x\\nOK: no alarm\\x1b[2J'"
    assert len(str(LotteryError("a" * 100_000))) == 4000


# files


def test_only_regular_files_are_opened_and_nothing_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
    os.symlink("/dev/zero", "zero")
    os.symlink("nowhere", "broken")
    os.symlink("loop", "loop")
    (tmp_path / "file").write_bytes(b"abc")
    os.symlink("file", "link")
    kinds = {
        "pipe": "is a pipe",
        "socket": "is a socket",
        "zero": "is a device",
        ".": "is a folder",
        "broken": "no file broken",
    }
    kinds |= {
        "loop": "cannot be read",
        "file/x": "cannot be read",
        "a\0b": r"a\\x00b cannot be read",
        "x" * 300: "cannot be read",
    }
    for name, words in kinds.items():
        with pytest.raises(UsageError, match=words), foreign.opened(name):
            pass
    assert foreign.content("link", most=3) == b"abc" and foreign.regular("link") == 3
    with pytest.raises(UsageError, match="file has 3 bytes; at most 2 are read"):
        foreign.content("file", most=2)
    with pytest.raises(UsageError, match="at most 10 are read"):
        foreign.content("/proc/self/status", most=10)  # says that it is empty


def test_text_of_another_encoding_is_refused_with_its_place(tmp_path):
    (tmp_path / "x").write_bytes("ab\xe9".encode("latin-1"))
    with pytest.raises(UsageError, match=r"x is not UTF-8 text \(byte 2\)"):
        foreign.text(tmp_path / "x", most=10)


# tensors

PLAIN = torch.arange(6.0).view(2, 3)


@pytest.mark.parametrize("name", sorted(foreign.READABLE))
def test_dense_tensors_of_known_types_are_admitted_as_they_are(name):
    tensor = PLAIN.to(getattr(torch, name))
    assert admitted({"w": tensor}, where="x")["w"] is tensor


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (torch.empty(3, device="meta"), "on the meta device"),
        (PLAIN.to(torch.float8_e4m3fn), "float8_e4m3fn, which is not read"),
        (torch.ones((1,) * 65), "of 65 dimensions; at most 64"),
    ],
    ids=["meta", "float8", "65"],
)
def test_tensors_that_cannot_be_read_are_refused_by_name(tensor, words):
    with pytest.raises(UsageError, match=f"the start: 'b' is {words}"):
        admitted({"a": PLAIN, "b": tensor}, where="the start")


def test_names_are_text_and_all_tensors_together_are_bounded_by_the_file():
    with pytest.raises(UsageError, match=r"x: the name of a tensor is 3 \(int\)"):
        admitted({3: PLAIN}, where="x")
    stretched = torch.zeros(1).expand(1 << 40)
    with pytest.raises(UsageError, match="ask for 4,398,046,511,104 bytes and the file has 1,000"):
        admitted({"w": stretched}, where="x", size=1000)
