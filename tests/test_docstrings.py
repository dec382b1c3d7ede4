"""Every public name has a docstring that says what it does, takes and raises, with an example that runs."""

from __future__ import annotations

import ast
import dataclasses
import doctest
import importlib
import inspect
import re
import textwrap
from typing import Any

import pytest

FACES = (
    *("lotterylab", "lotterylab.plan", "lotterylab.statistics", "lotterylab.criteria", "lotterylab.masks"),
    *("lotterylab.models", "lotterylab.data", "lotterylab.analysis", "lotterylab.procedures", "lotterylab.structure"),
)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
OF_TENSORS = re.compile(r"\b(Tensor|State|Mask|Scores|Batch)\b")
SHAPES = re.compile(r"shape|entries|by name|\((?:B|n|C|N|units)\b|dict from|as the module|\bpart(s)? of the mask", re.I)


def public() -> dict[str, Any]:
    """Every function and class that a face offers, by the face's name for it; each once."""
    found: dict[str, Any] = {}
    for face in FACES:
        module = importlib.import_module(face)
        for name in getattr(module, "__all__", None) or dir(module):
            value = getattr(module, name)
            if (inspect.isfunction(value) or inspect.isclass(value)) and value not in found.values():
                found[f"{face}.{name}"] = value
    return found


PUBLIC = public()


def text(value: Any) -> str:
    return inspect.cleandoc(value.__dict__.get("__doc__") or "" if inspect.isclass(value) else value.__doc__ or "")


def parameters(value: Any) -> list[str]:
    """What a caller may give: the fields of a dataclass, the parameters of a function."""
    if inspect.isclass(value):
        return (
            [field.name for field in dataclasses.fields(value) if field.init] if dataclasses.is_dataclass(value) else []
        )
    return list(inspect.signature(value).parameters)


def raises_usage_error(value: Any) -> bool:
    """Whether its own code raises ``UsageError``; of a class, when it is made."""
    code = value.__dict__.get("__post_init__") if inspect.isclass(value) else value
    if code is None:
        return False
    tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    raised = [ast.unparse(node.exc) for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc]
    return any(one.startswith(("UsageError", "unknown(", "ValueError")) for one in raised)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_docstring_begins_with_a_full_sentence(name):
    first = text(PUBLIC[name]).partition("\n")[0]
    sentence = re.sub(r"\s*\[[^\]]*\]$", "", first)
    assert sentence.endswith((".", ":")) and len(sentence.split()) > 2, first
    assert not first.startswith(("Of ", "From ", "Where ")), first


@pytest.mark.parametrize("name", PUBLIC)
def test_a_docstring_names_every_argument_and_what_is_refused(name):
    value, doc = PUBLIC[name], text(PUBLIC[name])
    wanted = parameters(value)
    if wanted:
        arguments = doc.partition("\nArgs:\n")[2].partition("\n\n")[0]
        missing = [one for one in wanted if not re.search(rf"^    (\w+, )*{one}(, \w+)*: ", arguments, re.MULTILINE)]
        assert missing == [], doc
    if raises_usage_error(value):
        assert "\nRaises:\n" in doc
    if inspect.isfunction(value) and OF_TENSORS.search(str(inspect.signature(value))):
        assert SHAPES.search(doc), "no shape of a tensor"


@pytest.mark.parametrize("name", PUBLIC)
def test_a_docstring_has_an_example_that_runs(name, tmp_path, monkeypatch):
    value = PUBLIC[name]
    monkeypatch.chdir(tmp_path)
    assert "\nExamples:\n" in text(value)
    names = dict(vars(inspect.getmodule(value)))
    example = doctest.DocTestParser().get_doctest(text(value), names, name, inspect.getsourcefile(value), 0)
    assert example.examples
    report: list[str] = []
    result = doctest.DocTestRunner(optionflags=FLAGS).run(example, out=report.append)
    assert result.failed == 0, "".join(report)
