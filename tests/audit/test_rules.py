"""The rule behind a mask is recognised: the ranking, the scope, the count and the ties, and it is told if none fits."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lotterylab import masks
from lotterylab.auditing.evidence import gather
from lotterylab.auditing.rules import BY_CHANCE, rule_of
from lotterylab.masks.profiles import PROFILES
from lotterylab.masks.select import select
from lotterylab.types import Mask, Scores
from some_arms import right_arm, state

SHAPES = {"fc1.weight": (30, 20), "fc2.weight": (10, 30), "conv.weight": (8, 4, 3, 3)}


def weights(seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights of layers of different size."""
    sizes = {"fc1.weight": 1.0, "fc2.weight": 3.0, "conv.weight": 0.5}
    return {name: sizes[name] * tensor for name, tensor in state(seed, SHAPES).items()}


def said(dense: dict, mask: Mask, requested: float | None = None, **more) -> str:
    return rule_of(gather(requested, dense=dense, mask=mask, **more), requested)


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 99), sparsity=st.sampled_from([0.2, 0.5, 0.8]), scope=st.sampled_from(["global", "layerwise"])
)
def test_magnitude_is_recognised_in_each_scope(seed, sparsity, scope):
    dense = weights(seed)
    mask = select(Scores({name: tensor.abs() for name, tensor in dense.items()}), sparsity, scope=scope)
    words = {"global": "over all layers", "layerwise": "in each layer"}[scope]
    assert said(dense, mask, sparsity).startswith(f"magnitude of 'dense', {words}, counted as lotterylab")


@pytest.mark.parametrize("name", sorted(set(PROFILES) - {"rigl", "activation-study"}))
def test_each_published_count_is_named(name):
    dense = weights()
    sparsity = 0.73
    mask = select(Scores({key: tensor.abs() for key, tensor in dense.items()}), sparsity, ties=name)
    sentence = said(dense, mask, sparsity)
    assert sentence.startswith("magnitude of 'dense', over all layers, counted as ") and name in sentence
    removed = masks.entries(mask) - masks.kept(mask)
    others = sentence.partition("counted as ")[2].split(", ")
    flat = torch.cat([dense[key].abs().double().flatten() for key in mask])
    for other in set(others) - {"lotterylab", *BY_CHANCE}:  # each named rule removes as many
        import numpy

        assert int((~PROFILES[other](flat, sparsity, numpy.random.default_rng(0))).sum()) == removed


def test_nncf_s_global_magnitude_is_not_magnitude():
    dense = weights()
    normalised = {name: tensor.abs() / tensor.norm(2) for name, tensor in dense.items()}
    mask = select(Scores(normalised), 0.6, ties="nncf")
    sentence = said(dense, mask, 0.6)
    assert sentence.startswith("magnitude over the layer's norm (nncf.prune) of 'dense', over all layers, counted as ")
    assert "nncf" in sentence


def test_nncf_s_local_rule_by_the_formula_of_the_library():
    dense = weights()
    mask = Mask({})
    for name, tensor in dense.items():
        sizes = tensor.abs()
        threshold = sizes.view(-1).kthvalue(int((sizes.numel() - 1) * 0.5) + 1).values
        mask[name] = sizes > threshold
    sentence = said(dense, mask, 0.5)
    assert sentence.startswith("magnitude of 'dense', in each layer, counted as ") and "nncf" in sentence


def test_scores_go_before_the_weights_and_init_is_the_last():
    dense, init = weights(), weights(5)
    scores = Scores({name: torch.rand_like(tensor) for name, tensor in dense.items()})
    mask = select(scores, 0.5)
    assert said(dense, mask, 0.5, scores=scores).startswith("the values of 'scores', over all layers")
    by_init = select(Scores({name: tensor.abs() for name, tensor in init.items()}), 0.5)
    assert rule_of(gather(0.5, init=init, mask=by_init), 0.5).startswith("magnitude of 'init', over all layers")


def test_filters_and_patterns_are_named():
    dense = weights()
    layers = {"fc1.weight": 0.47 * dense["fc1.weight"], "conv.weight": dense["conv.weight"]}  # means are alike
    mask = select(Scores({name: tensor.abs() for name, tensor in layers.items()}), 0.3, granularity="filter")
    assert said(layers, mask, 0.3) == "whole filters by the mean magnitude of 'dense', over all layers"
    by_norm = Scores({name: tensor.flatten(1).norm(2, dim=1) for name, tensor in layers.items()})
    rows = select(by_norm, 0.3)
    mask = Mask({name: (torch.ones_like(layers[name].flatten(1)) * rows[name][:, None]).bool() for name in layers})
    mask = Mask({name: kept.view(layers[name].shape) for name, kept in mask.items()})
    assert said(layers, mask, 0.3) == "whole filters by the L2 norm of 'dense', over all layers"
    pattern = select(Scores({name: tensor.abs() for name, tensor in dense.items()}), 0.5, granularity="2:4")
    matrices = Mask({name: kept for name, kept in pattern.items() if kept.dim() == 2})
    assert said(dense, matrices, 0.5) == "2:4 along the inputs by the magnitude of 'dense'"


def test_a_mask_that_no_ranking_gives_is_told_with_how_near_it_is():
    dense = weights()
    mask = select(Scores({name: torch.rand_like(tensor) for name, tensor in dense.items()}), 0.5)
    sentence = said(dense, mask, 0.5)
    assert sentence.startswith("no ranking by the size of dense gives this mask; ") and "among the smallest" in sentence


def test_an_iterative_round_is_recognised_among_what_was_left():
    arm = right_arm(0.5)
    earlier, dense = arm["mask"], masks.masked(state(7), arm["mask"])
    mask = select(Scores({name: dense[name].abs() for name in earlier}), 0.75, mask=earlier)
    assert said(dense, mask, 0.75, earlier=earlier) == "magnitude of 'dense', over all layers"


def test_nothing_is_said_without_what_was_ranked_or_without_a_mask():
    dense = weights()
    mask = select(Scores({name: tensor.abs() for name, tensor in dense.items()}), 0.5)
    assert rule_of(gather(0.5, end=masks.masked(dense, mask), mask=mask), 0.5) == ""  # type: ignore[arg-type]
    assert rule_of(gather(None, dense=dense), None) == ""
    assert said(dense, mask) == "magnitude of 'dense', over all layers"  # no request: no count can be told


def test_a_count_that_no_rule_gives_is_told():
    dense = weights()
    mask = select(Scores({name: tensor.abs() for name, tensor in dense.items()}), 0.5)
    assert said(dense, mask, 0.4).endswith("with a count or ties of no rule that is known")
