"""Losses against closed forms, and against what the published codes add to gradients."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.network import network
from lotterylab.training.losses import CrossEntropy, LabelSmoothing, MeanSquaredError, ScalesL1
from some_plans import RECIPE, compute, train
from some_views import mlp, with_norm

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0]], dtype=torch.float64)
TARGETS = torch.tensor([2, 1])


def test_label_smoothing_is_the_cross_entropy_with_smoothed_targets():
    smoothed = torch.full((2, 3), 0.1 / 3, dtype=torch.float64)
    smoothed[torch.arange(2), TARGETS] += 0.9
    expected = -(smoothed * LOGITS.log_softmax(1)).sum(1).mean()
    assert LabelSmoothing(share=0.1)(LOGITS, TARGETS, None, {}).item() == pytest.approx(expected.item(), rel=1e-12)
    assert LabelSmoothing(share=0.0)(LOGITS, TARGETS, None, {}) == CrossEntropy()(LOGITS, TARGETS, None, {})


def test_the_mean_squared_error_is_that_to_the_indicator_of_the_class():
    by_hand = [(2, 0), (-1, 0), (0.5, 1), (0, 0), (3, 1), (1, 0)]
    expected = math.fsum((logit - target) ** 2 for logit, target in by_hand) / 6
    assert MeanSquaredError()(LOGITS, TARGETS, None, {}).item() == pytest.approx(expected, rel=1e-12)


def test_the_gradient_of_the_l1_term_is_what_the_published_code_adds():
    """``gamma.grad += s * sign(gamma)``, 0 at a scale of 0.   [you2020drawing, code]"""
    module = with_norm()
    scales = torch.tensor([0.3, -0.2, 0.0], dtype=torch.float64, requires_grad=True)
    loss = ScalesL1(weight=1e-4)(LOGITS, TARGETS, network(module), {"1.weight": scales})
    (gradient,) = torch.autograd.grad(loss, [scales])
    assert gradient.tolist() == [1e-4, -1e-4, 0.0]


@pytest.mark.parametrize("loss", [LabelSmoothing(share=0.2), MeanSquaredError()])
def test_a_loss_changes_the_run_and_its_name(loss, tmp_path):
    store, plain = Store(tmp_path), train()
    other = train(recipe=replace(RECIPE, loss=loss))
    compute([plain, other], store)
    assert store.record(plain.digest).blobs["final"] != store.record(other.digest).blobs["final"]


def test_the_default_loss_has_the_name_of_a_run_without_one():
    assert train(recipe=replace(RECIPE, loss=CrossEntropy())) == train()


def test_what_does_not_fit_is_refused():
    with pytest.raises(UsageError, match="no batch norm"):
        ScalesL1()(LOGITS, TARGETS, network(mlp("relu")), {})
    for make in (lambda: ScalesL1(weight=-1), lambda: LabelSmoothing(share=1.0)):
        with pytest.raises(UsageError, match="Give a"):
            make()
