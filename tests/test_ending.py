"""A process that only looked ends at once: with its whole output, its exit code, and without a folder left."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lotterylab.system import ending


def ended(code: str, **more) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", f"import atexit, sys\nfrom lotterylab.system import ending\n{code}"]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, **more)


def test_all_that_was_printed_and_registered_comes_before_the_end():
    code = "ending.is_near(); atexit.register(print, 'last'); print('x' * 10**6); print('e', file=sys.stderr)"
    done = ended(f"{code}; ending.leave(3); print('never')")
    assert (done.returncode, done.stdout, done.stderr) == (3, "x" * 10**6 + "\nlast\n", "e\n")


def test_what_is_held_is_not_freed():
    kind = "class Loud:\n    def __del__(self):\n        print('freed')\n"
    assert ended(f"{kind}ending.is_near(); ending.hold(Loud()); ending.leave(0)").stdout == ""


def test_a_process_that_goes_on_holds_nothing_and_does_not_end():
    kind = "class Loud:\n    def __del__(self):\n        print('freed')\n"
    assert ended(f"{kind}ending.hold(Loud()); ending.leave(0); print('goes on')").stdout == "freed\ngoes on\n"
    assert ending._held is None


def test_output_that_cannot_be_written_is_left_to_the_interpreter():
    done = ended("sys.stdout.close(); ending.is_near(); ending.leave(0); print('goes on', file=sys.stderr)")
    assert (done.returncode, done.stderr) == (0, "goes on\n")


@pytest.mark.parametrize("words", [["status"], ["table"], ["table", "--json"], ["plan"], ["plan", "--json"]])
def test_a_reader_that_goes_away_ends_a_command_that_looks_with_141(tmp_path, words):
    command = [*words[:1], "activations", "--seeds", "1", *words[1:], "--store", str(tmp_path)]
    (tmp_path / "runs").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "lotterylab", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    with process:
        assert process.wait(60) == 141


def test_a_command_that_looks_prints_the_same_whole_document_and_code_as_from_python(tmp_path, capsys):
    from lotterylab.commands.main import main

    (tmp_path / "runs").mkdir()
    command = ["table", "activations", "--seeds", "3", "--json", "--store", str(tmp_path)]
    done = subprocess.run([sys.executable, "-m", "lotterylab", *command], capture_output=True, text=True, timeout=60)
    assert main(command) == done.returncode == 0
    assert done.stdout == capsys.readouterr().out
    assert ending._held is None
