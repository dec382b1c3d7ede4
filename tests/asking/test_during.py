"""``--during``: one intervention in every training of a ticket study, and none by default."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace

import pytest

from lotterylab.asking.catalogue import study_named
from lotterylab.asking.during import AnyDuring, intervention
from lotterylab.commands.main import main
from lotterylab.data import Digits
from lotterylab.engine.local import run
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.interventions import ALL, Gradual, RandomOut
from lotterylab.plan.nodes import Data, Train
from lotterylab.plan.plan import Plan
from some_plans import RECIPE, train

DATA = Data(spec=Digits(train=64, validation=20, test=20), content="ab" * 32)
STUDIES = ("lth-mnist", "lth-conv", "activation-tickets", "init-tickets", "rewind-rounds")
ASKED = {"during": "random-out", "during_options": {"threshold": 0.1, "rule": "median"}}
OWN = '''
"""Mine."""
from dataclasses import dataclass

from lotterylab.interventions.base import Intervening
from lotterylab.views import Change


@dataclass(frozen=True, kw_only=True)
class Shrinks(Intervening):
    """Args:
        by: the factor of the weights.
        every: in updates.
    """

    by: float = 0.5
    every: int = 3

    def __call__(self, view, carry):
        if view.step % self.every:
            return Change()
        weights = {name: view.state[name] * self.by for name in view.names}
        return Change(state=weights, events=({"shrunk": len(weights)},))


class Nothing:
    """Not an intervention."""


class Fails:
    def __init__(self):
        1 / 0
'''


def planned(name: str, **own) -> Plan:
    study = study_named(name)
    return study.plan(study.options(size="quick", seeds=1, **own), DATA)


def trainings(plan: Plan) -> list[Train]:
    return [node for row in plan.rows for node in row.nodes.values() if isinstance(node, Train)]


@pytest.mark.parametrize("name", STUDIES)
def test_every_training_has_it_and_none_by_default(name):
    plain, asked = planned(name), planned(name, **ASKED)
    assert all(node.recipe.during == () for node in trainings(plain))
    for node in asked.targets():
        for needed in (node, *node.inputs()):
            if isinstance(needed, Train):
                assert needed.recipe.during == (RandomOut(threshold=0.1, rule="median"),)
    assert len(plain.rows) == len(asked.rows)
    assert {node.digest for node in trainings(plain)}.isdisjoint(node.digest for node in trainings(asked))
    assert "has the intervention" not in " ".join(plain.notes)
    assert "every training, dense and pruned, has the intervention random-out (threshold 0.1, rule median)." in (
        " ".join(asked.notes).lower()
    )


def test_files_of_the_study_are_named_by_it():
    options = study_named("lth-mnist").options
    assert options(size="quick").label == "quick"
    assert options(size="quick", during="random-out").label == "quick-random-out"
    assert options(size="quick", during="mine:Brush", pixels="standardised").label == "quick-mine-Brush-standardised"


@pytest.mark.parametrize("name", sorted(name for name, kind in ALL.items() if not kind.needs_sparse))
def test_each_name_that_fits_dense_training_is_taken(name):
    needed = {"early-bird": {"sparsity": 0.5}, "top-k": {"sparsity": 0.5, "end_step": 9}}
    needed["gradual"] = {"sparsity": 0.5, "begin_step": 1, "end_step": 101}
    assert type(intervention(name, needed.get(name, {}))) is ALL[name]


@pytest.mark.parametrize(
    ("name", "own", "message"),
    [
        ("random-ot", {}, "no intervention is named 'random-ot'. Did you mean 'random-out'"),
        ("rigl", {}, "'rigl' moves the weights of a sparse mask, and this study begins with dense training"),
        ("gradual", {"sparsity": 0.5}, "the intervention 'gradual' needs begin_step, end_step"),
        ("random-out", {"treshold": 1}, "no option 'treshold'. Did you mean 'threshold'"),
        ("random-out", {"patience": "two"}, "during.patience: patience = 'two' was given to 'random-out'; it takes"),
        ("random-out", {"rule": "mean"}, "rule = 'mean' was given to 'random-out'"),
        ("random-out", {"patience": 0}, "RandomOut: patience=0. Give at least 1"),
        ("nowhere:Brush", {}, "there is no module nowhere"),
        ("mine_during:Shrnks", {}, "Did you mean 'Shrinks'"),
        ("mine_during:Nothing", {}, "'mine_during:Nothing' made a Nothing, which is not an intervention"),
        ("mine_during:Fails", {}, "'mine_during:Fails' failed: ZeroDivisionError"),
        ("mine_during:Shrinks", {"evry": 2}, "no option 'evry'. Did you mean 'every'"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(name, own, message, home):
    options = study_named("lth-mnist").options(size="quick", during=name, during_options=own)
    with pytest.raises(UsageError) as error:
        study_named("lth-mnist").plan(options, DATA)
    assert message in str(error.value) or message in f"{error.value.option}: {error.value}"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The current folder, with an intervention of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "mine_during.py").write_text(OWN)
    yield tmp_path
    sys.modules.pop("mine_during", None)


def test_an_intervention_of_ones_own_is_named_by_its_code_and_runs_in_workers(home):
    own = intervention("mine_during:Shrinks", {"every": 4})
    node, other = (
        train(recipe=replace(RECIPE, during=(each,))) for each in (own, intervention("mine_during:Shrinks", {}))
    )
    assert node.digest != other.digest
    here, there = Store(home / "here"), Store(home / "there")
    for store, workers in ((here, 1), (there, 2)):
        assert not run([node], store, workers=workers).failed
    record = here.record(node.digest)
    assert record.blobs == there.record(node.digest).blobs
    assert record.metrics["events"] == [[step, "Shrinks", {"shrunk": 4}] for step in (4, 8, 12, 16)]
    (home / "mine_during.py").write_text(OWN.replace("0.5", "0.25"))
    del sys.modules["mine_during"]
    assert train(recipe=replace(RECIPE, during=(intervention("mine_during:Shrinks", {"every": 4}),))) != node


# on the command line


def test_a_parameters_file_has_it_as_a_table(home, capsys):
    words = "lth-conv --size quick --during gradual --during.sparsity 0.5 --during.begin-step 100 --during.end-step 300"
    with pytest.raises(SystemExit):
        main(["plan", *shlex.split(words), "--print-config"])
    text = capsys.readouterr().out
    assert '[during]\nname = "gradual"\nsparsity = 0.5\nbegin_step = 100\nend_step = 300\n# every = 100' in text
    (home / "asked.toml").write_text(text)
    with pytest.raises(SystemExit):
        main(["plan", "lth-conv", "--config", "asked.toml", "--print-config"])
    assert capsys.readouterr().out == text


def test_its_settings_are_in_the_help_and_a_wrong_one_is_suggested(capsys):
    assert main(["plan", "lth-mnist", "--during", "gradual", "--during.sparsit", "1"]) == 2
    assert "Did you mean '--during.sparsity'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["run", "lth-mnist", "--during", "gradual", "--help"])
    said = capsys.readouterr().out
    assert "Options of the intervention gradual" in said and "--during.begin-step N" in said
    assert main(["plan", "rewinding", "--during", "gradual"]) == 2
    assert "--during" in capsys.readouterr().err


def test_it_is_part_of_the_options_from_python():
    options = AnyDuring(during="gradual", during_options={"sparsity": 0.5, "begin_step": 0, "end_step": 100})
    assert options.interventions == (Gradual(sparsity=0.5, begin_step=0, end_step=100),)
