"""Errors suggest the nearest known words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotterylab.errors import edits, suggestion, unknown

WORDS = ("activations", "sparsities", "seeds", "lr", "out", "width", "train", "test")
letters = st.text(alphabet="abcdelrstw", max_size=7)


@pytest.mark.parametrize(
    ("a", "b", "count"),
    [("", "", 0), ("seeds", "", 5), ("sedes", "seeds", 1), ("kitten", "sitting", 3), ("lr", "l", 1), ("ab", "ba", 1)],
)
def test_edits_are_counted(a, b, count):
    assert edits(a, b) == count


@given(letters, letters, letters)
def test_edits_are_symmetric_and_bounded(a, b, c):
    assert edits(a, b) == edits(b, a) <= max(len(a), len(b))
    assert (edits(a, b) == 0) == (a == b)
    assert edits(a + c, b + c) <= edits(a, b)


@st.composite
def one_letter_off(draw):
    word = draw(st.sampled_from(WORDS))
    at = draw(st.integers(0, len(word) - 1))
    letter = draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
    how = draw(st.sampled_from(("change", "drop", "add", "swap")))
    typo = {
        "change": word[:at] + letter + word[at + 1 :],
        "drop": word[:at] + word[at + 1 :],
        "add": word[:at] + letter + word[at:],
        "swap": word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
    }[how]
    return word, typo


@given(one_letter_off())
def test_a_one_letter_typo_finds_its_word(pair):
    word, typo = pair
    if typo not in WORDS:
        assert f"'{word}'" in suggestion(typo, WORDS)


def test_words_at_the_same_distance_are_both_named():
    assert suggestion("tesin", ("train", "terin")) == " Did you mean 'terin'?"
    assert suggestion("bat", ("cat", "hat")) == " Did you mean 'cat' or 'hat'?"
    assert suggestion("nothing", WORDS) == ""
    assert suggestion("", WORDS) == ""


def test_unknown_lists_what_there_is():
    assert str(unknown("scope", "globl", ("global", "layerwise"))) == (
        "no scope is named 'globl'. Did you mean 'global'? Known: global, layerwise."
    )
