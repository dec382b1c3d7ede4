"""Results of a user's functions are named by the code that runs and the values it holds, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lotterylab.errors import UsageError
from lotterylab.own_code.naming import code_of
from some_loop import eval_fn, init_fn
from some_own_code import HELPERS, LOOP, imported, importing_from


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with importing_from(tmp_path) as folder:
        yield folder


# (what is replaced, by what) in the file of the loop; a change of the helpers' file begins with "helpers:"
EQUAL = {
    "a comment": ("    LOSSES.append(x)\n", "    # a comment\n    LOSSES.append(x)  # and another\n"),
    "blank lines above": ("RATE = 0.1", "\n\n\n\nRATE = 0.1"),
    "a line break": (
        "helper(x) - helpers.noise(step)",
        "(\n            helper(x)\n            - helpers.noise(step)\n        )",
    ),
    "quotes and brackets": ('CONFIG["momentum"]', "(CONFIG['momentum'])"),
    "a docstring": ('    """Train."""\n', '    """Train, and train again."""\n'),
    "no docstring": ('    """Train."""\n', ""),
    "a module's docstring": ('"""A loop."""', '"""The loop."""'),
    "an unrelated function": ("def unrelated():\n    return 1", "def unrelated():\n    return 2"),
    "a new function above": ("def unrelated():", "def another():\n    return 3\n\n\ndef unrelated():"),
    "an unused import": ("import helpers\n", "import helpers\nimport json\n"),
    "an absolute path": ("/data/here", "/data/elsewhere"),
    "a list that the code fills": ("LOSSES = []", "LOSSES = [1.0]"),
    "a number that the code counts": ("COUNT = 0", "COUNT = 7"),
    "an unused helper": ("helpers:return x\n", "return x + 1\n"),
}
OTHER = {
    "a number": ("range(steps)", "range(steps + 1)"),
    "a default": ("steps=5", "steps=6"),
    "a decorator's argument": ("@twice(2)", "@twice(3)"),
    "a decorator's code": ("factor * function", "factor + function"),
    "a function that it calls": ("inner_helper(x) * RATE", "inner_helper(x) * RATE * 2"),
    "one that this calls": ("return x + 1", "return x + 2"),
    "a number of the module": ("RATE = 0.1", "RATE = 0.5"),
    "a container of the module": ('"momentum": 0.9', '"momentum": 0.8'),
    "a list inside it": ("[8, 16]", "[8, 32]"),
    "a function in a registry": ("max(x, 0)", "max(x, 1)"),
    "a method": ("self.width() + self.depth", "self.width() - self.depth"),
    "a field's default": ("depth: int = 3", "depth: int = 4"),
    "a base's method": ("self.size * 2", "self.size * 3"),
    "a base's attribute": ("size = 4", "size = 5"),
    "another module's function": ("helpers:return x * SCALE", "return x / SCALE"),
    "another module's number": ("helpers:SCALE = 2.0", "SCALE = 3.0"),
    "the order of lines": (
        "    COUNT += 1\n    LOSSES.append(x)\n",
        "    LOSSES.append(x)\n    COUNT += 1\n",
    ),
}


def edited(change: tuple[str, str]) -> tuple[str, str]:
    old, new = change
    if old.startswith("helpers:"):
        old = old.removeprefix("helpers:")
        assert old in HELPERS
        return LOOP, HELPERS.replace(old, new)
    assert old in LOOP
    return LOOP.replace(old, new), HELPERS


@pytest.mark.parametrize("what", EQUAL)
def test_a_change_that_changes_no_number_leaves_the_name(what: str, folder: Path) -> None:
    before = code_of(imported(folder).train)
    assert before.compiled == ()
    assert code_of(imported(folder, *edited(EQUAL[what])).train) == before


@pytest.mark.parametrize("what", OTHER)
def test_a_change_of_code_or_values_changes_the_name(what: str, folder: Path) -> None:
    before = code_of(imported(folder).train)
    after = code_of(imported(folder, *edited(OTHER[what])).train)
    assert after.digest != before.digest and after.compiled == ()
    changed = [name for name, digest in after.parts if (name, digest) not in before.parts]
    nested = what == "a decorator's code"  # a function inside another is part of both
    assert len(changed) == 1 + nested, "and the part that changed is named"


def test_the_parts_are_the_functions_and_classes_that_count(folder: Path) -> None:
    names = {name for name, _ in code_of(imported(folder).train).parts}
    assert names == {
        *("train", "twice", "twice.<locals>.decorate.<locals>.inner", "helper", "inner_helper", "relu", "Base", "Net"),
        *("noise", "register"),
    }


@given(
    lines=st.lists(
        st.tuples(st.integers(0, LOOP.count("\n") - 1), st.sampled_from(["", "# text", "    # indented", "\t"])),
        max_size=8,
    )
)
@settings(max_examples=40, deadline=None)
def test_comments_and_blank_lines_anywhere_leave_the_name(lines: list[tuple[int, str]], tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("lines")
    text = LOOP.splitlines()
    for place, line in sorted(lines, reverse=True):
        text.insert(place, line)
    with importing_from(folder):
        assert code_of(imported(folder, "\n".join(text)).train) == code_of(imported(folder).train)


# values that functions hold


def with_rate(rate, also=()):
    """Return a training function that holds values which its source does not show."""

    def train_fn(module, run, times=also):
        optimizer = torch.optim.SGD(module.parameters(), lr=rate)
        with run.hold(optimizer):
            for _ in run.steps:
                optimizer.step()
        return times

    return train_fn


def test_a_function_is_named_by_the_values_that_it_holds_too():
    held = [0.1, 0.5, torch.ones(2), torch.zeros(2), torch.zeros(2).double(), (1, "a"), {"b": [2.5]}, eval_fn, nn.ReLU]
    held += [
        torch.float64,
        torch.nn.functional,
        torch.relu,
        {1, 2},
        None,
        True,
        partial(init_fn, 3),
        partial(init_fn, 4),
        lambda x: x + 1,
        lambda x: x + 2,
    ]
    names = [code_of(with_rate(value)) for value in held]
    assert len(set(names)) == len(held) and names == [code_of(with_rate(value)) for value in held]
    assert code_of(with_rate(0.1, also=(1,))) != code_of(with_rate(0.1, also=(2,)))
    assert code_of(with_rate(with_rate(0.1))) != code_of(with_rate(with_rate(0.2))), "functions that they hold, too"


def test_a_function_that_calls_itself_has_a_name():
    def again(module, run):
        return again

    assert code_of(again) == code_of(again)


class Trainer:
    """With a method as training function."""

    def train_fn(self, module, run):
        """Does nothing."""


@pytest.mark.parametrize("function", [with_rate(iter([1])), with_rate([object()]), Trainer().train_fn, lambda x: x])
def test_a_function_that_holds_what_has_no_name_is_refused(function):
    with pytest.raises(UsageError, match=r"holds .*raise version=|a lambda has no name"):
        code_of(function)


@pytest.mark.parametrize("function", [len, dict, partial(int, base=2)])
def test_what_is_not_written_in_python_is_refused(function):
    with pytest.raises(UsageError, match="has no source in Python to name its results by"):
        code_of(function)
