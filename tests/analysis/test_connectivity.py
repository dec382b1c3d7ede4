"""The error barrier on the line between two networks."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lotterylab.analysis import Barrier
from lotterylab.analysis.connectivity import error_and_loss, estimated, interpolate
from lotterylab.data import Digits
from lotterylab.data.normalise import Normalise
from lotterylab.errors import UsageError
from lotterylab.models import LeNet300100, Mlp, ResNet
from lotterylab.network import network

DATA = Digits(train=120, validation=40, test=60).load(None)
LENET = LeNet300100(shape=(1, 8, 8), width=0.05)
LINEAR = Mlp(shape=(1, 8, 8), widths=())
RESNET = ResNet(depth=8, shape=(1, 8, 8), width=0.1)


def state(model, seed):
    return model.initial(seed, "init", "named")


def barrier(model, a, b, **options):
    options = {"points": 5, **options}
    return Barrier(**options)({"a": a, "b": b}, {"a": network(model.build())}, DATA)


def test_of_a_network_with_itself_it_is_zero():
    found = barrier(LENET, state(LENET, 0), state(LENET, 0))
    names = ("barrier", "loss_barrier", "instability", "loss_instability")
    assert [found[name] for name in names] == [0, 0, 0, 0] and len(set(found["errors"])) == 1


def test_it_is_the_same_in_both_directions():
    a, b = state(LENET, 0), state(LENET, 1)
    there, back = barrier(LENET, a, b), barrier(LENET, b, a)
    assert there["errors"] == back["errors"][::-1] and there["barrier"] == back["barrier"]
    assert there["losses"] == pytest.approx(back["losses"][::-1], abs=1e-6)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_of_a_convex_problem_the_loss_barrier_is_never_positive(first, second):
    """Cross-entropy of a linear layer is convex in its weights."""
    found = barrier(LINEAR, state(LINEAR, first), state(LINEAR, second))
    assert found["loss_barrier"] <= 1e-6
    assert found["loss_instability"] >= 0, "of the ends alone, where they differ"


def test_hidden_units_in_another_order_leave_the_ends_and_raise_a_barrier():
    a = state(LENET, 0)
    order = torch.randperm(len(a["fc.0.bias"]), generator=torch.Generator().manual_seed(0))
    b = {**a, "fc.0.weight": a["fc.0.weight"][order], "fc.0.bias": a["fc.0.bias"][order]}
    b["fc.1.weight"] = a["fc.1.weight"][:, order]
    found = barrier(LENET, a, b)
    assert found["errors"][0] == found["errors"][-1]
    assert found["losses"][0] == pytest.approx(found["losses"][-1], abs=1e-5)
    assert len(set(found["losses"])) > 2
    assert found["barrier"] == pytest.approx(found["instability"]), "the ends are equal"
    assert found["instability"] == pytest.approx(max(found["errors"]) - found["errors"][0])


def test_the_line_is_straight_and_its_ends_are_the_states_themselves():
    a, b = state(LENET, 0), state(LENET, 1)
    assert all(interpolate(a, b, 0.0)[name] is a[name] and interpolate(a, b, 1.0)[name] is b[name] for name in a)
    for name, middle in interpolate(a, b, 0.25).items():
        assert torch.allclose(middle, 0.75 * a[name] + 0.25 * b[name], atol=1e-7) and middle.dtype == a[name].dtype


def test_the_middle_is_a_point_and_an_even_number_is_refused():
    assert 0.5 in barrier(LENET, state(LENET, 0), state(LENET, 1), points=3)["alphas"]
    for points in (1, 2, 30):
        with pytest.raises(UsageError, match="an odd number of at least 3"):
            Barrier(points=points)


def test_statistics_that_are_estimated_are_the_means_of_the_batches():
    """The oracle is torch's own cumulative average: batch norms with momentum=None, over the same batches."""
    before = state(RESNET, 0)
    found = estimated(network(RESNET.build()), before, DATA)
    module = RESNET.build()
    module.load_state_dict(before)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None
            layer.reset_running_stats()
    module.train()
    with torch.no_grad():
        for images in DATA.train.images.split(500):
            module(Normalise.of(DATA)(images.permute(0, 2, 3, 1)))
    wanted = module.state_dict()
    names = [name for name in before if name.endswith(("running_mean", "running_var"))]
    assert names
    for name in names:
        assert torch.allclose(found[name], wanted[name], atol=1e-4, rtol=1e-4)


def test_how_statistics_are_made_changes_the_numbers():
    a, b = state(RESNET, 0), state(RESNET, 1)
    one, other = (barrier(RESNET, a, b, points=3, statistics=how) for how in ("interpolated", "estimated"))
    assert one["losses"] != other["losses"]
    with pytest.raises(UsageError, match="Did you mean 'estimated'"):
        Barrier(statistics="estimate")  # type: ignore[arg-type]


class Drops(nn.Module):
    """Batch norm behind dropout, which draws from the global generator in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 12), nn.Dropout(0.5), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 10)
        )

    def forward(self, x):
        return self.body(x)


def trained(seed: int):
    torch.manual_seed(seed)
    module = Drops().train()
    for images in DATA.train.images.split(40):
        module(Normalise.of(DATA)(images.permute(0, 2, 3, 1)))
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def test_the_ends_keep_the_statistics_of_their_training_and_only_the_points_between_are_estimated_anew():
    a, b = trained(0), trained(1)
    net = network(Drops())
    found = {
        how: Barrier(points=5, statistics="estimated", at=how)({"a": a, "b": b}, {"a": net}, DATA)
        for how in ("between", "everywhere")
    }
    assert found["between"]["losses"][1:-1] == found["everywhere"]["losses"][1:-1]
    plain = Barrier(points=3)({"a": a, "b": b}, {"a": net}, DATA)
    ends = [error_and_loss(net, state, DATA.test, DATA) for state in (a, b)]
    for numbers, which in ((plain["losses"], 1), (found["between"]["losses"], 1), (found["between"]["errors"], 0)):
        assert [numbers[0], numbers[-1]] == [ends[0][which], ends[1][which]]
    assert found["everywhere"]["losses"][0] != ends[0][1]
    assert Barrier(statistics="estimated").at == "between"


def test_estimates_of_a_network_with_dropout_repeat_and_leave_the_generator_alone():
    a, b = trained(0), trained(1)
    measure, net = Barrier(points=3, statistics="estimated"), network(Drops())
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first = measure({"a": a, "b": b}, {"a": net}, DATA)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(8)
    assert measure({"a": a, "b": b}, {"a": net}, DATA) == first


def test_the_momentum_of_a_network_with_dropout_is_found_all_the_same():
    """Statistics are the means that many draws of dropout have, within their noise."""
    state, net = trained(0), network(Drops())
    found = estimated(net, state, DATA)
    module = Drops()
    module.load_state_dict(state)
    module.body[3].momentum = 1.0
    means = []
    with torch.no_grad():
        for number in range(200):
            torch.manual_seed(number)
            module.train()(Normalise.of(DATA)(DATA.train.images.permute(0, 2, 3, 1)))
            means.append(module.body[3].running_mean.clone())
    noise = torch.stack(means).std(0)
    assert ((found["body.3.running_mean"] - torch.stack(means).mean(0)).abs() < 5 * noise).all()
