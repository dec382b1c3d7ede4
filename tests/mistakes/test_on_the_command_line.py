"""Mistakes of newcomers on the command line: what was typed, what the answer says, and the exit code.

Each answer is one line that names the mistake and what to do; none is a traceback.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lotterylab.commands.main import main

HERE = {  # files in the folder where the commands are typed
    "broken.toml": "seeds: 1\n",
    "typo.toml": "sede = 1\n",
    "other.toml": 'study = "glorot"\n',
    "list.toml": "seeds = [0, 1, 2]\n",
    "table.toml": "[modle]\nwidth = 1\n",
    "notes.txt": "some notes\n",
    "mine.py": "STUDY = 3\ndef model():\n    return 1\nclass Crit:\n    pass\n",
}
MISTAKES = (  # what was typed, and the pattern of the answer; the exit code is 2
    # the command and the study
    ("lth-mnist --size quick", r"'lth-mnist' is a study, .*: lotterylab run lth-mnist --size quick"),
    ("rnu activations", r"no command is named 'rnu'. Did you mean 'run'\?"),
    ("tickets", r"no command is named 'tickets'. Known: again, audit, "),
    ("--verison", r"Did you mean '--version'\?"),
    ("run actvations", r"no study is named 'actvations'. Did you mean 'activations'\?"),
    ("run lth_mnist", r"no study is named 'lth_mnist'. Did you mean 'lth-mnist'\?"),
    ("run --seeds 3 activations", r"before the study. Put the study first: lotterylab run activations --seeds 3"),
    ("run mine.py", r"'mine.py' is a file; a study of your own is named by .*: mine:STUDY\."),
    ("run mine:STUDY", r"'mine:STUDY' is an int, not a Study .* Name a Study\."),
    ("run nowhere:STUDY", r"there is no module nowhere, .* put its folder into PYTHONPATH\."),
    # options
    ("run activations --sede 3", r"no option is named '--sede'. Did you mean '--seeds'\?"),
    ("run activations -seeds 3", r"no option is named '-seeds'. Did you mean '--seeds'\?"),
    ("run activations \u2014seeds 3", r"is not a hyphen, as in text copied from a document. Type --seeds\."),
    ("run activations --size quick", r"no option is named '--size' here: this study calls it --preset\."),
    ("run lth-mnist --preset small", r"no option is named '--preset' here: this study calls it --size\."),
    ("run activations --out page", r"--out is an option of report, .* not of this command\."),
    ("run activations --seeds", r"argument --seeds: expected one argument. See --help\."),
    ("run activations 3", r"'3' does not belong to an option. See --help\."),
    ("run activations --seeds three", r"--seeds three: it takes a whole number\."),
    ("run activations --seeds 0", r"seeds is 0; it has to be above 0\."),
    ("run activations --workers 0", r"workers is 0; it has to be above 0\."),
    ("run activations --device gpu", r"--device gpu: there is no such device here.* Known: cpu"),
    ("run activations --progress bar", r"it takes one of auto, bars, plain, none. Did you mean 'bars'\?"),
    ("run activations --flip yes", r"--flip yes: it takes true or false\."),
    ("run activations --model.widht 3", r"Did you mean '--model.widths'\?"),
    # sparsities and other values
    (
        "run activations --sparsities 90",
        r"sparsity 90.0 was asked for; it is the fraction removed.* Did you mean 0.9\?",
    ),
    ("run activations --sparsities 1.0", r"as 1 would keep nothing. Did you mean 0.9 or 0.99\?"),
    ("run activations --sparsities 0.5,0.9", r"separate the values by spaces: --sparsities 0.5 0.9\."),
    ("run activations --sparsities 0,5", r"A decimal has a point, as 0.5\."),
    ("run activations --sparsities", r"sparsities names nothing; give at least one\."),
    ("run activations --sparsities 0.5 0.5", r"sparsities names 0.5 twice; give each once\."),
    ("run activations --methods magnitud", r"no method is named 'magnitud'. Did you mean 'magnitude'\?"),
    ("run activations --methods magnitude,snip", r"separate the values by spaces: --methods magnitude snip\."),
    ("run activations --methods mine:Crit", r"is not a criterion: it has no __call__\(view\). See docs/extending.md"),
    ("run activations --activations ReLU", r"no activation is named 'ReLU'. Did you mean 'relu'\?"),
    ("run activations --init xavier", r"no initialisation is named 'xavier'.* Xavier's is glorot here"),
    ("run activations --scope globl", r"no scope is named 'globl'. Did you mean 'global'\?"),
    ("run activations --granularity filters", r"Did you mean 'filter'\?"),
    ("run activations --model resnet18", r"no model is named 'resnet18'. Did you mean 'resnet-18'"),
    ("run activations --model mine.py", r"'mine.py' is a file; name the model in it: mine:NAME\."),
    ("run activations --model mine:model", r"'mine:model' returned an int. Return a torch.nn.Module\."),
    # data and places
    ("run lth-mnist", r"MNIST needs a local copy: pass --data-dir FOLDER or set LOTTERYLAB_DATA"),
    ("run activations --data MNIST", r"no data set is named 'MNIST'. Did you mean 'mnist'\?"),
    ("run activations --data ./photos", r"A folder of images is named folder:./photos\."),
    ("run activations --data folder:photos", r"there is no folder photos. Name a folder with images"),
    ("run activations --train 100000", r"digits has 1797 images; .* Ask for 1797 or fewer in all\."),
    ("data fetch cifar", r"no data set to fetch is named 'cifar'. Did you mean 'cifar10'\?"),
    ("data fetch mnist", r"no folder was given for the data. Pass --into FOLDER"),
    ("table activations", r"there is no store lotterylab-store: nothing was run there. Name your store"),
    ("run activations --store notes.txt", r"there is no store notes.txt: that is a file. Name a folder"),
    ("table activations --ledger notes.txt", r"notes.txt, line 1, is damaged: .* Restore the file\."),
    ("run activations --ledger .", r"--ledger . could not be written: . is a folder. Name a file in it\."),
    ("store import notes.txt", r"notes.txt is not a whole bundle .* Fetch it again\."),
    ("store import", r"store import takes a file; none was given\."),
    # parameters files
    ("run activations --config nothing.toml", r"there is no file nothing.toml.* Name another file\."),
    ("run activations --config broken.toml", r"broken.toml is not TOML: Expected '=' after a key"),
    ("run activations --config typo.toml", r"typo.toml, line 1: no option is named 'sede'. Did you mean 'seeds'\?"),
    ("run activations --config other.toml", r"line 1: the file is for the study 'glorot'; .* Use one name\."),
    ("run activations --config list.toml", r"seeds = \[0, 1, 2\] was found; it takes a whole number\."),
    ("run activations --config table.toml", r"line 1: no table is named 'modle'. Did you mean 'model'\?"),
    # other commands
    ("audit", r"FOLDER is needed. See --help\."),
    ("audit checkpoints", r"there is no folder checkpoints. Name a folder of checkpoints"),
    ("audit notes.txt", r"notes.txt cannot be read as weights alone .* Save module.state_dict\(\)\."),
    ("diff abc", r"B is needed. See --help\."),
    ("again abc", r"--ledger is needed. See --help\."),
    ("list method", r"it takes one of methods, .* Did you mean 'methods'\?"),
    ("explain tiket", r"no word is named 'tiket'. Did you mean 'ticket'\?"),
    ("report --all nowhere", r"there is no folder nowhere. report --all takes a folder with study folders\."),
    ("checkpoints activations", r"--out is needed. See --help\."),
    ("completion tcsh", r"it takes one of bash, zsh, fish\."),
)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Iterator[Path]:
    for name, text in HERE.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("LOTTERYLAB_DATA", raising=False)
    monkeypatch.delenv("LOTTERYLAB_STORE", raising=False)
    sys.modules.pop("mine", None)  # other tests have a module of this name
    yield tmp_path
    sys.modules.pop("mine", None)


@pytest.mark.parametrize(("typed", "pattern"), MISTAKES, ids=[typed for typed, _ in MISTAKES])
def test_a_mistake_is_answered_in_one_line_that_says_what_to_do(typed, pattern, capsys, here):
    assert main(shlex.split(typed)) == 2
    out, err = capsys.readouterr()
    line = err.splitlines()[-1]
    assert out == "" and "Traceback" not in err
    assert line.startswith("lotterylab: ") and len([each for each in err.splitlines() if each == line]) == 1
    assert re.search(pattern, line), line
    assert {path.name for path in here.iterdir()} - {"__pycache__"} == set(HERE), "nothing was started"


def test_there_are_sixty_of_them():
    assert len({typed for typed, _ in MISTAKES}) == len(MISTAKES) >= 60
