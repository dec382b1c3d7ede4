"""Every word of tables, pages and alarms is explained, by one text on a terminal, on a page and in docs/words.md."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lotterylab
from lotterylab.asking.methods import METHODS
from lotterylab.commands.main import main
from lotterylab.engine.shapes import BY_KIND, NUMBER
from lotterylab.masks.scopes import SCOPES
from lotterylab.procedures import CONTROLS
from lotterylab.reading.glossary import ALARMS, COLUMNS, by_name, entries, found, named_in, page
from lotterylab.report.markup import tag
from lotterylab.report.sections.words import words
from lotterylab.studies.lth_controls import WORDS

PACKAGE = Path(lotterylab.__file__).parent
DOCS = PACKAGE.parent.parent / "docs"
PROMISES = re.compile(r"""["']([a-z]+(?:-[a-z]+)+): """)  # "code: message" of a user's functions


def codes() -> set[str]:
    """Every code of an alarm that the source can raise."""
    known = set()
    for file in PACKAGE.rglob("*.py"):
        text = file.read_text()
        for node in ast.walk(ast.parse(text)) if "one(" in text else ():
            named = isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "one" and node.args
            if named and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                known.add(node.args[0].value)
        if file.name in ("user_training.py", "user_interventions.py"):
            known |= set(PROMISES.findall(text))
    return known


def test_every_alarm_has_its_meaning_and_what_to_do():
    assert len(codes()) > 30 and codes() - by_name().keys() == set()
    for each in (each for each in entries() if each.group == ALARMS):
        assert len(re.findall(r"[.:;](?: |$)", each.text)) >= 2, each.word


def test_every_control_scope_method_and_number_is_explained():
    assert {*CONTROLS, *WORDS, *SCOPES} - by_name().keys() == set()
    numbers = {name for names in BY_KIND.values() for name, shape in names.items() if shape == NUMBER}
    costs = {"epochs_to_find", "macs_to_mask", "seconds_to_mask", "sparse_macs", "macs", "seconds", "epochs"}
    assert (numbers | costs) - by_name().keys() == set()
    for method in METHODS:
        assert main(["explain", method]) == 0


def test_no_word_stands_twice_and_every_reference_leads_to_a_word():
    names = [name for each in entries() for name in (each.word, *each.others)]
    assert sorted(set(names)) == sorted(names)
    for each in entries():
        for word in each.also:
            assert found(word), f"{each.word} refers to {word}"
        assert each.plain.endswith(".") and each.word == each.word.lower()


def test_the_page_of_the_docs_is_made_from_the_words():
    assert (DOCS / "words.md").read_text(encoding="utf-8") == page(), "lotterylab explain --markdown > docs/words.md"


@given(st.sampled_from(sorted(by_name())), st.sampled_from((str, str.upper, str.title)))
def test_a_word_is_found_however_it_is_written(name, written):
    assert by_name()[name] in found(f" {written(name).replace('-', ' ')} ")
    assert by_name()[name] in found(written(name).replace(" ", "_"))


@pytest.mark.parametrize(
    ("asked", "word"),
    [("tickets", "ticket"), ("Winning Ticket", "ticket"), ("train.test_accuracy", "test_accuracy"), ("2:4", "n:m")],
)
def test_the_forms_that_people_type_are_found(asked, word):
    assert found(asked)[0].word == word


def test_explain_prints_the_meaning_in_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["explain", "random", "mask"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("random-mask (random mask)  [Controls]\n    The control with the same number of weights")
    for asked in ([], ["ticket"], ["learning-rate", "rewinding"]):
        assert main(["explain", *asked]) == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
    assert main(["explain", "ties-at-cut"]) == 0
    assert "[Alarms]" in (out := capsys.readouterr().out) and "[Columns of results.csv]" in out
    assert main(["explain", "lth-mnist"]) == 0 and "lotterylab run lth-mnist" in capsys.readouterr().out


def test_explain_as_json_and_wrong_words(capsys):
    assert main(["explain", "ticket", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["see"] == ["mask"] and "`" not in entry["text"]
    assert main(["explain", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(entries())
    assert main(["explain", "tickts"]) == 2
    assert "no word is named 'tickts'. Did you mean 'ticket'?" in capsys.readouterr().err
    assert main(["explain", "lth-mnits"]) == 2 and "'lth-mnist'" in capsys.readouterr().err
    assert main(["explain", "ticket", "--markdown"]) == 2 and "Leave one of them out" in capsys.readouterr().err


def test_a_page_explains_the_words_that_stand_on_it_and_no_others():
    html = words([tag("p", "The Random mask keeps 10 % in each layer; one-sign, 3 alarms"), tag("svg", "hamming")])
    for word in ("random-mask", "one-sign"):
        assert f"<dt>{word}</dt><dd>{by_name()[word].plain}</dd>" in html
    assert "hamming" not in html and "early-bird" not in html
    assert not any(each.group == COLUMNS for each in named_in("test_accuracy mask"))
