"""From words and files to a command: typos are found, files are read, what was typed wins."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lotterylab import data, models
from lotterylab.asking.choices import data_options, model_options
from lotterylab.asking.options import all_lines, lines
from lotterylab.commands import line, parameters
from lotterylab.commands.main import main
from lotterylab.commands.study import Table
from lotterylab.commands.table import COMMANDS, OF_A_STUDY, kind_of
from lotterylab.errors import UsageError
from lotterylab.own_code.values import fit, in_words
from lotterylab.studies.activations import Options


def options(command):
    """The options of a command, and those of a study if it is on one."""
    of_study = lines(Options) if command in OF_A_STUDY else ()
    return [one for one in (*all_lines(kind_of(command)), *of_study) if not one.hidden and not one.positional]


FLAGS = sorted({option.flag for name in COMMANDS for option in options(name)})
NAMES = sorted(option.name for option in options("table"))


def table(*words):
    return line.command(Table, words, program="lotterylab table activations")


@st.composite
def one_letter_off(draw, words):
    word = draw(st.sampled_from(words))
    first = len(word) - len(word.lstrip("-"))
    at = draw(st.integers(first, len(word) - 1))
    letter = draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
    typo = draw(
        st.sampled_from(
            (
                word[:at] + letter + word[at + 1 :],
                word[:at] + word[at + 1 :],
                word[:at] + letter + word[at:],
            )
        )
    )
    return word, typo


@settings(max_examples=300, deadline=None)
@given(one_letter_off(FLAGS), st.sampled_from(COMMANDS))
def test_every_option_with_a_wrong_letter_gets_the_right_suggestion(pair, command):
    word, typo = pair
    own = {option.flag for option in options(command)}
    if word in own and typo not in own | {"--help", "--config", "--print-config", "--", "--no-flip"}:
        with pytest.raises(UsageError, match=r"Did you mean") as refused:
            line.command(kind_of(command), [typo, "1"], program="lotterylab")
        assert f"'{word}'" in str(refused.value).partition("Known:")[0]
        assert refused.value.exit_code == 2


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one_letter_off(NAMES), st.integers(0, 4))
def test_every_key_of_a_file_with_a_wrong_letter_gets_its_line_and_the_right_suggestion(tmp_path, pair, above):
    word, typo = pair
    if typo in NAMES or not typo.replace("_", "").isalpha() or "." in typo:
        return
    file = tmp_path / "study.toml"
    file.write_text("# a line\n" * above + f"{typo} = 1\n")
    with pytest.raises(UsageError) as refused:
        table("--config", str(file))
    said = str(refused.value)
    assert f"study.toml, line {above + 1}: no option is named '{typo}'" in said
    assert f"'{word}'" in said.partition("Known:")[0]


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (["run", "--workers", "1", "lth-mnist"], "lotterylab run lth-mnist --workers 1"),
        (["plan", "--seeds", "2"], "lotterylab plan STUDY --seeds 2"),
        (["table", "--json", "my.module:STUDY"], "lotterylab table my.module:STUDY --json"),
        (["store", "export", "--out", "a file", "glorot"], "lotterylab store export glorot --out 'a file'"),
    ],
)
def test_an_option_before_the_study_is_answered_with_the_right_order(words, right, capsys):
    assert main(words) == 2
    assert capsys.readouterr().err.endswith(f"was given before the study. Put the study first: {right}\n")


def test_a_file_gives_the_options_and_what_is_typed_wins(tmp_path):
    file = tmp_path / "study.toml"
    file.write_text(
        'data = "digits"\nseeds = 3\nsparsities = [0.5, 0.9]\nflip = false\nfirst-seed = 7\n'
        '[model]\nname = "shallow-cnn"\nwidths = [4, 8, 16]\n'
    )
    asked = table("--config", str(file), "--seeds", "4").options
    assert (asked.seeds, asked.first_seed, asked.sparsities, asked.flip) == (4, 7, (0.5, 0.9), False)
    assert asked.model_options == {"widths": (4, 8, 16)}


def test_what_is_printed_is_a_file_that_gives_the_same(tmp_path, capsys):
    words = ("--seeds", "2", "--sparsities", "0.5", "0.25", "--model.widths", "4", "8", "16", "--store", 'a "b" \\c')
    with pytest.raises(SystemExit) as end:
        table(*words, "--print-config")
    assert end.value.code == 0
    file = tmp_path / "study.toml"
    file.write_text(capsys.readouterr().out)
    again, first = table("--config", str(file)), table(*words)
    assert (again.options, again.place, again.json) == (first.options, first.place, first.json)


WRONG = [
    ("seeds = 'three'", "line 1: seeds = 'three' was found; it takes a whole number"),
    ("\n\nseeds = true", "line 3: seeds = True"),
    ("sparsities = 'half'", "it takes a list, each a number"),
    ("preset = 'smal'", "it takes one of full, small"),
    ("[modle]\nwidth = 2", "line 1: no table is named 'modle'. Did you mean 'model'?"),
    ("seeds = 1\n[model]\nwidht = 2", "line 3: no option is named 'model.widht'. Did you mean 'model.widths'?"),
    ("seeds 3", "is not TOML"),
    ("seeds = 1\nseeds = 2", "is not TOML"),
    ("model = 'shalow-cnn'", "Did you mean 'shallow-cnn'?"),
    ("[data]\nname = 'digts'", "Did you mean 'digits'?"),
]


@pytest.mark.parametrize(("text", "says"), WRONG)
def test_a_wrong_file_is_refused_with_its_line(tmp_path, text, says):
    file = tmp_path / "study.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as refused:
        table("--config", str(file))
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("seeds = 1\nmethods = ['magnitude', 'snpi']", "line 2: no method is named 'snpi'. Did you mean 'snip'?"),
        ("\nsparsities = [0.5, 1.2]", "line 2: sparsity 1.2 was asked for"),
        ("sparsities = [0.5, 0.5]", "line 1: sparsities names 0.5 twice"),
        ("seeds = 1\n\ndense-epochs = 0", "line 3: dense_epochs is 0"),
        ("seeds = 1\n[data]\nname = 'digts'", "line 3: no data set is named 'digts'"),
    ],
)
def test_a_wrong_value_of_a_file_is_told_with_its_line(tmp_path, capsys, text, says):
    file = tmp_path / "study.toml"
    file.write_text(text)
    assert main(["plan", "activations", "--config", str(file)]) == 2
    assert f"lotterylab: {file}, {says}" in capsys.readouterr().err


def test_what_was_typed_is_not_said_to_be_in_the_file(tmp_path, capsys):
    file = tmp_path / "study.toml"
    file.write_text("seeds = 1")
    assert main(["plan", "activations", "--config", str(file), "--methods", "snpi"]) == 2
    assert capsys.readouterr().err.startswith("lotterylab: no method is named 'snpi'")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere\.toml cannot be read"):
        table("--config", str(tmp_path / "nowhere.toml"))
    with pytest.raises(UsageError, match="--config needs a file"):
        table("--config")


def test_options_of_another_model_are_not_those_of_this_one():
    with pytest.raises(UsageError, match=r"--model\.widhts"):
        table("--model.widhts", "3", "4", "5")
    assert table("--model=shallow-cnn", "--model.widths", "3", "4", "5").options.model_options["widths"] == (3, 4, 5)


@pytest.mark.parametrize(
    ("options_of", "name"),
    [*((model_options, name) for name in models.SPECS), *((data_options, name) for name in (*data.SPECS, "folder:x"))],
)
def test_each_option_of_a_model_and_of_data_says_what_it_is(options_of, name):
    for option in options_of(name):
        assert option.help.strip("."), option.name
        assert "``" not in option.help


@pytest.mark.parametrize(
    ("value", "hint", "fits"),
    [
        (1, int, True),
        (True, int, False),
        (1, float, True),
        ("a", str, True),
        ([1, 2], tuple[int, ...], True),
        ([1, "b"], tuple[int, ...], False),
        ([1, 2], tuple[int, int, int], False),
        (None, int | None, True),
        (1.5, int | None, False),
    ],
)
def test_values_are_checked_against_types(value, hint, fits):
    if fits:
        assert fit(value, hint) == (tuple(value) if isinstance(value, list) else value)
    else:
        with pytest.raises(ValueError, match=r"."):
            fit(value, hint)
    assert in_words(hint)


def test_a_key_is_found_however_it_is_spelled(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text('x = 1\n"first-seed" = 2\n[ model ]\n  batch_norm = true\n')
    assert parameters.line_of(file, "first_seed") == 2
    assert parameters.line_of(file, "model.batch_norm") == 4
    assert parameters.line_of(file, "absent") == 1


def test_the_command_that_a_page_shows_gives_the_same_options():
    from lotterylab.commands.pages import command_line

    words = "--model conv-2 --data mnist --seeds 2 --sparsities 0.5 0.9 --flip True --model.width 0.25 --methods snip"
    first = table(*words.split())
    shown = command_line("run", first).split()
    assert shown[:3] == ["lotterylab", "run", "activations"]
    assert table(*shown[3:]).options == first.options
    assert command_line("run", table()) == "lotterylab run activations"


@pytest.mark.parametrize("reader", ["plan", "table", "run", "report", "status"])
@pytest.mark.parametrize("writer", ["plan", "run", "status"])
def test_one_file_is_for_all_commands_of_a_study(reader, writer, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([writer, "activations", "--seeds", "2", "--print-config"])
    file = tmp_path / "study.toml"
    file.write_text(capsys.readouterr().out)
    parsed = line.command(kind_of(reader), ["--config", str(file)], program="lotterylab")
    assert parsed.options.seeds == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--seeds", "two"), "--seeds two: it takes a whole number."),
        (("--seeds=1.5",), "--seeds 1.5: it takes a whole number."),
        (("--sparsities", "0.5", "half", "--seeds", "1"), "--sparsities half: it takes a list, each a number."),
    ],
)
def test_a_number_that_is_none_is_said_in_words(words, said):
    with pytest.raises(UsageError) as error:
        table(*words)
    assert str(error.value) == said
    assert table("--seeds", "2", "--sparsities", "0.5", "1e-1", "--preset", "small").options.seeds == 2


@pytest.mark.parametrize(
    ("text", "words", "says"),
    [
        ("seeds = 1\ntrain = 5000", (), "line 2: digits has 1797 images"),
        ("seeds = 1\nvalidation = 0", (), "line 2: validation is 0"),
        ("scope = 'globl'", (), "line 1: no scope is named 'globl'"),
        ("\ncrop_padding = 8", (), "line 2: crop_padding is 8"),
        ("[model]\nname = 'conv-2'\nwidth = 'x'", (), "line 3: model.width = 'x' was found; it takes a number"),
        ("seeds = 2", ("--train", "5000"), ""),
        ("train = 3000", ("--train", "5000"), ""),
    ],
)
def test_an_error_names_the_line_of_its_option_and_no_line_if_the_option_was_typed(tmp_path, capsys, text, words, says):
    file = tmp_path / "study.toml"
    file.write_text(text)
    assert main(["plan", "activations", "--config", str(file), *words, "--store", str(tmp_path / "none")]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"lotterylab: {file}, {says}" if says else "lotterylab: digits has 1797 images")
