"""A user's own code is found by its reference, named by what it runs, and has options from its signature."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from lotterylab.errors import UsageError
from lotterylab.models import SPECS
from lotterylab.own_code.naming import code_of
from lotterylab.own_code.options import Option
from lotterylab.own_code.references import check_options, check_unchanged, code_hash, find
from lotterylab.own_code.signatures import options_of, takes

MODULE = '''
"""Mine."""
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from nowhere import Thing

def small_net(depth: int = 2, rate: float = 0.5, *, name: str, wide=False, sizes: tuple[int, ...] = (3, 4)) -> Thing:
    """A net.

    Args:
        depth: how many layers,
            counted from one.
        rate (float): of the dropout.
    ``name``: what it is called.
    """
    return depth, rate, name, wide, sizes

class Net:
    def __init__(self, units: int = 3) -> None:
        self.units = units

    @classmethod
    def make(cls, units: int = 4): return cls(units)

NUMBER = 3
'''


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Iterator[Path]:
    """The current folder, with modules of names that no other test has."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("mine_"):
            del sys.modules[name]


@pytest.fixture
def mine(folder) -> str:
    (folder / "mine_models.py").write_text(MODULE)
    return "mine_models"


# finding


def test_functions_classes_and_what_is_inside_them_are_found_from_the_current_folder(mine):
    assert find(f"{mine}:small_net")(name="a") == (2, 0.5, "a", False, (3, 4))
    assert find(f"{mine}:Net")().units == 3
    assert find(f"{mine}:Net.make")().units == 4
    assert find("collections:OrderedDict.fromkeys")("ab") == {"a": None, "b": None}


def test_modules_of_a_package_import_each_other(folder):
    package = folder / "mine_package"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "inner" / "__init__.py").write_text("")
    (package / "inner" / "parts.py").write_text("def one():\n    from mine_package.late import two\n    return two\n")
    (package / "late.py").write_text("two = 2\n")
    assert find("mine_package.inner.parts:one")() == 2  # imported when it is called


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("mine_models", "Write package.module:name"),
        ("mine_models:", "Write package.module:name"),
        ("mine_models.small_net", "Did you mean 'mine_models:small_net'"),
        ("mine_models.py:small_net", "'mine_models:small_net'"),
        ("some/where/mine_models.py:small_net", "'some.where.mine_models:small_net'"),
        ("mine_models:small_net:x", "is not a reference"),
        ("mine models:small_net", "is not a reference"),
        (".mine_models:small_net", "is not a reference"),
        ("", "is not a reference"),
        ("mine_modles:small_net", r"there is no module mine_modles, searched from .* Did you mean 'mine_models'"),
        ("mine_models.parts:small_net", "there is no module mine_models.parts"),
        ("mine_models:smal_net", r"has no 'smal_net'\. Did you mean 'small_net'\? It has: Net, small_net"),
        ("mine_models:Net.maek", "has no 'Net.maek'"),
        ("mine_models:NUMBER", "is an int, which cannot be called"),
    ],
)
def test_what_is_not_there_is_said_with_what_to_write(mine, reference, said):
    with pytest.raises(UsageError, match=said):
        find(reference)


def test_a_missing_module_of_a_package_is_said_with_its_neighbours(folder):
    (folder / "mine_kit").mkdir()
    (folder / "mine_kit" / "__init__.py").write_text("")
    (folder / "mine_kit" / "networks.py").write_text("")
    with pytest.raises(UsageError, match=r"no module mine_kit\.network, .* Did you mean 'networks'"):
        find("mine_kit.network:net")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import no_such_package_at_all", "ModuleNotFoundError: No module named 'no_such_package_at_all'"),
        ("x = 1\ny = 1 / 0", r"ZeroDivisionError: division by zero, .*mine_broken\.py:2"),
        ("def f(:", r"SyntaxError: .*mine_broken\.py, line 1"),
        ("raise SystemExit('bye')", "SystemExit: bye"),
        ("from math import no_such_thing", "ImportError: cannot import name 'no_such_thing'"),
    ],
)
def test_an_error_inside_the_user_s_module_is_shown_in_its_own_words(folder, source, said):
    (folder / "mine_broken.py").write_text(source)
    with pytest.raises(UsageError, match=said):
        find("mine_broken:f")


# the hash


def test_the_hash_is_that_of_the_code_that_the_reference_leads_to(mine, folder):
    (folder / "mine_front.py").write_text(
        "import functools\nfrom mine_models import Net, small_net\n"
        "@functools.wraps(small_net)\ndef wrapped(**options): return small_net(**options)\n"
    )
    assert code_hash("mine_front:Net") == code_hash("mine_models:Net") == code_of(find("mine_models:Net")).digest
    assert code_hash("mine_models:Net") != code_hash("mine_models:small_net") != code_hash("mine_front:wrapped")


def test_an_edited_file_has_another_hash_in_another_process_and_is_refused_there(mine, folder):
    before = code_hash("mine_models:Net")
    (folder / "mine_models.py").write_text(f"# a comment\n{MODULE}")
    del sys.modules["mine_models"]
    check_unchanged("mine_models:Net", before)
    (folder / "mine_models.py").write_text(MODULE.replace("self.units = units", "self.units = 2 * units"))
    assert code_hash("mine_models:Net") == before and find("mine_models:Net")().units == 3  # what this process runs
    del sys.modules["mine_models"]
    assert code_hash("mine_models:Net") != before and find("mine_models:Net")().units == 6
    with pytest.raises(
        UsageError, match=f"planned with the code {before[:12]}, and this process has imported the code"
    ):
        check_unchanged("mine_models:Net", before)
    check_unchanged("mine_models:Net", code_hash("mine_models:Net"))


@pytest.mark.parametrize("reference", ["math:sqrt", "builtins:dict", "mine_partial:made"])
def test_what_has_no_source_is_refused(folder, reference):
    (folder / "mine_partial.py").write_text("import functools\nmade = functools.partial(int, base=2)\n")
    with pytest.raises(UsageError, match=rf"'{reference}' cannot be named by its code: .* has no source in Python"):
        code_hash(reference)


# options


def test_options_have_the_types_defaults_and_help_of_the_signature_and_docstring(mine):
    assert options_of(find(f"{mine}:small_net")) == (
        Option(name="depth", type=int, required=False, default=2, help="how many layers, counted from one."),
        Option(name="rate", type=float, required=False, default=0.5, help="of the dropout."),
        Option(name="name", type=str, required=True, help="what it is called."),
        Option(name="wide", type=bool, required=False, default=False),
        Option(name="sizes", type=tuple[int, ...], required=False, default=(3, 4)),
    )
    assert [option.name for option in options_of(find(f"{mine}:small_net"), skip=("depth", "name"))] == [
        "rate",
        "wide",
        "sizes",
    ]
    assert [option.name for option in options_of(find(f"{mine}:Net"))] == ["units"]


def test_types_come_from_annotations_or_defaults_and_others_are_left_out():
    def some(
        a=1,
        b=1.0,
        c=True,
        d="x",
        e=(1, 2),
        f=(1, "x"),
        g: Literal["u", "v"] = "u",
        h: int | None = None,
        i: tuple[float, float] = (0.0, 1.0),
        j=None,
        k=max,
        m: object = 3,
        *args,
        **more,
    ): ...

    types = {option.name: option.type for option in options_of(some)}
    assert types == {
        "a": int,
        "b": float,
        "c": bool,
        "d": str,
        "e": tuple[int, ...],
        "f": tuple[int, str],
        "g": Literal["u", "v"],
        "h": int | None,
        "i": tuple[float, float],
    }
    assert takes(some, "anything") and not takes(lambda a, /: a, "a") and takes(lambda *, a: a, "a")


@pytest.mark.parametrize("function", [lambda x: x, lambda x, /, y=1: x, eval("lambda *, x: x")])
def test_a_parameter_that_no_option_can_give_is_refused(function):
    with pytest.raises(UsageError, match=r"the parameter 'x' of .* has no default and no type"):
        options_of(function)


def test_every_model_of_the_command_shows_its_fields_as_options():
    for name, entry in SPECS.items():
        options = {option.name: option for option in options_of(entry.spec, skip=tuple(entry.fixed))}
        assert set(options) == set(entry.free), name
        assert not any(option.required for option in options.values())
        assert options["shape"].type == tuple[int, int, int] and options["shape"].help
        assert options["classes"].help == "K, the number of logits."


def test_options_are_checked_converted_and_put_in_order(mine):
    reference = f"{mine}:small_net"
    given = {"sizes": [1, 2], "rate": 1, "name": "a"}
    checked = check_options(reference, given)
    assert checked == (("name", "a"), ("rate", 1.0), ("sizes", (1, 2))) and type(checked[1][1]) is float
    assert check_options(reference, dict(reversed(given.items()))) == checked


def test_a_function_of_any_options_takes_any(folder):
    (folder / "mine_any.py").write_text("def any_of(depth=1, **more): ...\n")
    assert check_options("mine_any:any_of", {"other": "x", "depth": 2}) == (("depth", 2), ("other", "x"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"detph": 3, "name": "a"}, r"no option of 'mine_models:small_net' is named 'detph'\. Did you mean 'depth'"),
        ({"depth": 2.5, "name": "a"}, r"depth = 2.5 was given to 'mine_models:small_net'; it takes a whole number"),
        ({"depth": True, "name": "a"}, "depth = True was .* it takes a whole number"),
        ({"wide": 1, "name": "a"}, "it takes true or false"),
        ({"sizes": (1, "x"), "name": "a"}, "it takes a list, each a whole number"),
        ({"depth": 3}, "needs name, which has no default"),
        ({"rate": 0.1, "name": "a"}, "gets its rate from the model"),
    ],
)
def test_wrong_options_are_refused_with_the_nearest(mine, given, said):
    with pytest.raises(UsageError, match=said):
        check_options(f"{mine}:small_net", given, skip=("rate",) if "gets" in said else ())


def test_a_function_without_options_says_so(folder):
    (folder / "mine_none.py").write_text("def none(): ...\n")
    with pytest.raises(UsageError, match="'mine_none:none' has no options"):
        check_options("mine_none:none", {"depth": 1})


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (int | None, None, None),
        (int | None, 3, 3),
        (tuple[float, float], [0, 1], (0.0, 1.0)),
        (Literal["u", "v"], "v", "v"),
        (tuple, [1, "x"], (1, "x")),
    ],
)
def test_values_are_fitted_to_their_types(kind, value, expected):
    assert Option(name="x", type=kind, required=True).fitted(value, "f") == expected


@pytest.mark.parametrize(
    ("kind", "value"), [(int | None, "3"), (tuple[float, float], (1.0,)), (Literal["u", "v"], "w"), (str, 3)]
)
def test_values_of_another_type_are_refused(kind, value):
    with pytest.raises(UsageError, match="was given to 'f'"):
        Option(name="x", type=kind, required=True).fitted(value, "f")


def test_a_wrapped_function_is_read_through_its_wrapper():
    def inner(depth: int = 3): ...
    @functools.wraps(inner)
    def outer(*args, **options): ...

    assert [option.name for option in options_of(outer)] == ["depth"]
