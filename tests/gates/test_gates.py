"""Each gate by its closed form: gradients, counts, draws, temperatures, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lotterylab.criteria import Random
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.gates import (
    GATE,
    HEAT,
    LEARNED,
    ContinuousSparsification,
    EdgePopup,
    IteRand,
    Supermask,
    check_gate,
    gated,
    with_gates,
)
from lotterylab.models import Mlp
from lotterylab.network import network, state_of
from lotterylab.plan.nodes import Dense, Init, MaskOf, Prune, Train
from lotterylab.rng import stream
from lotterylab.training.optim import Sgd
from lotterylab.views import View
from some_plans import DATA, RECIPE, compute

MLP = Mlp(shape=(1, 8, 8), widths=(6, 5))


def step(gate: Any, module: torch.nn.Module | None = None, seed: int = 0) -> tuple[Any, Any, Any, Any]:
    """A step's gradients: (of the loss by each gate, by the weight that is used, the weights, the used weights)."""
    module = module or MLP.build()
    net, inputs = network(module), torch.rand(7, 1, 8, 8, dtype=torch.float64)
    state = {name: tensor.double() for name, tensor in with_gates(net, gate, state_of(module), seed).items()}
    state = {name: tensor.requires_grad_() for name, tensor in state.items()}
    torch.manual_seed(seed)
    logits, _ = gated(net, gate).forward(state, inputs, True)  # type: ignore[arg-type]
    loss = torch.nn.functional.cross_entropy(logits, torch.arange(7))
    gates = dict(
        zip(net.prunable, torch.autograd.grad(loss, [state[GATE + name] for name in net.prunable]), strict=True)
    )
    used = {}

    def remember(theta: Any, one: Any, heat: Any, draw: Any) -> Any:
        used[len(used)] = out = gate.weight(theta, one, heat, draw).detach().requires_grad_()
        return out

    class Seen:
        """The gate with its weights as leaves, for the gradient of the loss by them."""

        def __getattr__(self, name: str) -> Any:
            return remember if name == "weight" else getattr(gate, name)

    torch.manual_seed(seed)
    logits, _ = gated(net, Seen()).forward(state, inputs, True)  # type: ignore[arg-type]
    by_used = torch.autograd.grad(torch.nn.functional.cross_entropy(logits, torch.arange(7)), list(used.values()))
    names = net.prunable
    return gates, dict(zip(names, by_used, strict=True)), state, dict(zip(names, used.values(), strict=True))


def test_the_gradient_of_a_supermask_is_that_of_its_probability():
    by_gate, by_used, state, used = step(Supermask(start=0.5))
    for name, gradient in by_gate.items():
        chance = 1 / (1 + numpy.exp(-0.5))
        closed = by_used[name] * state[name] * chance * (1 - chance)
        torch.testing.assert_close(gradient, closed.detach(), rtol=1e-12, atol=1e-15)
        assert set(numpy.unique((used[name] / state[name]).detach())) == {0.0, 1.0}


def test_the_gradient_of_a_score_passes_straight_through_with_its_sign():
    by_gate, by_used, state, used = step(EdgePopup(keep=0.3))
    for name, gradient in by_gate.items():
        closed = by_used[name] * state[name] * state[GATE + name].sign()
        torch.testing.assert_close(gradient, closed.detach(), rtol=1e-12, atol=1e-15)
        assert bool(gradient[used[name] == 0].any()), "scores of weights that are not kept move too"


def test_the_gradient_of_continuous_sparsification_is_that_of_the_sigmoid():
    gate = ContinuousSparsification(start=0.5)
    by_gate, by_used, state, used = step(gate)
    for name, gradient in by_gate.items():
        soft = 1 / (1 + numpy.exp(-0.5))
        closed = by_used[name] * state[name] * (1 - soft)  # scaled by 1 / soft
        torch.testing.assert_close(gradient, closed.detach(), rtol=1e-12, atol=1e-15)
        torch.testing.assert_close(used[name], state[name], rtol=1e-12, atol=0.0)


def test_a_supermask_keeps_each_weight_with_its_probability():
    gate, weight = Supermask(), torch.ones(20_000)
    for logit in (-2.0, 0.0, 1.5):
        scores = torch.full_like(weight, logit)
        torch.manual_seed(1)
        drawn = gate.weight(weight, scores, 1.0, torch.rand_like)
        test = stats.binomtest(int(drawn.sum()), len(weight), 1 / (1 + numpy.exp(-logit)))
        assert test.pvalue > 1e-3
    rescaled = Supermask(rescale=True).weight(weight, scores, 1.0, torch.rand_like)
    assert float(rescaled.sum()) == pytest.approx(len(weight), rel=1e-5), "size over kept entries"
    kept = Supermask(test="threshold").kept(torch.tensor([0.1, 0.0, -0.1]), torch.rand_like)
    assert kept.tolist() == [True, False, False]


def test_masks_of_two_steps_differ_and_evaluations_share_one():
    module = MLP.build()
    net, gate = network(module), Supermask()
    state, inputs = with_gates(net, gate, state_of(module), 0), torch.rand(3, 1, 8, 8)
    outputs = {}
    for train in (True, False):
        for seed in (0, 1):
            torch.manual_seed(seed)
            outputs[train, seed] = gated(net, gate).forward(state, inputs, train)[0]
    assert not torch.equal(outputs[True, 0], outputs[True, 1])
    assert torch.equal(outputs[False, 0], outputs[False, 1])


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30), st.floats(0, 1))
def test_edge_popup_keeps_the_highest_scores_and_of_equal_ones_the_first(scores, keep):
    kept = EdgePopup(keep=keep).kept(torch.tensor(scores, dtype=torch.float32), torch.rand_like)
    order = sorted(range(len(scores)), key=lambda place: (-abs(scores[place]), place))
    assert [place for place, one in enumerate(kept.tolist()) if one] == sorted(order[: round(keep * len(scores))])


def test_scores_of_edge_popup_are_uniform_below_one_over_the_root_of_the_inputs():
    weight = torch.empty(40, 25, 3, 3)
    scores = EdgePopup().begin(weight, stream(0, "scores"))
    bound = (25 * 9) ** -0.5
    assert float(scores.abs().max()) <= bound
    assert stats.kstest(scores.double().flatten().numpy(), stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-3


def view(state: Any, number: int, **changes: Any) -> View:
    """What an intervention of a gate sees after a step of 12, 3 an epoch."""
    net = network(MLP.build())
    fields = {
        "net": net,
        "loss": torch.nn.functional.cross_entropy,
        "state": state,
        "names": net.prunable,
        "batch": None,
        "stream": lambda *names: stream(0, number, *names),
        "step": number,
        "steps_per_epoch": 3,
        "total_steps": 12,
        "fresh": lambda *names: MLP.initial(number, " ".join(names), "named"),
    }
    return View(**{**fields, **changes})


@pytest.mark.parametrize("draws", ["fresh", "signs"])
def test_iterand_draws_only_weights_anew_that_are_not_kept(draws):
    gate = IteRand(keep=0.4, every=5, share=0.3, draws=draws)
    (redraw,), net = gate.during, network(MLP.build())
    state = with_gates(net, gate, state_of(MLP.build()), 0)
    assert not redraw(view(state, 4), {}).state
    change = redraw(view(state, 10), {})
    tried = changed = 0
    for name in net.prunable:
        old, new = state[name], change.state[name]
        kept = gate.kept(state[GATE + name], torch.rand_like)
        assert torch.equal(old[kept], new[kept])
        tried, changed = tried + int((~kept).sum()), changed + int((old != new).sum())
        if draws == "signs":
            assert torch.equal(old.abs(), new.abs())
        else:
            fresh = MLP.initial(10, "weights", "named")[name]
            assert bool(((new == old) | (new == fresh)).all())
    share = 0.3 if draws == "fresh" else 0.15  # half of the fresh signs are the old ones
    assert stats.binomtest(changed, tried, share).pvalue > 1e-3
    (event,) = change.events
    assert event["drawn anew"] >= changed


def test_iterand_that_draws_nothing_is_edge_popup(tmp_path):
    store = Store(tmp_path)
    nodes = [training(gate) for gate in (EdgePopup(keep=0.4), IteRand(keep=0.4, every=2, share=0.0))]
    compute(nodes, store)
    first, second = (store.record(node.digest) for node in nodes)
    assert first and second and first.blobs["final"] == second.blobs["final"]
    assert first.blobs[LEARNED] == second.blobs[LEARNED]


def training(gate: Any, **changes: Any) -> Train:
    recipe = replace(RECIPE, optimizer=Sgd(lr=0.1, momentum=0.9), pick=None, gate=gate)
    fields: dict[str, Any] = {"start": Init(model=MLP, seed=0), "mask": Dense(model=MLP), "data": DATA}
    return Train(**{**fields, "recipe": recipe, "order_seed": 0, **changes})


def test_the_temperature_grows_by_one_factor_an_epoch_and_rounds_begin_anew():
    """The published code multiplies by 200^(1 / (epochs - 1)) before each epoch but the first of a round."""
    gate = ContinuousSparsification(rounds=2, start=0.1, heat=200.0)
    (heating,), net = gate.during, network(MLP.build())
    state = with_gates(net, gate, state_of(MLP.build()), 0)
    state[GATE + net.prunable[0]] = torch.linspace(-1, 1, state[GATE + net.prunable[0]].numel()).view(6, -1)
    heats = []
    for number in range(1, 30 + 1):
        change = heating(view(state, number, total_steps=30), {})
        for name, tensor in change.state.items():
            if name.startswith(GATE):
                assert number == 15
                torch.testing.assert_close(tensor, torch.minimum(200 * state[name], torch.tensor(0.1)))
        state = {**state, **change.state}
        if number % 3 == 0:
            heats.append(float(state[HEAT]))
    factor = 200 ** (1 / 4)
    assert heats == pytest.approx([*(factor, factor**2, factor**3, 200, 1), *(factor, factor**2, factor**3, 200, 200)])


def test_the_penalty_is_the_sum_of_all_soft_gates():
    gate = ContinuousSparsification(penalty=0.5)
    gates = [torch.tensor([0.0, 1.0]), torch.tensor([-2.0])]
    expected = 0.5 * sum(1 / (1 + numpy.exp(-3.0 * number)) for number in (0.0, 1.0, -2.0))
    assert float(gate.added_loss(gates, 3.0)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: EdgePopup(keep=1.5), "keep=1.5"),
        (lambda: IteRand(every=0), "every=0"),
        (lambda: IteRand(draws="old"), "no draws is named"),  # type: ignore[arg-type]
        (lambda: Supermask(trains="all"), "no trains is named"),  # type: ignore[arg-type]
        (lambda: ContinuousSparsification(rounds=0), "rounds=0"),
        (lambda: replace(RECIPE, gate=EdgePopup()), "pick='validation' was given beside a gate"),
        (lambda: replace(RECIPE, pick=None, gate="edge-popup"), "lotterylab.gates.EdgePopup()"),
        (lambda: check_gate("edgepopup"), "edge-popup"),
        (lambda: check_gate(EdgePopup), "EdgePopup()"),
        (lambda: MaskOf(of=training(None), name=LEARNED), "neither finds nor learns"),
        (lambda: MaskOf(of=training(EdgePopup()).at(0), name=LEARNED), "none is found or learned yet"),
        (lambda: training(None, start=training(EdgePopup()).at(4)), "another gate"),
        (lambda: training(EdgePopup(), frozen=Init(model=MLP, seed=1)), "frozen"),
        (lambda: gated(network(torch.nn.LayerNorm(3)), EdgePopup()), "no Conv or Linear layer"),
    ],
)
def test_bad_settings_are_refused_when_they_are_made(make, says):
    with pytest.raises(UsageError, match=says.replace("(", r"\(").replace(")", r"\)")):
        make()


def test_bad_trainings_are_refused_in_their_first_step(tmp_path):
    store = Store(tmp_path)
    sparse = Prune(criterion=Random(), of=Init(model=MLP, seed=0), sparsity=0.5, seed=0)
    with pytest.raises(UsageError, match="it learns which to remove"):
        compute([training(Supermask(), mask=sparse)], store)
    recipe = replace(RECIPE, epochs=3, pick=None, gate=ContinuousSparsification(rounds=2))
    with pytest.raises(UsageError, match="training of 12 steps, 4 an epoch, cannot be shared by 2"):
        compute([training(None, recipe=recipe)], store)


class Idle(torch.nn.Module):
    """A network with a layer that no path uses."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.idle = torch.nn.Linear(64, 10), torch.nn.Linear(3, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.used(images.flatten(1))


def test_a_gate_that_no_path_uses_is_refused():
    from lotterylab.training.loop import first
    from lotterylab.training.step import Stepper
    from lotterylab.types import Batch
    from some_trainings import loader

    module = Idle()
    net, recipe = network(module), replace(RECIPE, pick=None, gate=EdgePopup())
    begin = first(net, state_of(module), None, recipe)
    update = Stepper(gated(net, EdgePopup()), recipe, begin, None, loader=loader(recipe), channels_last=False)
    with pytest.raises(UsageError, match=r"uses 'idle\.weight', so its gate learns nothing"):
        update(Batch(inputs=torch.rand(4, 1, 8, 8), targets=torch.arange(4)), step=0, lr=0.1)
