"""The engine trains, stops, continues, prunes and holds models with norms, dropout and shortcuts."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lotterylab import masks
from lotterylab.criteria import Grasp, Magnitude
from lotterylab.data.scoring import PerClass
from lotterylab.engine.context import Context
from lotterylab.engine.rules import execute
from lotterylab.engine.store import Store
from lotterylab.models import ConvN, ModelSpec, PreResNet, ResNet, Vgg
from lotterylab.plan.nodes import Dense, Init, Prune, Train
from some_plans import DATA, RECIPE
from some_trainings import bits, checkpoints

FIELDS = {"shape": (1, 8, 8), "width": 0.1}
SPECS: dict[str, ModelSpec] = {
    "conv-2 with dropout": ConvN(depth=2, dropout=0.5, **FIELDS),
    "vgg-11-bn": Vgg(depth=11, **FIELDS),
    "resnet-8": ResNet(depth=8, **FIELDS),
    "preresnet-11": PreResNet(depth=11, bottleneck=True, **FIELDS),
}


@pytest.mark.parametrize("name", SPECS)
def test_stopped_after_an_epoch_and_continued_gives_the_bits_of_straight_through(name):
    spec = SPECS[name]

    def module():
        built = spec.build()
        built.load_state_dict(spec.initial(0, "init", "named"))
        return built

    straight = checkpoints(module())
    torch.manual_seed(99)  # of which nothing depends
    assert bits(checkpoints(module(), resume=straight[0])[-1]) == bits(straight[-1])


@pytest.mark.parametrize("name", SPECS)
def test_the_engine_trains_prunes_and_holds_it(name, tmp_path):
    spec, recipe = SPECS[name], replace(RECIPE, epochs=1, watch=(), pick=None)
    init, dense = Init(model=spec, seed=0), Dense(model=spec)
    run = Train(start=init, mask=dense, data=DATA, recipe=recipe, order_seed=0)
    magnitude = Prune(criterion=Magnitude(), of=run.final, sparsity=0.8, seed=0)
    grasp = Prune(criterion=Grasp(), of=init, sparsity=0.8, seed=0, data=DATA, batch=PerClass(count=1))
    ticket = Train(start=init, mask=magnitude, data=DATA, recipe=recipe, order_seed=0)
    context = Context(store=Store(tmp_path / "store").create())
    for node in (init, dense, run, magnitude, grasp, ticket):
        execute(node, context)
    mask, final = context.mask(magnitude), context.state(ticket.final)
    assert masks.sparsity(mask) == pytest.approx(0.8, abs=1e-3) == masks.sparsity(context.mask(grasp))
    for key, kept in mask.items():
        assert bool((final[key][~kept] == 0).all()) and not bool(final[key][~kept].signbit().any())
        assert torch.equal(context.state(run.at("start"))[key], context.state(init)[key])
    assert 0 <= context.metric(ticket, "test_accuracy") <= 1


def test_torch_s_own_dropout_is_seeded_anew_in_every_step():
    """A user's nn.Dropout draws from the global generator: stopped and continued, it gives the same bits."""

    def module(share):
        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(share), torch.nn.Linear(64, 10))

    straight, built = checkpoints(module(0.5)), module(0.5)
    torch.manual_seed(99)  # of which nothing depends
    assert bits(checkpoints(built, resume=straight[0])[-1]) == bits(straight[-1])
    assert bits(checkpoints(module(0.0))[-1]) != bits(straight[-1])
