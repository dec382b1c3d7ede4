"""A stranger's model on a stranger's folder of images, by the command alone."""

import shlex
import sys

import numpy as np
import pytest
from PIL import Image

from lotterylab.commands.main import main
from lotterylab.data import Digits

MODEL = '''
from torch import nn


class Net(nn.Module):
    """units: of the hidden layer."""

    def __init__(self, shape, classes, units: int = 16):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(shape[0], 4, 3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2),
            nn.Linear(4 * (shape[1] - 2) * (shape[2] - 2), units), nn.ReLU(), nn.Linear(units, classes),
        )

    def forward(self, x):
        return self.body(x)
'''


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with a model and the digits as PNG files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "own_model.py").write_text(MODEL)
    data = Digits().load(None)
    for number, (image, label) in enumerate(zip(data.train.images[:300], data.train.labels[:300], strict=True)):
        folder = tmp_path / "pictures" / f"digit-{int(label)}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image[0].numpy() * 15).astype(np.uint8)).save(folder / f"{number}.png")
    yield tmp_path
    sys.modules.pop("own_model", None)


ASKED = (
    "activations --model own_model:Net --model.units 8 --data folder:pictures --data.size 8 --data.channels 1 "
    "--activations relu --seeds 1 --dense-epochs 2 --pruned-epochs 1 --rates 0.03 --sparsities 0.5 --methods snip "
    "--controls random-mask --store store"
)


def test_it_is_planned_run_and_shown(home, capsys):
    asked = shlex.split(ASKED)
    assert main(["run", *asked, "--workers", "1", "--progress", "none"]) == 0
    said = capsys.readouterr().out
    assert "corrected | its own" in said and "snip, random mask" in said and "3 of 3 rows finished" in said
    assert "pictures@" in said
    assert main(["report", *asked, "--out", "page"]) == 0
    page = (home / "page" / "index.html").read_text()
    assert "--model own_model:Net" in page and str(home) not in page


WRONG = [
    ("--model own_model:Nett", "Did you mean 'Net'"),
    ("--model own_modl:Net", "Did you mean 'own_model'"),
    ("--model own_model:Net --model.unitz 3", "Did you mean '--model.units'"),
    ("--model vgg-12", "Did you mean 'vgg-11' or"),
    ("--data folder:pictres", "no folder"),
    ("--data minst", "Did you mean 'mnist'"),
    ("--model conv-2 --protocols ladder", "use --protocols corrected"),
    ("--model conv-2 --methods synfow", "Did you mean 'synflow'"),
    ("--model conv-2 --scope globl", "Did you mean 'global'"),
    ("--model conv-2 --granularity filtr", "Did you mean 'filter'"),
    ("--model conv-2 --init he-norml", "Did you mean 'he-normal'"),
    ("--model conv-2 --controls nne", "Did you mean 'none'"),
]


@pytest.mark.parametrize(("words", "says"), WRONG)
def test_what_is_wrong_is_said_before_anything_runs(home, capsys, words, says):
    assert main(["run", "activations", *shlex.split(words), "--store", "store"]) == 2
    err = capsys.readouterr().err
    assert says in err and "Traceback" not in err
    assert not (home / "store" / "runs").exists()


def test_an_activation_that_the_model_does_not_take_is_refused_and_none_is_made_up(home, capsys):
    words = ["plan", "activations", "--model", "own_model:Net", "--data", "folder:pictures", "--sparsities", "0.9"]
    assert main([*words, "--activations", "relu", "tanh"]) == 2
    assert "activation 'tanh' was asked for, but 'own_model:Net' does not take" in capsys.readouterr().err
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "its own: dense" in said and "tanh" not in said
