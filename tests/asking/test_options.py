"""One line declares an option: what is derived from it, and what is refused."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotterylab.asking.catalogue import STUDIES, study_named
from lotterylab.asking.options import SizedOptions, StudyOptions, lines, number_of_seeds, option, sized
from lotterylab.errors import UsageError
from lotterylab.own_code.values import fit, read

ANSWER = ("quick", 2), ("standard", 40), ("paper", 85)


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    epochs: int = sized(quick=2, standard=40, paper=85, help="Epochs of each run")
    seeds: int = number_of_seeds(quick=2, standard=3, paper=5)
    rates: tuple[float, ...] = option((0.1, 1.0), help="Rates")
    word: str = option("a", help="A word", choices=("a", "b"))


@pytest.mark.parametrize(("size", "epochs"), ANSWER)
def test_a_size_fills_in_what_is_not_given(size, epochs):
    assert Options(size=size).epochs == epochs
    assert Options(size=size, epochs=7).epochs == 7 and Options(size=size, epochs=7).size == size
    assert replace(Options(size=size), size="quick").epochs == epochs  # it was filled in when it was made


def test_the_note_says_what_differs_from_the_largest_size_however_it_was_set():
    differs = "The study differs from size paper: "
    assert Options(size="paper").note == ""
    assert Options(size="quick").note == f"{differs}epochs 2 instead of 85; seeds 2 instead of 5."
    assert Options(size="paper", seeds=4).note == f"{differs}seeds 4 instead of 5."
    assert Options(size="quick", seeds=5, epochs=3).note == f"{differs}epochs 3 instead of 85."
    assert StudyOptions(seeds=9).note == ""


def test_the_help_is_written_from_the_numbers():
    text = {line.name: line.text for line in lines(Options)}
    assert text["epochs"] == "Epochs of each run (default quick 2, standard 40, paper 85)."
    assert text["rates"] == "Rates (default 0.1 1.0)." and text["word"] == "A word (one of a, b; default a)."


WRONG = [
    ({"epochs": 0}, "epochs", "epochs is 0; it has to be above 0"),
    ({"epochs": 2.5}, "epochs", "epochs = 2.5 was found; it takes a whole number"),
    ({"epochs": True}, "epochs", "it takes a whole number"),
    ({"seeds": 10_001}, "seeds", "at most 10,000 are possible"),
    ({"first_seed": -1}, "first_seed", "it has to be at least 0"),
    ({"rates": ()}, "rates", "rates names nothing"),
    ({"rates": (0.1, 0.1)}, "rates", "rates names 0.1 twice"),
    ({"rates": [0.1, "x"]}, "rates", "it takes a list, each a number"),
    ({"word": "c"}, "word", "no word is named 'c'"),
    ({"size": "large"}, "size", "it takes one of quick, standard, paper"),
]


@pytest.mark.parametrize(("given", "name", "says"), WRONG)
def test_what_is_out_of_its_limits_is_refused_with_the_option_s_name(given, name, says):
    with pytest.raises(UsageError, match=says) as refused:
        Options(**given)
    assert refused.value.option == name
    assert pickle.loads(pickle.dumps(refused.value)).option == name


def test_a_whole_number_stands_for_a_float_and_a_list_or_a_single_value_for_a_tuple():
    assert Options(rates=[1]) == Options(rates=(1.0,))  # type: ignore[arg-type]
    assert Options(rates=1) == Options(rates=(1.0,)) == Options(rates=np.array([1]))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="it takes a list, each a number"):
        Options(rates={0.1, 0.2})  # type: ignore[arg-type]  # a set has no order
    assert type(Options(rates=[1]).rates[0]) is float  # type: ignore[arg-type]


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_word_means_the_number_that_python_writes(number):
    kind = type(number)
    assert read([str(number)], kind) == number == fit(number, kind)
    assert read([str(number), "2"], tuple[kind, ...]) == (number, kind(2))  # type: ignore[valid-type]


@given(st.sampled_from(["x", "", "1.5.2", "one", "0x1"]), st.sampled_from([int, float, int | None]))
def test_a_word_that_is_no_number_is_refused(word, kind):
    with pytest.raises(ValueError, match=r".*"):
        read([word], kind)


@pytest.mark.parametrize("name", STUDIES)
def test_every_option_of_every_study_says_what_it_is_and_has_a_default(name):
    for line in lines(study_named(name).options):
        assert len(line.help) > 10 and not line.required, line.name
        assert not line.sizes or all(f"{size} " in line.text for size in line.sizes), line.name


def test_a_study_imports_no_other_study_s_options(tmp_path):
    script = (
        "import sys; from lotterylab.commands.main import main\n"
        "assert main(['cite', 'glorot', '--data', 'digits', '--size', 'quick']) == 0 and 'torch' not in sys.modules\n"
        "print(*(name for name in sys.modules if name.startswith('lotterylab.studies.')))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    imported = ran.stdout.splitlines()[-1].split()
    assert set(imported) == {"lotterylab.studies.glorot", "lotterylab.studies.glorot_claims"}


@pytest.mark.parametrize("words", [["--help"], ["list", "activations"], ["run", "--help"], ["list", "methods"]])
def test_what_only_names_things_imports_no_torch_and_no_study(words):
    script = (
        f"import sys; from lotterylab.commands.main import main; main({words!r})\n"
        "assert not {'torch', 'scipy', 'matplotlib', 'lotterylab.studies.activations'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
