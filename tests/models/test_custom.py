"""A user's own module becomes a model, is named by its source, and is checked before training."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lotterylab.errors import UsageError
from lotterylab.models import CustomModel, custom
from lotterylab.network import network
from lotterylab.plan.digest import digest

SOURCE = '''
import torch
from torch import nn

from lotterylab.models.activations import function
from lotterylab.models.dropout import Dropout


class Net(nn.Module):
    """units: of the hidden layer."""

    def __init__(self, shape, classes, activation="relu", units: int = 3):
        super().__init__()
        self.act = function(activation)
        self.conv = nn.Conv2d(shape[0], 2, 3, padding=1)
        self.scale = nn.Parameter(torch.rand(2, 1, 1))
        self.hidden = nn.Linear(2 * shape[1] * shape[2], units)
        self.drop = Dropout(0.5)
        self.out = nn.Linear(units, classes)

    def forward(self, x):
        return self.out(self.drop(self.act(self.hidden((self.scale * self.act(self.conv(x))).flatten(1)))))


def fixed(): return nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
def lazy(): return nn.Sequential(nn.Flatten(), nn.LazyLinear(3))
def wrong_inputs(): return nn.Sequential(nn.Flatten(), nn.Linear(17, 3))
def only_norm(): return nn.Sequential(nn.Flatten(), nn.LayerNorm(16), nn.Unflatten(1, (16,)))
def no_module(): return "a module"
def fails(): raise RuntimeError("out of ideas")
class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(16, 3)
    def forward(self, x):
        return self.layer(x.flatten(1)), x
'''
FIELDS = {"shape": (1, 4, 4), "classes": 3}


@pytest.fixture
def mine(tmp_path, monkeypatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "custom_mine.py"
    path.write_text(SOURCE)
    yield path
    sys.modules.pop("custom_mine", None)


def test_the_function_is_called_with_its_options_and_with_what_of_the_model_it_takes(mine):
    spec = custom("custom_mine:Net", options={"units": 5}, activation="tanh", **FIELDS)
    spec.check()
    module = spec.build()
    assert module.hidden.weight.shape == (5, 32) and module.out.weight.shape == (3, 5)  # type: ignore[union-attr]
    assert module.act is torch.tanh  # type: ignore[comparison-overlap]
    assert network(module).prunable == ("conv.weight", "hidden.weight", "out.weight")
    assert (
        not spec.pool_first_is_exact and spec.build(pool_first=True).state_dict().keys() == module.state_dict().keys()
    )
    custom("custom_mine:fixed", **FIELDS).check()


def test_own_states_come_from_the_constructor_and_other_words_redraw_conv_and_linear_layers(mine):
    spec = custom("custom_mine:Net", **FIELDS)
    torch.manual_seed(7)
    before = torch.get_rng_state()
    own, again, other = (spec.initial(seed, "init", "named") for seed in (0, 0, 1))
    drawn, redrawn = (replace(spec, init="he-normal").initial(seed, "init", "named") for seed in (0, 0))
    assert torch.equal(torch.get_rng_state(), before)
    for name in own:
        assert torch.equal(own[name], again[name]) and torch.equal(drawn[name], redrawn[name])
        assert torch.equal(own[name], other[name]) == (name == "drop.calls")
        kept = name in ("scale", "drop.key", "drop.calls")  # what no initialisation names is the constructor's
        assert torch.equal(own[name], drawn[name]) == kept, name
    reinit = spec.initial(0, "reinit", "named")
    assert not torch.equal(own["conv.weight"], reinit["conv.weight"])


def test_the_digest_holds_the_code_the_options_and_nothing_of_the_place(mine, tmp_path_factory, monkeypatch):
    spec = custom("custom_mine:Net", options={"units": 5}, **FIELDS)
    assert digest(spec) != digest(custom("custom_mine:Net", **FIELDS))
    assert digest(replace(spec, code="0" * 64)) != digest(spec)
    code = (
        "import sys; sys.path += sys.argv[1:];"
        "from lotterylab.models import custom; from lotterylab.plan.digest import digest;"
        "spec = custom('custom_mine:Net', options={'units': 5}, shape=(1, 4, 4), classes=3);"
        "print(digest(spec), float(spec.initial(0, 'init', 'named')['scale'].sum()))"
    )
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "custom_mine.py").write_text(SOURCE)
    run = subprocess.run(
        [sys.executable, "-c", code, *sys.path], capture_output=True, text=True, check=True, cwd=elsewhere
    )
    assert run.stdout.split() == [digest(spec), str(float(spec.initial(0, "init", "named")["scale"].sum()))]


def test_a_file_that_changed_after_planning_is_refused(mine):
    spec = custom("custom_mine:Net", **FIELDS)
    mine.write_text(SOURCE.replace("padding=1", "padding='same'"))
    spec.build()  # this process still runs what was planned
    del sys.modules["custom_mine"]
    with pytest.raises(UsageError, match="this process has imported the code"):
        spec.build()


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("fixed", {"activation": "tanh"}, "activation 'tanh' was asked for, but 'custom_mine:fixed' does not take"),
        ("fixed", {"classes": 4}, r"gave \(2, 3\) and not logits of shape \(2, 4\)"),
        ("lazy", {}, "'1.weight' of 'custom_mine:lazy' has no shape yet"),
        ("wrong_inputs", {}, r"failed on images of shape \(2, 1, 4, 4\): RuntimeError: mat1 and mat2"),
        ("only_norm", {"classes": 16}, "nothing can be pruned"),
        ("no_module", {}, "returned a str. Return a torch.nn.Module"),
        ("fails", {}, r"'custom_mine:fails' failed: RuntimeError: out of ideas, .*custom_mine\.py:\d+"),
        ("Pair", {}, r"gave tuple and not logits"),
    ],
)
def test_what_is_wrong_is_said_by_a_check_before_anything_is_trained(mine, name, fields, said):
    with pytest.raises(UsageError, match=said):
        custom(f"custom_mine:{name}", **{**FIELDS, **fields}).check()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"unit": 5}, "Did you mean 'units'"),
        ({"units": 0.5}, "it takes a whole number"),
        ({"classes": 4}, "gets its classes from the model"),
    ],
)
def test_options_are_checked_when_the_spec_is_made(mine, options, said):
    with pytest.raises(UsageError, match=said):
        custom("custom_mine:Net", options=options, **FIELDS)


def test_the_fields_of_every_model_are_checked_here_too(mine):
    with pytest.raises(UsageError, match="Did you mean 'he-normal'"):
        custom("custom_mine:Net", init="he-norm", **FIELDS)
    with pytest.raises(UsageError, match=r"it must be \(channels, height, width\)"):
        CustomModel(source="custom_mine:Net", code="", shape=(4, 4), classes=3)  # type: ignore[arg-type]
