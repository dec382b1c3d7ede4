"""Values of a parameters file stay values: none becomes an option, and none is more than a command line can hold."""

import json
import math
import tomllib

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lotterylab.asking.options import all_lines, lines
from lotterylab.commands import line, parameters
from lotterylab.commands.study import Plan
from lotterylab.errors import UsageError
from lotterylab.studies.activations import Options

FLAGS = sorted(option.flag for option in (*all_lines(Plan), *lines(Options)))


def parsed(path, *words):
    return line.command(Plan, ["--config", str(path), *words], program="lotterylab plan", study="activations")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["activations", "methods", "known", "sparsities", "store", "data_dir", "data"]),
    words=st.lists(
        st.sampled_from([*FLAGS, "--store=/elsewhere", "--", "-h", "--help", "/elsewhere", "relu", "-1"]), min_size=1
    ),
    scalar=st.booleans(),
)
@example(name="activations", words=["relu", "--store", "/elsewhere"], scalar=False)
@example(name="known", words=["a", "--store=/elsewhere"], scalar=False)
@example(name="store", words=["--ledger=/elsewhere"], scalar=True)
def test_no_text_of_a_file_becomes_an_option(tmp_path, name, words, scalar):
    file = tmp_path / "x.toml"
    file.write_text(f"{name} = {json.dumps(words[0] if scalar else words)}\n")
    try:
        command = parsed(file)
    except UsageError as error:
        assert "x.toml, line 1" in str(error)
    else:
        assert not any(word.startswith("-") for word in (words[:1] if scalar else words))
        assert command.place.store == (words[0] if (name, scalar) == ("store", True) else None)


def test_the_refusal_names_file_line_value_and_what_to_write(tmp_path):
    file = tmp_path / "x.toml"
    file.write_text('seeds = 2\nknown = ["a", "-ledger.jsonl"]\n')
    with pytest.raises(
        UsageError, match=r"x\.toml, line 2: known = \['a', '-ledger.jsonl'\] was found; .* '\./-ledger\.jsonl'"
    ):
        parsed(file)
    file.write_text('known = ["./-ledger.jsonl", "a"]\n')
    assert [str(path) for path in parsed(file).place.known] == ["-ledger.jsonl", "a"]


@given(st.floats(-1e6, -1e-6) | st.integers(-(10**6), -1))
def test_negative_numbers_are_numbers(number):
    assert parameters._no_value(number) == parameters._no_value([number]) == ""


def test_a_negative_number_of_a_file_reaches_its_option(tmp_path):
    (tmp_path / "x.toml").write_text("seeds = 2\nsparsities = [-0.5]\n")
    with pytest.raises(UsageError, match=r"x\.toml, line 2: sparsity -0\.5 was asked for"):
        parsed(tmp_path / "x.toml")


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan, 2**63, -(2**63), 10**5000], ids="abcdef")
def test_numbers_that_no_option_takes_are_refused(number):
    assert parameters._no_value(number) and parameters._no_value([number])
    assert len(parameters._quoted(number)) < 100


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_printed_parameters_file_gives_back_any_text(text):
    assert tomllib.loads(parameters.toml([("store", text), ("seeds", 3)])) == {"store": text, "seeds": 3}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"x = {'[' * 100_000}", "nested too deeply"),
        (f"{'.'.join('a' * 20_000)} = 1", "has too many parts"),
        (f"seeds = {'9' * 9000}", "is not TOML: Exceeds the limit"),
        (f"seeds = 0x{'f' * 9000}", "seeds = a very large number was found"),
        (f'data = "{"x" * 5000}"', "at most 4,096 letters"),
        ("#" * 300_000, "at most 262,144 are read"),
    ],
)
def test_what_is_too_deep_too_long_or_too_large_is_refused_by_name(tmp_path, text, words):
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(UsageError, match=f"x.toml.*{words}"):
        parsed(tmp_path / "x.toml")


def test_dotted_numbers_and_paths_are_no_deep_keys(tmp_path):
    path = ".".join(["a"] * 10)
    (tmp_path / "x.toml").write_text(f'store = "{path}"\nsparsities = [{", ".join(f"0.{n}" for n in range(10, 50))}]\n')
    assert parsed(tmp_path / "x.toml").place.store == path
