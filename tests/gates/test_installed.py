"""Gates in a loop of one's own: the engine's numbers, what is trained, and what is left in the module."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from lotterylab.data.loader import Loader
from lotterylab.errors import UsageError
from lotterylab.gates import ContinuousSparsification, EdgePopup, IteRand, Supermask, install, learned
from lotterylab.network import network, state_of
from lotterylab.training.loop import train
from lotterylab.training.optim import Sgd
from lotterylab.training.schedules import Constant
from some_networks import VGG
from some_plans import DATA, RECIPE

EPOCHS = 4


def module() -> nn.Module:
    made = VGG.build()
    made.load_state_dict(VGG.initial(0, "init", "named"))
    return made


def loader() -> Loader:
    recipe = RECIPE
    return Loader(DATA.spec.load(None), augment=recipe.augment, stream=recipe.stream, seed=0, batch_size=16)


def in_a_loop(gate: Any, **options: Any) -> tuple[nn.Module, Any]:
    net = module()
    steps = loader().steps_per_epoch
    installed = install(net, gate, steps_per_epoch=steps, total_steps=EPOCHS * steps, **options)
    optimizer = torch.optim.SGD(installed.parameters, lr=0.1, momentum=0.9, fused=True)
    net.train()
    for epoch in range(EPOCHS):
        for batch in loader().batches(epoch):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(batch.inputs), batch.targets) + installed.added_loss()
            loss.backward()
            optimizer.step()
            installed.after_step()
    return net, installed


@pytest.mark.parametrize(
    "gate",
    [
        EdgePopup(keep=0.6),
        EdgePopup(keep=0.6, trains="both"),
        IteRand(keep=0.6, every=100),
        ContinuousSparsification(rounds=2, penalty=1e-3),
    ],
    ids=repr,
)
def test_a_plain_loop_gives_the_learned_network_of_the_engine(gate):
    net, installed = in_a_loop(gate)
    mask = installed.remove()
    recipe = replace(RECIPE, optimizer=Sgd(lr=0.1, momentum=0.9), schedule=Constant(), pick=None)
    steps = train(
        *(network(VGG.build()), VGG.initial(0, "init", "named"), None, loader()),
        replace(recipe, gate=gate),
        channels_last=False,
    )
    last = [one.state for one in steps][-1]
    expected, ours = learned(network(VGG.build()), gate, last), state_of(net)
    assert ours.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-5, atol=1e-6)
    assert all(torch.equal(ours[name] != 0, kept) for name, kept in mask.items())


def test_iterand_draws_weights_anew_in_a_loop():
    gate = IteRand(keep=0.5, every=4, share=0.5)
    with pytest.raises(UsageError, match="IteRand: nothing says how weights are drawn anew"):
        in_a_loop(gate)
    initial, names = VGG.initial(0, "init", "named"), network(module()).prunable
    net, _ = in_a_loop(gate, fresh=lambda *names: VGG.initial(1, " ".join(map(str, names)), "named"))
    plain = {
        name.replace("parametrizations.", "").removesuffix(".original"): one for name, one in net.named_parameters()
    }
    assert any(not torch.equal(plain[name], initial[name]) for name in names)
    assert all(bool((plain[name] == initial[name]).any()) for name in names), "weights are not trained"


def test_a_supermask_draws_in_training_and_has_one_mask_in_evaluation():
    net = module()
    installed = install(net, Supermask(start=0.5))
    inputs = torch.rand(6, 1, 8, 8)
    with torch.no_grad():
        net.eval()
        assert torch.equal(net(inputs), net(inputs))
        layer = next(one for one in net.modules() if isinstance(one, nn.Linear))
        evaluated = layer.weight.clone()
        net.train()
        assert not torch.equal(layer.weight, layer.weight)
    leaves = set(map(id, installed.parameters))
    assert all(one.requires_grad == (id(one) in leaves) for one in net.parameters())
    net.eval()
    mask = installed.remove()
    assert torch.equal(layer.weight, evaluated)
    assert all(torch.equal(net.get_parameter(name) != 0, kept) for name, kept in mask.items())


def test_its_state_is_saved_and_loaded_with_the_gates():
    first, _ = in_a_loop(EdgePopup(keep=0.6))
    again = module()
    install(again, EdgePopup(keep=0.6), seed=1)
    again.load_state_dict(first.state_dict())
    inputs = torch.rand(6, 1, 8, 8)
    with torch.no_grad():
        assert torch.equal(first.eval()(inputs), again.eval()(inputs))


def test_bad_input_is_refused_before_anything_changes():
    tied = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    tied[1].weight = tied[0].weight
    with pytest.raises(UsageError, match=r"EdgePopup: the weight '0\.weight' is shared by several layers"):
        install(tied, EdgePopup())
    with pytest.raises(UsageError, match="nothing to prune"):
        install(nn.Sequential(nn.LayerNorm(3)), EdgePopup())
    with pytest.raises(UsageError, match="give an object that holds its options"):
        install(module(), "edge-popup")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="ContinuousSparsification"):
        install(module(), ContinuousSparsification())
    net = module()
    with pytest.raises(UsageError, match="ContinuousSparsification"):
        install(net, ContinuousSparsification(rounds=3), steps_per_epoch=2, total_steps=5)
    assert state_of(net).keys() == state_of(module()).keys(), "nothing is left in the module"
