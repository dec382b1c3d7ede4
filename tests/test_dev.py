"""The front door, without ever making a .venv."""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib

import pytest

from some_dev import FILE, ROOT, dev, make_checkout, pretend_done


@pytest.fixture
def checkout(tmp_path):
    return make_checkout(tmp_path)


def refusal(*words: str):
    with pytest.raises(dev.Stop) as caught:
        dev.parse(list(words))
    assert caught.value.code == 2
    return str(caught.value)


# Reading the command line


@pytest.mark.parametrize("command", dev.COMMANDS)
def test_every_command_is_read(command):
    assert dev.parse([command]) == dev.Call(command, False, ())


@pytest.mark.parametrize("words", [["test", "--here"], ["--here", "test"]])
def test_here_stands_before_or_after_the_command(words):
    assert dev.parse(words) == dev.Call("test", True, ())


def test_what_follows_two_dashes_is_passed_on_unread():
    call = dev.parse(["test", "--", "-k", "select", "--here", "--", "study"])
    assert call == dev.Call("test", False, ("-k", "select", "--here", "--", "study"))


@pytest.mark.parametrize(
    ("typo", "meant"),
    [("tset", "test"), ("nigthly", "nightly"), ("stduy", "study"), ("set-up", "setup"), ("--hear", "--here")],
)
def test_a_typo_is_refused_with_the_word_that_was_meant(typo, meant):
    assert f"Did you mean '{meant}'?" in refusal(typo)


def test_pytest_arguments_without_two_dashes_are_refused_and_the_dashes_named():
    assert "after a lone --" in refusal("test", "-k", "select")


def test_none_or_two_commands_are_refused():
    assert "found: none" in refusal("--here")
    assert "found: test study" in refusal("test", "study")


def test_arguments_are_refused_where_nothing_takes_them():
    assert "takes no arguments, found: -x" in refusal("study", "--", "-x")


def test_setup_here_is_refused_as_a_contradiction():
    assert "without one" in refusal("setup", "--here")


def test_a_typo_on_the_command_line_exits_2_with_a_suggestion():
    result = subprocess.run([sys.executable, FILE, "tset"], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (2, "")
    assert "Did you mean 'test'?" in result.stderr


def test_help_names_every_command(capsys):
    assert dev.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert [command for command in dev.COMMANDS if f"dev.py {command} " not in shown] == []


def test_no_word_at_all_shows_the_help_and_is_an_error(capsys):
    assert dev.main([]) == 2
    assert "dev.py study" in capsys.readouterr().out


def test_help_after_two_dashes_is_pytests():
    assert dev.parse(["test", "--", "--help"]).extra == ("--help",)


# The stamp


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt", "requirements.lock"])
def test_the_set_up_is_stale_once_a_file_behind_it_changes(checkout, name):
    pretend_done(checkout)
    assert dev.is_ready(checkout)
    before = (checkout / name).read_text()
    (checkout / name).write_text(before + "# more\n")
    assert not dev.is_ready(checkout)
    (checkout / name).write_text(before)
    assert dev.is_ready(checkout)


def test_text_that_moves_from_one_file_to_the_other_changes_the_digest(checkout):
    before = dev.digest(checkout)
    (checkout / "pyproject.toml").write_text("[project]\ntorch==2.13.0\n")
    (checkout / "constraints.txt").write_text("")
    assert dev.digest(checkout) != before


def test_a_moved_checkout_is_not_ready(checkout, tmp_path):
    pretend_done(checkout)
    moved = tmp_path / "moved"
    shutil.copytree(checkout, moved, ignore=shutil.ignore_patterns("moved"))
    assert not dev.is_ready(moved)


def test_a_venv_whose_python_is_gone_is_not_ready(checkout):
    pretend_done(checkout)
    dev.venv_python(checkout).unlink()
    assert not dev.is_ready(checkout)


def test_a_ready_checkout_is_not_set_up_again(checkout, capsys):
    pretend_done(checkout)
    assert dev.main(["setup"], checkout) == 0
    assert capsys.readouterr().out == ""


def test_the_venv_is_made_by_a_python_outside_any_venv():
    made_by = subprocess.run(
        [dev.find_python(), "-c", "import sys; print(sys.prefix == sys.base_prefix)"], capture_output=True, text=True
    )
    assert made_by.stdout == "True\n"


@pytest.mark.skipif(os.name == "nt", reason="needs the programs false and true")
@pytest.mark.parametrize("was_ready", [False, True])
def test_a_set_up_that_fails_says_what_to_do_and_starts_from_nothing_the_next_time(checkout, was_ready):
    if was_ready:
        pretend_done(checkout)
        (checkout / "constraints.txt").write_text("torch==2.14.0\n")
    for _ in range(2):
        with pytest.raises(dev.Stop, match="What to do: some systems ship Python without venv") as caught:
            dev.set_up(checkout, shutil.which("false"))
        assert caught.value.code == 1
        assert not dev.is_ready(checkout)
        assert [path.name for path in (checkout / ".venv").iterdir()] == [dev.stamp_of(checkout).name]


def test_a_venv_that_dev_py_did_not_make_is_refused_and_left_alone(checkout):
    mine = checkout / ".venv" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(dev.Stop, match=r"was not made by dev\.py") as caught:
        dev.set_up(checkout, sys.executable)
    assert caught.value.code == 2
    assert mine.read_text() == "mine"


# What is run


def test_test_deselects_the_long_tests_and_nightly_does_not():
    (test,) = dev.steps(dev.Call("test", False, ()), "py")
    extras, nightly = dev.steps(dev.Call("nightly", False, ()), "py")
    assert extras[-1] == ".[test,wandb,mlflow]"
    assert dev.steps(dev.Call("nightly", True, ()), "py") == [nightly]
    assert test == [*nightly, "-m", "not nightly"]


@pytest.mark.parametrize("command", dev.PYTEST)
def test_the_users_own_pytest_arguments_come_last(command):
    *_, step = dev.steps(dev.Call(command, False, ("-n", "0")), "py")
    assert step[-2:] == ["-n", "0"]


def test_a_study_runs_and_then_reports_the_same_study_tickets_first():
    steps = dev.steps(dev.Call("study", False, ()), "py")
    assert [step[4] for step in steps] == ["lth-digits", "lth-digits", "activations", "activations"]
    for run, report in zip(steps[::2], steps[1::2], strict=True):
        assert run[:4] == ["py", "-m", "lotterylab", "run"]
        assert report[:4] == ["py", "-m", "lotterylab", "report"]
        assert run[4:] == report[4:]


def test_pages_builds_every_report_of_the_results():
    assert dev.steps(dev.Call("pages", False, ()), "py") == [["py", "-m", "lotterylab", "report", "--all"]]


def test_two_workers_of_pytest_get_one_thread_each_and_a_study_chooses_its_own(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert dev.environment(dev.Call("test", False, ()), ROOT)["OMP_NUM_THREADS"] == "1"
    assert "OMP_NUM_THREADS" not in dev.environment(dev.Call("study", False, ()), ROOT)


def test_here_puts_the_sources_first_on_the_path_and_keeps_the_users_own(monkeypatch):
    here = dev.Call("test", True, ())
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert dev.environment(here, ROOT)["PYTHONPATH"] == str(ROOT / "src")
    monkeypatch.setenv("PYTHONPATH", "wheels")
    assert dev.environment(here, ROOT)["PYTHONPATH"] == os.pathsep.join([str(ROOT / "src"), "wheels"])


def test_here_asks_a_study_for_all_dependencies_of_the_package():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = [re.split(r"[<>=!~ ]", line)[0] for line in declared]
    assert sorted(dev.NEEDS["study"]) == sorted("PIL" if name == "pillow" else name for name in names)


def test_here_names_the_modules_that_are_absent():
    assert dev.absent(("json", "no_such_module", "pytest")) == ["no_such_module"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [("raise SystemExit(3)", 3), ("pass", 0), ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137)],
)
@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_the_exit_code_of_a_step_is_passed_on(code, expected, tmp_path):
    assert dev.run([sys.executable, "-c", code], dict(os.environ), tmp_path) == expected


STUDY_THAT_SAVES = """
import pathlib, signal, sys, time

def stop(*_):
    time.sleep(0.5)  # longer than subprocess.run would wait
    pathlib.Path("saved").touch()
    sys.exit(130)

signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)
pathlib.Path("started").touch()
time.sleep(30)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
@pytest.mark.parametrize("how", ["Ctrl-C reaches both", "SIGTERM reaches only dev.py"])
def test_an_interrupted_step_gets_the_time_to_save(how, tmp_path):
    outer = (
        f"import os, sys, dev; sys.exit(dev.run([sys.executable, '-c', {STUDY_THAT_SAVES!r}], os.environ, dev.Path()))"
    )
    front = subprocess.Popen(
        [sys.executable, "-c", outer], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True
    )
    deadline = time.monotonic() + 20
    while not (tmp_path / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    if how.startswith("Ctrl-C"):
        os.killpg(front.pid, signal.SIGINT)
    else:
        front.terminate()
    assert front.wait(timeout=20) == 130
    assert (tmp_path / "saved").exists()


# Where it runs


def test_windows_keeps_the_python_of_a_venv_under_scripts(tmp_path):
    assert dev.venv_python(tmp_path, "nt") == tmp_path / ".venv" / "Scripts" / "python.exe"
    assert dev.venv_python(tmp_path, "posix") == tmp_path / ".venv" / "bin" / "python"


def test_an_old_python_can_read_the_file_and_nothing_needs_installing():
    tree = ast.parse(FILE.read_text(), feature_version=(3, 7))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


def test_make_offers_the_commands_of_dev_py():
    (line,) = re.findall(r"^COMMANDS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert tuple(line.split()) == dev.COMMANDS
