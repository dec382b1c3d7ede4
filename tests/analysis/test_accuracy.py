"""The accuracy of an untrained network under a mask, against numpy and against a training that moves nothing."""

from __future__ import annotations

import numpy as np
import pytest

from lotterylab.analysis import Accuracy
from lotterylab.criteria import Random
from lotterylab.data import Digits
from lotterylab.engine.results import results
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.models import LeNet300100
from lotterylab.network import network
from lotterylab.plan.nodes import Data, Init, Measure, Prune, Train
from lotterylab.plan.plan import Plan, Row
from lotterylab.training.optim import Sgd
from lotterylab.training.recipe import Recipe
from some_plans import compute

SPEC = Digits(train=64, validation=41, test=97)
DATA = Data(spec=SPEC, content=SPEC.fingerprint(None).content)
LENET = LeNet300100(shape=(1, 8, 8), width=0.2)


def by_hand(state, mask, split, dataset):
    """The fraction that is right and the mean cross-entropy, layer by layer in numpy and float64."""
    h = (split.images.double().flatten(1).numpy() / dataset.scale - dataset.mean[0]) / dataset.std[0]
    layers = [name.removesuffix(".weight") for name in mask]
    for number, layer in enumerate(layers):
        weight = state[f"{layer}.weight"].double().numpy() * mask[f"{layer}.weight"].numpy()
        h = h @ weight.T + state[f"{layer}.bias"].double().numpy()
        h = np.maximum(h, 0) if number < len(layers) - 1 else h
    labels = split.labels.numpy()
    losses = np.log(np.exp(h - h.max(1, keepdims=True)).sum(1)) + h.max(1) - h[np.arange(len(h)), labels]
    return float((h.argmax(1) == labels).mean()), float(losses.mean())


def test_it_is_that_of_the_masked_network_computed_by_hand():
    dataset = SPEC.load(None)
    state, net = LENET.initial(3, "init", "named"), network(LENET.build())
    rng = np.random.default_rng(0)
    mask = {name: state[name] > float(rng.normal() / 50) for name in net.prunable}
    found = Accuracy()({"state": state, "mask": mask}, {"state": net}, dataset)
    for name in ("validation", "test"):
        accuracy, loss = by_hand(state, mask, getattr(dataset, name), dataset)
        assert found[f"{name}_accuracy"] == pytest.approx(accuracy)
        assert found[f"{name}_loss"] == pytest.approx(loss, rel=1e-5)
    whole = Accuracy()({"state": state}, {"state": net}, dataset)
    every = {name: state[name] == state[name] for name in net.prunable}
    assert whole == Accuracy()({"state": state, "mask": every}, {"state": net}, dataset) != found


def test_a_training_at_rate_0_has_the_same_accuracy(tmp_path):
    start = Init(model=LENET, seed=5)
    mask = Prune(criterion=Random(), of=start, sparsity=0.6, seed=1)
    recipe = Recipe(epochs=1, optimizer=Sgd(lr=0.0), watch=("validation",))
    still = Train(start=start, mask=mask, data=DATA, recipe=recipe, order_seed=0)
    untrained = Measure(quantity=Accuracy(), of={"state": start, "mask": mask}, data=DATA)
    plan = Plan(rows=(Row(labels={"seed": 0}, nodes={"train": still, "untrained": untrained}),))
    store = Store(tmp_path / "store").create()
    compute(plan.targets(), store)
    (row,) = results(plan, store)
    for name in ("validation_accuracy", "test_accuracy"):
        assert row.metric(f"untrained.{name}") == pytest.approx(row.metric(f"train.{name}"), abs=1e-12)
    assert row.metric("untrained.test_loss") == pytest.approx(row.metric("train.test_loss"), rel=1e-5)


def test_a_split_without_images_has_no_accuracy_and_a_foreign_mask_is_refused():
    state, net = LENET.initial(0, "init", "named"), network(LENET.build())
    alone = Digits(train=64, validation=0, test=20).load(None)
    found = Accuracy()({"state": state}, {"state": net}, alone)
    assert found["validation_accuracy"] is None is found["validation_loss"] and found["test_accuracy"] is not None
    foreign = {name: state[name].flatten() != 0 for name in net.prunable}
    with pytest.raises(UsageError, match="shape"):
        Accuracy()({"state": state, "mask": foreign}, {"state": net}, alone)
