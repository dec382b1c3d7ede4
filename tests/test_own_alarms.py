"""A mask that means nothing is not returned in silence: ``prune`` looks at its own mask, and warns once."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import lotterylab as ll
from lotterylab.errors import LotteryWarning, UsageError
from lotterylab.masks.counts import removal_count
from lotterylab.types import Mask
from some_scores import quick

CODES = {"zero-scores", "ties-at-cut", "emptied-layer", "lost-classes"}


def said(module: nn.Module, sparsity: Any, criterion: Any = None, **options: Any) -> tuple[Mask, str]:
    """The mask, and the text of its one warning, or ""."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mask = ll.prune(module, criterion or ll.criteria.Magnitude(), sparsity, **options)
    assert len(caught) <= 1 and all(one.category is LotteryWarning and one.filename == __file__ for one in caught)
    return mask, str(caught[0].message) if caught else ""


def codes(text: str) -> set[str]:
    return set(re.findall(r"\(([a-z]+-[a-z-]+)\)", text))


def mlp(*widths: int, levels: int = 0, seed: int = 0) -> nn.Sequential:
    """Linear layers of normal weights, or of weights of a few levels, 0 among them."""
    draw = torch.Generator().manual_seed(seed)
    layers = [nn.Linear(a, b, bias=False) for a, b in pairwise(widths)]
    for layer in layers:
        drawn = torch.randint(levels, layer.weight.shape, generator=draw) if levels else None
        layer.weight.data = torch.randn(layer.weight.shape, generator=draw) if drawn is None else drawn.float()
    return nn.Sequential(*layers)


# the mask of weights


@quick
@given(
    st.lists(st.integers(2, 9), min_size=2, max_size=4),
    st.sampled_from([0, 2, 3, 40]),
    st.integers(0, 99),
    st.booleans(),
    st.integers(0, 9),
)
def test_it_says_what_an_audit_of_the_mask_with_its_scores_says(widths, levels, percent, earlier, seed):
    module, sparsity = mlp(*widths, levels=levels, seed=seed), percent / 100
    before = said(module, sparsity / 2, ll.criteria.Random())[0] if earlier else None
    mask, text = said(module, sparsity, mask=before)
    scores = ll.score(module, ll.criteria.Magnitude(), mask=before)
    alarms = ll.audit(mask=mask, scores=scores, earlier=before, requested=sparsity)
    expected = {alarm.code for alarm in alarms} & (CODES - {"lost-classes"})
    last = list(mask)[-1]
    if 0 < int((~mask[last].any(1)).sum()) < len(mask[last]):
        expected.add("lost-classes")
    changed = ll.masks.kept(mask) < (ll.masks.kept(before) if before else ll.masks.entries(mask))
    assert codes(text) == (expected if changed else set())


def test_scores_of_zero_are_told_with_their_layers_and_their_fate():
    module = mlp(10, 10, 10)
    module[0].weight.data[:5] = 0.0  # type: ignore[index]
    _, text = said(module, 0.5)
    assert text == (
        "the mask by Magnitude at sparsity 0.5: 50 of 200 scores (25 %) are exactly 0 and rank nothing, in 0.weight; "
        "all of them were removed (zero-scores)."
    )
    _, text = said(module, 0.1)
    assert "30 of them were kept (zero-scores); 50 of 200 entries share the score at the cut" in text
    assert "in 0.weight (ties-at-cut)" in text


def test_ties_that_are_broken_as_was_asked_for_raise_no_alarm():
    module = mlp(8, 8)
    module[0].weight.data.fill_(1.0)  # type: ignore[index]
    assert "64 of 64 entries share" in said(module, 0.5)[1]
    for ties in ("random", "snip-official"):
        assert "ties-at-cut" not in codes(said(module, 0.5, ties=ties)[1])


def test_dead_data_and_a_layer_that_is_emptied_are_named():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(6, 50), nn.ReLU(), nn.Linear(50, 3))
    module[2].weight.data *= 1e-3  # type: ignore[operator, union-attr]
    _, text = said(module, 0.5, batch=None)
    assert codes(text) == {"emptied-layer"} and "no weight is kept in 2.weight" in text
    batch = torch.zeros(4, 6), torch.tensor([0, 1, 2, 0])
    _, text = said(module, 0.5, ll.criteria.Snip(), batch=batch)
    assert re.search(r"\d+ of 450 scores \([\d.]+ %\) are exactly 0 and rank nothing, in 0\.weight, 2\.weight; ", text)


def test_a_mask_of_distinct_scores_is_returned_in_silence():
    for sparsity in (0.0, 0.5, 0.9):
        assert said(mlp(20, 30, 5), sparsity)[1] == ""


# filters


class Net(nn.Module):
    """Convolutions and heads, whose order in the module need not be that of their calls."""

    def __init__(self, *, heads_first: bool, heads: int = 1) -> None:
        super().__init__()
        torch.manual_seed(0)
        made = nn.ModuleList([nn.Linear(6, 10) for _ in range(heads)])
        if heads_first:
            self.heads = made
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.ReLU())
        if not heads_first:
            self.heads = made

    def forward(self, x: Tensor) -> Tensor | dict[str, Any]:
        seen = self.body(x).mean((2, 3))
        outputs = [torch.log_softmax(head(seen), 1) for head in self.heads]
        return outputs[0] if len(outputs) == 1 else {"all": tuple(outputs)}


SHAPE = {"input_shape": (3, 8, 8)}


@pytest.mark.parametrize("scope", ["global", "layerwise", "erk", "balanced"])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.8])
def test_no_class_loses_its_row_and_the_share_is_that_of_the_other_filters(scope, share):
    module = Net(heads_first=False)
    mask, text = said(module, share, granularity="filter", scope=scope)
    gone = {name: int((~kept.flatten(1).any(1)).sum()) for name, kept in mask.items()}
    assert gone["heads.0.weight"] == 0 and list(gone) == ["body.0.weight", "body.3.weight", "heads.0.weight"]
    counts = (removal_count(share, 14), removal_count(share, 8) + removal_count(share, 6))
    assert sum(gone.values()) in counts and codes(text) <= {"emptied-layer"}
    pruned = ll.apply(copy.deepcopy(module), mask)
    alarms = ll.audit(end=pruned.state_dict(), mask=mask, requested=share, granularity="filter")
    assert {alarm.code for alarm in alarms if alarm.severity == "fault"} == codes(text) & {"emptied-layer"}


@pytest.mark.parametrize("known", [SHAPE, {"batch": (torch.ones(2, 3, 8, 8), torch.tensor([0, 1]))}])
@pytest.mark.parametrize("heads", [1, 2])
def test_heads_that_stand_first_are_found_by_a_pass_and_nothing_of_the_caller_changes(heads, known):
    module = Net(heads_first=True, heads=heads).train()
    before, state = copy.deepcopy(module.state_dict()), torch.get_rng_state()
    mask, _ = said(module, 0.5, granularity="filter", **known)
    assert all(bool(kept.all()) == name.startswith("heads") for name, kept in mask.items())
    assert module.training and torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_a_batch_that_the_module_would_change_is_passed_as_a_copy():
    module = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 6), nn.Linear(6, 3))
    batch = torch.full((2, 4), -1.0), torch.tensor([0, 1])
    said(module, 0.5, granularity="filter", batch=batch)
    assert bool((batch[0] == -1).all())


def test_a_pass_that_fails_leaves_the_last_layer_of_the_module():
    mask, _ = said(Net(heads_first=False), 0.5, granularity="filter", input_shape=(1, 1, 1))
    assert bool(mask["heads.0.weight"].all()) and not bool(mask["body.0.weight"].all())


@quick
@given(st.lists(st.integers(2, 9), min_size=3, max_size=5), st.integers(1, 99), st.data())
def test_excluded_layers_stay_whole_and_the_rest_is_cut_as_if_they_were_not_there(widths, percent, data):
    module = mlp(*widths)
    names = [f"{number}.weight" for number in range(len(module))]
    chosen = data.draw(st.lists(st.sampled_from(names), unique=True, max_size=len(names) - 1))
    given_as = [name if data.draw(st.booleans()) else name.removesuffix(".weight") for name in chosen]
    granularity = data.draw(st.sampled_from(["weight", "filter", "block:2x2"]))
    rounds = data.draw(st.integers(1, 3))
    mask, _ = said(module, percent / 100, granularity=granularity, exclude=given_as, rounds=rounds)
    others = [name for name in names if name not in chosen]
    alone, _ = said(module, percent / 100, granularity=granularity, exclude=(), rounds=rounds, params=others)
    assert list(mask) == names and all(bool(mask[name].all()) for name in chosen)
    assert all(torch.equal(mask[name], alone[name]) for name in others)


def test_an_earlier_mask_of_an_excluded_layer_stays_and_counts_in_the_scores():
    module = mlp(6, 8, 4)
    earlier, _ = said(module, 0.5)
    mask, _ = said(module, 0.5, granularity="filter", mask=earlier)
    assert torch.equal(mask["1.weight"], earlier["1.weight"])
    assert all(bool((earlier[name] | ~mask[name]).all()) for name in mask)
    seen = []

    def criterion(view: Any) -> Any:
        seen.append(view.mask)
        return ll.criteria.Magnitude()(view)

    said(module, 0.75, criterion, mask=earlier, exclude="1", rounds=3)
    assert all(set(view) == {"0.weight", "1.weight"} for view in seen) and len(seen) == 3


def test_what_exclude_cannot_be_is_refused_with_the_nearest_name():
    for exclude, words in (
        ("haeds", "Did you mean 'heads"),
        (["1"], "is not a candidate"),
        (["body", "heads"], "all 3"),
    ):
        with pytest.raises(UsageError, match=words):
            said(Net(heads_first=False), 0.5, exclude=exclude)


def test_classes_that_go_as_was_asked_for_are_told():
    module = Net(heads_first=False)
    for options in ({"exclude": (), "scope": "layerwise"}, {"params": ["heads.0.weight"]}):
        mask, text = said(module, 0.5, granularity="filter", **options)
        assert not bool(mask["heads.0.weight"].any(1).all())
        assert re.search(r"no weight is kept in \d of the 10 rows of 'heads\.0\.weight'", text)
    shares = {"body.0.weight": 0.5, "body.3.weight": 0.5, "heads.0.weight": 0.1}  # each layer has its say
    assert not bool(said(module, shares, granularity="filter")[0]["heads.0.weight"].any(1).all())


@pytest.mark.parametrize(
    ("granularity", "unit"), [("weight", "entries"), ("filter", "filters"), ("block:2x2", "blocks")]
)
def test_the_words_say_what_is_counted(granularity, unit):
    module = mlp(8, 8, 8)
    for layer in module:
        layer.weight.data.fill_(1.0)  # type: ignore[operator, union-attr]
    assert f"{unit} share the score at the cut" in said(module, 0.4, granularity=granularity)[1]
    rule: Mapping[str, Any] = {"granularity": granularity, "exclude": ()}
    with pytest.raises(UsageError, match=rf"{unit} share the score 1 at the cut"):
        said(module, 0.4, ties="refuse", **rule)
    earlier, _ = said(module, 0.5, **rule)
    for scope in ("global", "layerwise", "erk"):
        with pytest.raises(UsageError, match=rf"of \d+ {unit}( of '0\.weight')? go, but the mask already"):
            said(module, 0.1, mask=earlier, scope=scope, **rule)
    with pytest.raises(UsageError, match=rf"removes [\d,]+ of [\d,]+ {unit} already"):
        said(module, 0.1, mask=earlier, rounds=2, **rule)
