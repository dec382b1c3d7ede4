"""Nodes are equal if their digests are, and find the nodes inside them."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from lotterylab.criteria import Grasp, Magnitude
from lotterylab.data import Augment, Digits, NamedStream
from lotterylab.errors import UsageError
from lotterylab.models import ShallowCnn
from lotterylab.plan.nodes import At, Choose, Data, Dense, Init, Measure, Prune, Shuffle, Train, model_of, nodes_in
from lotterylab.training.optim import Sgd
from lotterylab.training.recipe import Recipe
from lotterylab.training.schedules import Constant

MODEL = ShallowCnn(activation="relu", shape=(1, 8, 8))
DATA = Data(spec=Digits(), content="0" * 64)
INIT, DENSE = Init(model=MODEL, seed=0), Dense(model=MODEL)


def recipe(lr: Any = 0.1) -> Recipe:
    return Recipe(
        epochs=2, optimizer=Sgd(lr=lr), schedule=Constant(), augment=Augment(), stream=NamedStream(), batch_size=16
    )


def train(lr: Any = 0.1, **changes: Any) -> Train:
    fields = {"start": INIT, "mask": DENSE, "data": DATA, "recipe": recipe(lr), "order_seed": 0}
    return Train(**{**fields, **changes})


def prune(**changes: Any) -> Prune:
    return Prune(**{"criterion": Magnitude(), "of": train().final, "sparsity": 0.5, "seed": 0, **changes})


CHOICE = Choose(candidates=((0.1, (train(0.1),)), (0.2, (train(0.2),))), by="validation_accuracy")

DIFFERENT = [
    INIT,
    replace(INIT, seed=1),
    replace(INIT, purpose="reinit"),
    replace(INIT, draw="torch-global"),
    replace(INIT, model=replace(MODEL, activation="tanh")),
    DENSE,
    train(),
    train(0.2),
    train(order_seed=1),
    train(data=replace(DATA, content="1" * 64)),
    train(data=replace(DATA, spec=Digits(train=100))),
    train(CHOICE),
    train().final,
    train().best,
    At(run=train(), point="start"),
    prune(),
    prune(of=train().best),
    prune(sparsity=0.25),
    prune(seed=1),
    prune(criterion=Grasp()),
    prune(criterion=Grasp(temperature=1.0)),
    prune(ties="random"),
    prune(mode="eval"),
    prune(params="all"),
    prune(mask=DENSE),
    prune(granularity="filter"),
    prune(rounds=2),
    prune(rounds=2, schedule="linear"),
    Shuffle(mask=prune(), seed=0),
    Shuffle(mask=prune(), seed=1),
    Measure(quantity=Magnitude(), of={"a": INIT}),
    Measure(quantity=Magnitude(), of={"b": INIT}),
    CHOICE,
    replace(CHOICE, goal="lowest"),
    replace(CHOICE, by="train_accuracy"),
    replace(CHOICE, candidates=CHOICE.candidates[::-1]),
]


def test_every_field_makes_a_difference():
    assert len({node.digest for node in DIFFERENT}) == len(DIFFERENT) == len(set(DIFFERENT))


@pytest.mark.parametrize("node", DIFFERENT, ids=repr)
def test_a_node_made_again_or_sent_to_another_process_is_equal(node):
    for same in (replace(node), pickle.loads(pickle.dumps(node))):
        assert same == node and hash(same) == hash(node) and same.digest == node.digest
    assert node != node.digest and repr(node) == f"<{type(node).__name__} {node.digest[:12]}>"


def test_a_node_cannot_be_changed_and_has_no_positional_fields():
    with pytest.raises(FrozenInstanceError):
        INIT.seed = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        Init(MODEL, 0)  # type: ignore[misc]


def test_inputs_are_the_nodes_in_the_fields_wherever_they_stand():
    run, mask = train(), prune()
    assert list(run.inputs()) == [INIT, DENSE]
    assert list(run.final.inputs()) == [run]
    assert list(Measure(quantity=None, of={"a": mask, "b": INIT}).inputs()) == [mask, INIT]
    assert list(CHOICE.inputs()) == [train(0.1), train(0.2)]
    assert list(INIT.inputs()) == []


def test_a_choice_inside_a_recipe_is_found_and_the_runs_behind_it_are_not():
    assert list(nodes_in(recipe(CHOICE))) == [CHOICE]
    assert list(train(CHOICE).inputs()) == [INIT, DENSE, CHOICE]
    assert list(nodes_in([{"deep": (recipe(CHOICE), 1)}, "word", Sgd])) == [CHOICE]


def test_the_model_of_a_node_is_that_of_the_state_or_mask_it_came_from():
    mask = prune(mask=DENSE)
    for node in (INIT, DENSE, train(), train().best, mask, Shuffle(mask=mask, seed=0), train(mask=mask, start=INIT)):
        assert model_of(node) == MODEL
    for node in (CHOICE, Measure(quantity=None, of={})):
        with pytest.raises(TypeError, match=f"a {type(node).__name__} has no model"):
            model_of(node)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: replace(INIT, draw="torch_global"), "draw.*'torch_global'.*Did you mean 'torch-global'"),
        (lambda: prune(params="weight"), "params.*'weight'.*Did you mean 'weights'"),
        (lambda: prune(scope="layer-wise"), "scope.*'layer-wise'.*Did you mean 'layerwise'"),
        (lambda: prune(granularity="filters"), "granularity.*'filters'.*Did you mean 'filter'"),
        (lambda: prune(schedule="lineal"), "schedule.*'lineal'.*Did you mean 'linear'"),
        (lambda: prune(rounds=0), "rounds=0: a whole number, at least 1"),
        (lambda: prune(rounds=2, granularity="2:4"), "rounds=2 with granularity '2:4'"),
        (lambda: prune(mode="evaluate"), "mode.*'evaluate'.*Known: eval, train"),
        (lambda: At(run=train(), point="last"), "point.*'last'.*Known: best, final, start"),  # type: ignore[arg-type]
        (lambda: replace(CHOICE, goal="high"), "goal.*'high'.*Did you mean 'highest'"),
        (lambda: replace(recipe(), watch=("tests",)), "watch.*'tests'.*Did you mean 'test'"),
        (lambda: replace(recipe(), pick="val"), "pick.*'val'.*Known: test, validation"),
        (lambda: replace(recipe(), precision="bfloat16"), "precision.*'bfloat16'.*Known: float32"),
    ],
)
def test_a_word_that_a_field_does_not_know_is_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()
