"""Sentences begin with their subject: no text of a page, a help or a docstring begins with "Of"."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lotterylab.asking.catalogue import STUDIES, study_named
from lotterylab.asking.choices import data_options, model_options
from lotterylab.asking.options import all_lines, groups, lines
from lotterylab.commands.main import HELP
from lotterylab.commands.store import Export
from lotterylab.commands.table import COMMANDS, kind_of
from lotterylab.data import SPECS as DATA
from lotterylab.models import SPECS as MODELS
from lotterylab.reading.rows import Rows

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "lotterylab").rglob("*.py"))
PAGES = [*(ROOT / name for name in ("README.md", "CHANGELOG.md", "ARCHITECTURE.md", "CONTRIBUTING.md"))]
PAGES += sorted((ROOT / "docs").glob("*.md"))
QUESTION_WORDS = ("Of", "What", "Whether", "That", "How", "Where")
SENTENCE_WITH_OF = re.compile(r"(?:^|[.?!] +|[|*] )Of [a-z]", re.MULTILINE)


def docstrings(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each docstring of a module, with the name of what it belongs to."""
    for node in ast.walk(tree):
        has_one = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if has_one and (text := ast.get_docstring(node)):
            yield getattr(node, "name", "module"), text


def texts(value: Any) -> Iterator[str]:
    """All texts in a value of dataclasses and tuples."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from texts(item)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from texts(getattr(value, field.name))


TREES = {path.relative_to(ROOT): ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


def test_docstrings_begin_with_a_subject_or_a_verb():
    wrong = []
    for path, tree in TREES.items():
        for name, text in docstrings(tree):
            banned = ("Of", "What") if name.startswith("_") else QUESTION_WORDS
            if text.split(maxsplit=1)[0] in banned:
                wrong.append(f"{path}, {name}: {text.splitlines()[0]}")
    assert wrong == []


def test_no_sentence_in_the_code_begins_with_of():
    wrong = []
    for path, tree in TREES.items():
        constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        lines = (" ".join(text.split()) for text in constants if isinstance(text, str))
        wrong += [f"{path}: {line}" for line in lines if SENTENCE_WITH_OF.search(line)]
    assert wrong == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_sentence_of_a_document_begins_with_of(path):
    found = SENTENCE_WITH_OF.search(path.read_text(encoding="utf-8"))
    assert found is None, path.read_text(encoding="utf-8")[found.start() :][:80]


def test_help_texts_begin_with_a_subject_or_a_verb():
    helps = [line[32:] for line in HELP.splitlines() if line.startswith("  lotterylab")]
    for kind in (*map(kind_of, COMMANDS), Export):
        helps += [kind.__doc__ or "", *(inside.__doc__ or "" for _, inside in groups(kind))]
        helps += [option.text for option in all_lines(kind)]
    helps += [option.text for name in STUDIES for option in lines(study_named(name).options)]
    helps += [option.text for name in MODELS for option in model_options(name)]
    helps += [option.text for name in DATA for option in data_options(name)]
    assert len(helps) > 200 and all(helps)
    assert [text for text in helps if text.split()[0] in ("Of", "That", "Whether", "What")] == []


@pytest.mark.parametrize("name", STUDIES)
def test_the_texts_of_a_study_begin_with_a_subject(name):
    study = study_named(name)
    doubts = [doubt if isinstance(doubt, str) else getattr(doubt, "text", "") for doubt in study.outline.doubts]
    every = [STUDIES[name][1], study.question, *doubts, *texts(study.outline)]
    if study.outline.conclude is not None:
        every.append(study.outline.conclude(Rows(), []))
    assert [text for text in every if text.split()[:1] in (["Of"], ["That"], ["What"])] == []
