"""The study of LeNet's tickets: its plan, its sizes, and what it asks of the command."""

from __future__ import annotations

import pytest

from lotterylab.asking.catalogue import STUDIES, study_named
from lotterylab.commands.main import main
from lotterylab.criteria import Magnitude
from lotterylab.data import Mnist
from lotterylab.plan.nodes import Data, Prune, Shuffle, Train
from lotterylab.reading.rows import Rows
from lotterylab.studies import lth_mnist
from lotterylab.studies.lth_mnist_claims import OURS, OUTLINE, level

DATA = Data(spec=Mnist(train=55_000, validation=5_000, test=10_000), content="ab" * 32)
STUDY = lth_mnist.build(lth_mnist.Options(rounds=10, seeds=2), DATA)


def rows(**labels):
    return [row for row in STUDY.rows if all(row.labels[name] == value for name, value in labels.items())]


def test_each_ticket_is_pruned_from_the_one_before_and_reset_to_the_initial_weights():
    dense = rows(method="dense", seed=0)[0].nodes["train"]
    assert isinstance(dense, Train) and dense.recipe.steps == 10_000 and dense.recipe.batch_size == 60
    before, mask = dense, None
    for row in rows(method="iterative", control="", seed=0):
        train, prune = row.nodes["train"], row.nodes["prune"]
        assert isinstance(train, Train) and isinstance(prune, Prune)
        assert prune.of == before.final and prune.mask == mask and prune.criterion == Magnitude()
        assert train.start == dense.at(0) and train.order_seed == dense.order_seed
        before, mask = train, prune


def test_the_controls_change_one_thing():
    ticket = rows(method="iterative", control="", round=3, seed=1)[0].nodes["train"]
    reinit = rows(method="iterative", control="reinitialised", round=3, seed=1)[0].nodes["train"]
    random = rows(method="iterative", control="random mask", round=3, seed=1)[0].nodes["train"]
    assert isinstance(ticket, Train) and isinstance(reinit, Train) and isinstance(random, Train)
    assert reinit.mask == ticket.mask and reinit.start != ticket.start
    assert random.start == ticket.start and isinstance(random.mask, Shuffle) and random.mask.mask == ticket.mask
    assert reinit.recipe == random.recipe == ticket.recipe


def test_levels_are_called_by_what_twenty_percent_a_round_removes():
    assert [level(rounds) for rounds in (1, 7, 15)] == [0.2, 0.7903, 0.9648]
    assert {row.labels["sparsity"] for row in rows(method="one-shot")} == {level(n) for n in range(1, 11)}


def test_every_level_that_a_claim_or_a_comparison_names_is_in_the_standard_study():
    study = lth_mnist.build(lth_mnist.Options(seeds=1), DATA)
    lines = [line for chart in OUTLINE.charts for line in chart.lines]
    lines += [line for one in OUTLINE.comparisons for line in (one.a, one.b)]
    for line in lines:
        assert any(all(row.labels[k] == v for k, v in line.labels.items()) for row in study.rows), line.name
    assert len(study.predictions) == len(OURS) == 11
    assert all(claim.judge(Rows()).word == "not run" for claim in OUTLINE.claims)


def test_sizes_are_said_and_options_win_over_them(capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("LOTTERYLAB_DATA", raising=False)
    assert main(["plan", "lth-mnist", "--size", "quick", "--store", str(tmp_path)]) == 2
    assert "MNIST needs a local copy" in capsys.readouterr().err
    assert main(["plan", "lth-mnist", "--size", "large"]) == 2
    assert "--size large: it takes one of quick, standard, paper" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plan", "lth-mnits"], "Did you mean 'lth-mnist'"),
        (["plan", "lth-mnist", "--ruonds", "3"], "Did you mean '--rounds'"),
    ],
)
def test_typos_get_a_suggestion(words, said, capsys):
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_every_study_of_the_catalogue_can_be_asked_for():
    assert [study_named(name).name for name in STUDIES] == list(STUDIES)
