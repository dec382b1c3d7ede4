"""Words of run are taken by the commands that only read; words of other commands and odd dashes are told apart."""

from __future__ import annotations

import json

import pytest

from lotterylab.asking.options import all_lines
from lotterylab.commands.main import main
from lotterylab.commands.table import OF_A_STUDY, kind_of

TINY = ("activations", "--preset", "small", "--seeds", "1", "--methods", "random", "--model.widths", "4", "4", "8")
OF_RUN = ("--workers", "1", "--progress", "none", "--path", "plain", "--device", "cuda", "--failed", "--track", "wandb")
THAT_READ = ("table", "status", "report", "cite")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store" / "runs").mkdir(parents=True)


@pytest.mark.parametrize("command", THAT_READ)
def test_the_options_of_run_can_be_pasted(command, capsys):
    assert main([command, *TINY, *OF_RUN, "--store", "store"]) == 0
    err = capsys.readouterr().err
    (note,) = [line for line in err.splitlines() if "of run and change nothing here" in line]
    own = {option.flag for option in all_lines(kind_of(command))}
    named = {"--workers", "--progress", "--path", "--device", "--failed", "--track"} - own
    assert note.startswith("lotterylab: ") and all(flag in note for flag in named)
    assert not any(flag in note for flag in own)


def test_what_is_pasted_changes_nothing_of_what_is_printed(capsys):
    assert main(["table", *TINY, "--store", "store", "--json"]) == 0
    plain = capsys.readouterr()
    assert main(["table", *TINY, "--store", "store", "--json", "--workers=2"]) == 0
    pasted = capsys.readouterr()
    assert pasted.out == plain.out and json.loads(plain.out) and plain.err == ""
    assert pasted.err == "lotterylab: --workers is an option of run and changes nothing here.\n"


@pytest.mark.parametrize("command", THAT_READ)
def test_every_option_of_run_is_taken(command):
    own = {option.name for option in all_lines(kind_of(command))}
    for option in all_lines(kind_of("run")):
        if option.name in own or option.name == "known":
            continue
        value = (
            []
            if option.switch
            else ["plain" if option.name == "path" else "none" if option.name == "progress" else "1"]
        )
        assert main([command, *TINY, "--store", "store", option.flag, *value]) == 0


def test_a_wrong_value_of_a_pasted_option_is_refused_all_the_same(capsys):
    assert main(["table", *TINY, "--workers", "two"]) == 2
    assert "--workers two: it takes a whole number" in capsys.readouterr().err


def test_the_help_does_not_list_what_is_only_taken(capsys):
    with pytest.raises(SystemExit):
        main(["table", *TINY, "--workers", "2", "--help"])
    assert "--workers" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["run", *TINY, "--out", "page"],
            "--out is an option of report, report --all, checkpoints, store export, not of",
        ),
        (["run", *TINY, "--watch"], "--watch is an option of status, not of this command. See --help."),
        (["audit", "x", "--ledger", "y"], "--ledger is an option of plan, run, "),
        (["table", *TINY, "--sede", "1"], "no option is named '--sede'. Did you mean '--seeds'?"),
        (["table", *TINY, "-seeds", "1"], "no option is named '-seeds'. Did you mean '--seeds'?"),
        (["table", *TINY, "\u2013seeds", "1"], r"begins with a dash (\u2013) that is not a hyphen"),
        (["table", *TINY, "\u2014seeds", "1"], "as in text copied from a document. Type --seeds."),
    ],
)
def test_an_option_of_another_command_and_a_dash_of_a_document_are_named(words, says, capsys):
    assert main(words) == 2
    assert says in capsys.readouterr().err


def test_every_command_on_a_study_is_looked_at():
    assert set(THAT_READ) < set(OF_A_STUDY)
