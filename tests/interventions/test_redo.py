"""ReDo against activations written out with numpy, and the layers that it takes in networks of every shape."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy
import pytest
import torch
from torch import nn

from interventions.some_moments import moment
from lotterylab.errors import UsageError
from lotterylab.interventions import ReDo
from lotterylab.interventions.followers import followers
from lotterylab.models import ConvN, PreResNet, ResNet, Vgg
from lotterylab.network import network, state_of
from lotterylab.types import Batch
from lotterylab.views import View
from some_views import conv, mlp, with_norm


def changed(module, threshold: float, **fields):
    view = moment(module, step=20, **fields)
    rule = ReDo(threshold=threshold, every=10)
    return view, rule(view, rule.begin(view))


def activations(view, pooled: bool) -> numpy.ndarray:
    """Mean |h| of each hidden unit, by numpy."""
    state, inputs = {name: tensor.numpy() for name, tensor in view.state.items()}, view.batch.inputs.numpy()
    if not pooled:
        return numpy.maximum(inputs @ state["0.weight"].T + state["0.bias"], 0).mean(axis=0)
    windows = numpy.lib.stride_tricks.sliding_window_view(inputs[:, 0], (2, 2), axis=(1, 2))
    sums = numpy.einsum("bhwij,cij->bchw", windows, state["0.weight"][:, 0]) + state["0.bias"][:, None, None]
    fired = numpy.maximum(sums, 0)
    return fired.reshape(len(fired), 3, 2, 2, 2, 2).max(axis=(3, 5)).mean(axis=(0, 2, 3))


@pytest.mark.parametrize(("make", "following", "last"), [(mlp, "2.weight", False), (conv, "4.weight", True)])
@pytest.mark.parametrize("seed", range(6))
def test_units_below_the_share_of_their_layers_mean_are_drawn_anew(make, following, last, seed):
    view, change = changed(make("relu", seed), 0.95)
    mean = activations(view, pooled=last)
    dormant = mean / mean.mean() <= 0.95
    assert 0 < dormant.sum() < len(dormant)
    fresh, state = view.fresh(), view.state
    for name in ("0.weight", "0.bias"):
        assert torch.equal(change.state[name][dormant], fresh[name][dormant])
        assert torch.equal(change.state[name][~dormant], state[name][~dormant])
        slot = change.optimizer[f"momentum/{name}"]
        assert not slot[dormant].any() and slot[~dormant].all()
    columns = numpy.repeat(dormant, state[following].shape[1] // len(dormant))
    for tensor, old in ((change.state[following], state[following]), (change.optimizer[f"momentum/{following}"], 1.0)):
        assert not tensor[:, columns].any()
        assert (tensor[:, ~columns] == (old[:, ~columns] if isinstance(old, torch.Tensor) else old)).all()
    assert set(change.state) == {"0.weight", "0.bias", following}
    assert change.carry["recycled/0.weight"].tolist() == [[20, unit] for unit in numpy.flatnonzero(dormant)]


@pytest.mark.parametrize("make", [conv, mlp])
def test_units_that_never_fire_are_drawn_anew_and_no_output_changes(make):
    module = make("relu")
    with torch.no_grad():
        module[0].bias[1] = -1e3
    view, change = changed(module, 0.0)
    assert change.carry["recycled/0.weight"].tolist() == [[20, 1]]
    before = view.net.forward(view.state, view.batch.inputs, False)[0]
    after_state = {**view.state, **change.state}
    assert torch.allclose(view.net.forward(after_state, view.batch.inputs, False)[0], before, rtol=1e-12, atol=1e-14)
    again = ReDo(threshold=0.0, every=10)
    assert not again(replace(view, state=after_state), change.carry).state, "the unit fires now"


def test_where_two_layers_have_dormant_units_what_enters_from_a_dormant_one_is_0():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 5), nn.ReLU(inplace=True), nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)).double()
    with torch.no_grad():
        module[0].bias.fill_(1.0)
        module[2].bias.fill_(1.0)
        module[0].bias[2] = module[2].bias[4] = -1e3
    view, change = changed(module, 0.0)
    middle = change.state["2.weight"]
    assert not middle[:, 2].any()
    others = [0, 1, 3, 4]
    assert torch.equal(middle[4, others], view.fresh()["2.weight"][4, others])
    assert torch.equal(middle[3, others], view.state["2.weight"][3, others])
    slot = change.optimizer["momentum/2.weight"]
    assert not slot[:, 2].any() and not slot[4].any() and slot[:4, others].all()
    carry = {name: change.carry.get(name) for name in ("recycled/0.weight", "recycled/2.weight")}
    assert ReDo().summary(carry) == {"recycled": {"0.weight": 1, "2.weight": 1}}


class Woven(nn.Module):
    """One layer that is called twice, one that feeds two, one with groups, and one that feeds the logits too."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.twice, self.both = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 6)
        self.left, self.right, self.out = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.direct, self.inner = nn.Linear(6, 3), nn.Linear(3, 3)

    def forward(self, inputs):
        h = self.twice(self.twice(self.first(inputs).relu()).relu()).relu()
        h = self.both(h).relu()
        direct = self.direct(h).relu()
        return self.out(self.left(h).relu() + self.right(h).relu()) + direct + self.inner(direct)


def seen(module, shape) -> dict[str, str]:
    net = network(module)
    batch = Batch(inputs=torch.randn(8, *shape), targets=None)
    view = View(net=net, loss=torch.dist, state=state_of(module), names=net.prunable, batch=batch, stream=None)  # type: ignore[arg-type]
    return {name: following for name, (following, _) in followers(view).items()}


def test_a_layer_is_taken_if_it_feeds_one_other_alone():
    assert seen(Woven(), (4,)) == {}
    grouped = nn.Sequential(nn.Conv2d(2, 4, 1), nn.Conv2d(4, 4, 1, groups=4), nn.Conv2d(4, 6, 1), nn.Conv2d(6, 2, 1))
    assert seen(grouped, (2, 5, 5)) == {"1.weight": "2.weight", "2.weight": "3.weight"}
    turned = nn.Sequential(nn.Conv2d(2, 4, 1), nn.ConvTranspose2d(4, 4, 2), nn.Conv2d(4, 6, 1), nn.Conv2d(6, 2, 1))
    assert seen(turned, (2, 5, 5)) == {"2.weight": "3.weight"}


@pytest.mark.parametrize("model", [Vgg(depth=11, width=0.05, shape=(1, 8, 8)), ConvN(depth=4, width=0.1)])
def test_in_a_chain_all_but_the_last_layer_are_taken(model):
    names = network(model.build()).prunable
    assert seen(model.build(), model.shape) == dict(pairwise(names))


@pytest.mark.parametrize("kind", [ResNet, PreResNet])
def test_in_a_residual_network_the_first_of_each_block_is_taken(kind):
    module = kind(depth=8, width=0.25, shape=(3, 8, 8)).build()
    first = [name for name in network(module).prunable if name.endswith(("conv1.weight", "conv.0.weight"))]
    assert list(seen(module, (3, 8, 8))) == first and len(first) == 3


def test_norms_stay_and_the_units_are_those_behind_the_norm():
    module = with_norm()
    with torch.no_grad():
        module[1].bias[2] = -1e3
    view, change = changed(module, 0.0)
    assert set(change.state) == {"0.weight", "0.bias", "4.weight"}
    assert torch.equal(change.state["0.weight"][2], view.fresh()["0.weight"][2])
    assert not change.state["4.weight"][:, 32:].any() and change.state["4.weight"][:, :32].all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ReDo().begin(replace(moment(mlp("relu")), batch=None)), "ReDo: it needs the batch of each step"),
        (lambda: ReDo().begin(replace(moment(mlp("relu")), fresh=None)), "ReDo: initial weights cannot be drawn"),
        (lambda: ReDo().begin(moment(nn.Sequential(nn.Linear(4, 3)).double())), "ReDo: no layer of the network feeds"),
        (lambda: ReDo().begin(_with_unknown()), "ReDo: units cannot be followed through 'own.weight'"),
        (lambda: ReDo(threshold=-1), "ReDo: threshold=-1"),
        (lambda: ReDo(every=0), "ReDo: every=0"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make, words):
    with pytest.raises(UsageError, match=words):
        make()


def _with_unknown():
    view = moment(mlp("relu"))
    return replace(view, net=replace(view.net, unknown=("own.weight",)))
