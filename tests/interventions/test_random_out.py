"""RandomOut against numpy, a filter that is dead by its bias, and the distribution that it draws from."""

from __future__ import annotations

from dataclasses import replace

import numpy
import pytest
import torch
from scipy.stats import kstest

from interventions.some_moments import moment
from lotterylab.errors import UsageError
from lotterylab.interventions import RandomOut, SameResets
from lotterylab.interventions.filters import cgn
from lotterylab.models import ConvN
from some_views import conv, mlp

WEIGHT, BIAS = "0.weight", "0.bias"


def test_the_cgn_is_the_sum_of_absolute_gradients_over_the_filters_kept_weights():
    view = moment(conv("tanh"))
    gradient = view.gradients[WEIGHT].numpy()
    expected = numpy.abs(gradient).reshape(len(gradient), -1).sum(axis=1)
    assert cgn(view, WEIGHT).tolist() == pytest.approx(expected.tolist(), rel=1e-12)
    kept = torch.ones_like(view.state[WEIGHT], dtype=torch.bool)
    kept[1, 0, 0, 0] = False
    masked = replace(view, mask={WEIGHT: kept})
    expected[1] -= abs(gradient[1, 0, 0, 0])
    assert cgn(masked, WEIGHT).tolist() == pytest.approx(expected.tolist(), rel=1e-12)


def changed(rule: RandomOut, dead: int = 2):
    module = conv("relu")
    with torch.no_grad():
        module[0].bias[dead] = -1e3  # its filter never fires
    view = moment(module)
    return view, rule(view, rule.begin(view))


@pytest.mark.parametrize(
    "rule", [RandomOut(threshold=1e-30), RandomOut(rule="dead"), RandomOut(rule="median", threshold=1e-9)]
)
def test_the_filter_that_is_dead_by_its_bias_alone_is_drawn_anew(rule):
    view, change = changed(rule)
    assert cgn(view, WEIGHT)[2] == 0
    assert list(change.state) == [WEIGHT] and not change.optimizer
    fresh = view.fresh()[WEIGHT]
    assert torch.equal(change.state[WEIGHT][2], fresh[2])
    assert torch.equal(change.state[WEIGHT][:2], view.state[WEIGHT][:2])
    assert change.carry[f"log/{WEIGHT}"].tolist() == [[1, 2]]
    amended = change.kept["amended"]
    assert torch.equal(amended[WEIGHT][2], fresh[2]) and torch.equal(amended[BIAS], view.initial[BIAS])


def test_the_optimizer_state_of_a_drawn_filter_is_stale_unless_it_is_reset():
    """The authors' code leaves the moments of the old filter; the option clears those of the drawn filter alone."""
    assert not changed(RandomOut(rule="dead"))[1].optimizer
    cleared = changed(RandomOut(rule="dead", reset_optimizer=True))[1].optimizer
    assert list(cleared) == [f"momentum/{WEIGHT}"]
    assert not cleared[f"momentum/{WEIGHT}"][2].any() and cleared[f"momentum/{WEIGHT}"][:2].all()


def test_a_threshold_of_0_never_draws_and_one_beyond_all_draws_every_filter():
    view = moment(conv("tanh"))
    never, always = (RandomOut(threshold=tau) for tau in (0.0, float("inf")))
    assert not never(view, never.begin(view)).state
    assert torch.equal(always(view, always.begin(view)).state[WEIGHT], view.fresh()[WEIGHT])


def test_a_filter_is_drawn_after_as_many_weak_batches_in_a_row_as_asked():
    rule = RandomOut(rule="dead", patience=3)
    view, carry = changed(rule)[0], {}
    carry = dict(rule.begin(view))
    drawn = []
    for step in range(1, 8):
        change = rule(replace(view, step=step), carry)
        carry |= change.carry
        drawn += [step] if change.state else []
    assert drawn == [3, 6]


def test_only_between_its_first_and_last_step_are_filters_drawn():
    rule = RandomOut(rule="dead", begin_step=3, end_step=4)
    view = changed(rule)[0]
    steps = [step for step in range(1, 7) if rule(replace(view, step=step), rule.begin(view)).state]
    assert steps == [3, 4]


def test_drawn_filters_have_the_distribution_of_the_initialiser():
    """glorot-normal: N(0, 2 / (fan_in + fan_out)); a Kolmogorov-Smirnov test of 64 x 64 x 9 entries."""
    model = ConvN(depth=2, shape=(1, 8, 8))
    name = next(name for name, tensor in model.initial(0, "init", "named").items() if tensor.shape[:2] == (64, 64))
    weight = model.initial(0, "during 0 5 random-out", "named")[name]
    std = (2 / (64 * 9 + 64 * 9)) ** 0.5
    assert kstest(weight.flatten().numpy() / std, "norm").pvalue > 0.01
    assert not torch.equal(weight, model.initial(0, "during 0 6 random-out", "named")[name])


def test_the_control_draws_random_filters():
    view = moment(conv("tanh"), step=5)
    control = SameResets(log={WEIGHT: ((5, 2), (6, 1))})
    change = control(view, control.begin(view))
    same = [torch.equal(new, old) for new, old in zip(change.state[WEIGHT], view.state[WEIGHT], strict=True)]
    assert same.count(False) == 2
    assert not control(replace(view, step=7), control.begin(view)).state


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RandomOut().begin(moment(mlp("relu"))), "RandomOut: the network has no convolution"),
        (lambda: RandomOut(threshold=-1), "RandomOut: threshold=-1"),
        (lambda: RandomOut(patience=0), "RandomOut: patience=0"),
        (lambda: RandomOut(rule="medain"), "rule"),
        (lambda: SameResets(log={"9.weight": ((1, 1),)}).begin(moment(conv("relu"))), "SameResets: the log names"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make, words):
    with pytest.raises(UsageError, match=words):
        make()
