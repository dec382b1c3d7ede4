"""Every kind of module is pruned, or refused by name, by all five functions alike."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import nn

import lotterylab as ll
from lotterylab.errors import LotteryWarning, UsageError
from lotterylab.weights import prunable_names
from some_kinds import (
    COMPUTED,
    FEATURES,
    LEFT_OUT,
    PRUNED,
    REFUSED,
    SCORED_ONLY,
    TWINS,
    Own,
    Wrapped,
    beside,
    flat,
    overlapping,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*torch.jit:DeprecationWarning",
    "ignore:.*quantize_per_tensor",
    "ignore:the mask by",  # of layers as small as these
)
Call = Callable[[nn.Module, dict[str, torch.Tensor]], Any]


def batch_for(module: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    kind = torch.float64 if next(module.parameters()).dtype == torch.float64 else torch.float32
    return torch.randn(4, FEATURES, dtype=kind), torch.tensor([0, 1, 2, 0])


def attached(module: nn.Module, mask: Mapping[str, torch.Tensor]) -> None:
    trained = [one for one in module.parameters() if one.is_floating_point() or one.is_complex()]
    ll.attach(module, torch.optim.SGD(trained, lr=0.1, momentum=0.9), mask).verify()  # type: ignore[arg-type]


SCORING: dict[str, Call] = {
    "prune": lambda module, _: ll.prune(module, ll.criteria.Magnitude(), 0.5),
    "prune on data": lambda module, _: ll.prune(module, ll.criteria.Snip(), 0.5, batch=batch_for(module)),
    "score": lambda module, _: ll.score(module, ll.criteria.Magnitude()),
    "effective_sparsity": lambda module, mask: ll.effective_sparsity(module, mask, (FEATURES,)),  # type: ignore[arg-type]
}
HOLDING: dict[str, Call] = {"apply": lambda module, mask: ll.apply(module, mask), "attach": attached}  # type: ignore[arg-type]


def half(name: str) -> dict[str, torch.Tensor]:
    shape = (FEATURES, FEATURES)  # a lazy parameter has none
    return {name: torch.arange(FEATURES * FEATURES).view(shape) % 2 == 0}


def bits(module: nn.Module) -> dict[str, str]:
    return {name: "wrapped" if type(one) is Wrapped else repr(one) for name, one in module.state_dict().items()}


def refused(call: Call, make: Callable[[], nn.Module], said: str, name: str = "1.weight") -> None:
    torch.manual_seed(0)
    module = make()
    before = bits(module)
    with pytest.raises(UsageError, match=said):
        call(module, half(name))
    assert bits(module) == before


@pytest.mark.parametrize("function", [*SCORING, *HOLDING])
@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_no_values_or_others_than_numbers_is_refused_by_name_everywhere(kind, function):
    refused({**SCORING, **HOLDING}[function], *REFUSED[kind])


@pytest.mark.parametrize("function", SCORING)
@pytest.mark.parametrize("kind", SCORED_ONLY)
def test_what_cannot_be_scored_is_refused_by_name(kind, function):
    refused(SCORING[function], *SCORED_ONLY[kind], name="0.weight")


@pytest.mark.parametrize("function", HOLDING)
@pytest.mark.parametrize("kind", [kind for kind in SCORED_ONLY if kind != "traced"])
def test_a_mask_of_its_other_layers_is_applied_and_held(kind, function):
    module = SCORED_ONLY[kind][0]()
    mask = half("0.weight")
    HOLDING[function](module, mask)
    assert not dict(module.named_parameters())["0.weight"][~mask["0.weight"]].any()


def test_complex_weights_are_masked_and_held_but_not_ranked():
    module = SCORED_ONLY["complex"][0]()
    mask = half("1.kernel")
    attached(module, mask)
    assert not module[1].kernel[~mask["1.kernel"]].any()  # type: ignore[index, union-attr]
    with pytest.raises(UsageError, match=r"'1\.kernel' is torch\.complex64, and only real numbers"):
        ll.prune(module, ll.criteria.Magnitude(), 0.5, params="matrices")


@pytest.mark.parametrize("function", ["prune", "prune on data", "score"])
@pytest.mark.parametrize("kind", LEFT_OUT)
def test_weights_that_would_be_left_out_are_named_with_their_share_and_the_advice_loses_none(kind, function):
    make, held = LEFT_OUT[kind]
    module = make()
    sizes = {name: one.numel() for name, one in module.named_parameters() if one.dim() >= 2}
    with pytest.raises(UsageError, match="would be left out") as error:
        SCORING[function](module, {})
    text = str(error.value)
    named = dict(re.findall(r"'([\w.]+)' \(([\d.]+) %\)", text))
    assert {name.rpartition(".")[2] for name in named} == held
    for name, percent in named.items():
        assert float(percent) == pytest.approx(100 * sizes[name] / sum(sizes.values()), rel=0.05)
    assert "params='matrices'" in text and "prunable_names(module)" in text
    everything = ll.prune(module, ll.criteria.Magnitude(), 0.5, params="matrices")
    assert set(everything) == set(sizes), "every matrix is in the mask or was named"
    fewer = ll.prune(module, ll.criteria.Magnitude(), 0.5, params=prunable_names(module))
    assert set(everything) - set(fewer) == set(named)


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_named_weights_are_pruned_held_and_counted_or_refused(kind):
    module = LEFT_OUT[kind][0]()
    mask = ll.prune(module, ll.criteria.Magnitude(), 0.5, params="matrices")
    attached(module, mask)
    assert all(not one[~mask[name]].any() for name, one in module.named_parameters() if name in mask)


@pytest.mark.parametrize("function", ["prune", "score"])
@pytest.mark.parametrize("kind", COMPUTED)
def test_computed_weights_are_refused_and_what_they_are_made_of_is_named(kind, function):
    module = COMPUTED[kind]()
    with pytest.raises(UsageError, match="would be left out") as error:
        SCORING[function](module, {})
    of = [name for name, one in module.named_parameters() if one.dim() >= 2 and not re.fullmatch(r"[02]\.weight", name)]
    assert of and all(f"'{name}' (" in str(error.value) for name in of)


@pytest.mark.parametrize("function", [*SCORING, *HOLDING])
@pytest.mark.parametrize("kind", PRUNED)
def test_other_kinds_are_pruned_and_held(kind, function):
    make, names = PRUNED[kind]
    module = make()
    mask = ll.prune(module, ll.criteria.Magnitude(), 0.5)
    assert set(mask) == names
    if (kind, function) != ("compiled", "effective_sparsity"):
        {**SCORING, **HOLDING}[function](module, mask)
    ll.apply(module, mask)
    assert all(not one[~mask[name]].any() for name, one in module.named_parameters() if name in mask)


def tying(share: bool) -> tuple[nn.Module, nn.Module]:
    """A module whose second layer is the first one's transpose, and the same function of one parameter."""

    class Transposed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.first, self.last = nn.Linear(FEATURES, 4, bias=False), nn.Linear(4, FEATURES, bias=False)
            if share:
                self.last.weight = nn.Parameter(self.first.weight.detach().T)
            else:
                del self.last

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            code = torch.tanh(self.first(x))
            return self.last(code) if share else nn.functional.linear(code, self.first.weight.T)

    return Transposed(), Transposed()


@pytest.mark.parametrize("criterion", ["magnitude", "snip", "grasp", "weight-squared-gradient"])
def test_a_view_of_a_weight_is_that_weight_and_is_scored_as_one_parameter_of_both_uses(criterion):
    (shared, _), (alone, _) = tying(True), tying(False)
    batch = torch.randn(5, FEATURES, generator=torch.manual_seed(1)), torch.tensor([0, 1, 2, 3, 4])
    of = ll.criteria.ALL[criterion]()
    found, expected = (ll.score(module, of, batch=batch) for module in (shared, alone))
    assert list(found) == list(expected) == ["first.weight"]
    torch.testing.assert_close(found["first.weight"], expected["first.weight"])
    mask = ll.prune(shared, of, 0.5, batch=batch)
    ll.apply(shared, mask)
    assert not shared.last.weight.T[~mask["first.weight"]].any()  # type: ignore[union-attr, operator]


@pytest.mark.parametrize("kind", TWINS)
def test_parameters_of_one_memory_are_one_weight_and_an_optimizer_of_both_is_refused(kind):
    module = TWINS[kind]()
    mask = ll.prune(module, ll.criteria.Magnitude(), 0.5)
    assert set(mask) == {"0.weight", "2.weight"}
    ll.effective_sparsity(module, mask, (FEATURES,)) if kind != "a part" else None
    with pytest.raises(UsageError, match=r"'0\.weight' and '1\.weight' are two parameters in one memory, and SGD"):
        attached(module, mask)
    ll.attach(module, torch.optim.SGD([module[0].weight, module[2].weight], lr=0.1), mask)  # type: ignore[arg-type, index]


def test_views_of_one_buffer_without_a_common_entry_are_weights_of_their_own():
    module = flat()
    mask = ll.prune(module, ll.criteria.Magnitude(), 0.5)
    before = copy.deepcopy(module.state_dict())
    ll.apply(module, {"0.weight": mask["0.weight"]})  # type: ignore[arg-type]
    assert torch.equal(module[1].weight, before["1.weight"])  # type: ignore[index]


def test_weights_that_share_a_part_of_their_memory_are_refused():
    for call in (*SCORING.values(), attached):
        with pytest.raises(UsageError, match=r"'0\.weight' and '1\.weight' share a part of their memory"):
            module = overlapping()
            call(module, half("0.weight"))


@pytest.mark.parametrize("kind", ["inference", "expanded"])
def test_a_weight_that_cannot_be_written_is_refused_before_anything_is_changed(kind):
    with torch.inference_mode(kind == "inference"):
        module = nn.Linear(FEATURES, FEATURES)
        if kind == "expanded":
            module.weight = nn.Parameter(torch.ones(1, 1).expand(FEATURES, FEATURES))
    for call in HOLDING.values():
        with pytest.raises(UsageError, match=r"'weight' (was made in torch\.inference_mode|is an expanded tensor)"):
            call(module, half("weight"))


def test_few_weights_that_stay_whole_are_named_in_one_warning_at_the_caller_s_line():
    module = nn.Sequential(nn.Linear(100, 100), Own(2, 2))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mask = ll.prune(module, ll.criteria.Magnitude(), 0.5)
    (warning,) = caught
    assert set(mask) == {"0.weight"} and warning.filename == __file__ and warning.category is LotteryWarning
    assert str(warning.message) == (
        "0.04 % of all weights stay whole, as they are in no Conv or Linear layer: '1.kernel' (0.04 %)."
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ll.prune(module, ll.criteria.Magnitude(), 0.5, params=prunable_names(module))
        ll.prune(module, ll.criteria.Magnitude(), 0.5, params="matrices")


@pytest.mark.parametrize("params", ["weights", "matrices"])
def test_scales_of_several_dimensions_stay_whole_and_are_named(params):
    module = nn.Sequential(nn.Linear(4, 4), nn.ParameterList([torch.ones(1, 4, 1)]))
    with pytest.warns(LotteryWarning, match=r"20 % of all weights stay whole.*'1\.0' \(20 %\)"):
        assert set(ll.prune(module, ll.criteria.Magnitude(), 0.5, params=params)) == {"0.weight"}


def test_many_weights_of_one_kind_are_named_once():
    module = nn.ModuleList([beside(nn.GRUCell(4, 4)) for _ in range(20)])
    with pytest.raises(
        UsageError, match=r"'0\.1\.weight_ih' and 19 like it \(32 %\), '0\.1\.weight_hh' and 19 like it"
    ):
        ll.prune(module, ll.criteria.Magnitude(), 0.5)


def test_embeddings_and_attention_stay_as_they_are_documented():
    module = nn.ModuleDict({"words": nn.Embedding(9, 8), "attention": nn.MultiheadAttention(8, 2, add_bias_kv=True)})
    mask = ll.prune(module, ll.criteria.Magnitude(), 0.5)
    assert set(mask) == {"attention.out_proj.weight"}
    with pytest.raises(UsageError, match="there is nothing to prune: the module has no Conv or Linear layer"):
        ll.prune(nn.Embedding(9, 8), ll.criteria.Magnitude(), 0.5)
