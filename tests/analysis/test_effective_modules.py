"""Effective sparsity of modules that are no chain: gates, attention, differences, limits, norms of one's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

import lotterylab as ll
from lotterylab.errors import UsageError
from some_paths import FLAT, NETWORKS, TOKENS, By, between, linear, two, whole

# small masks at a high sparsity: that prune warns of them is tested elsewhere
pytestmark = pytest.mark.filterwarnings("ignore::lotterylab.errors.LotteryWarning")


@pytest.mark.parametrize(("name", "make", "shape"), NETWORKS, ids=[name for name, _, _ in NETWORKS])
@pytest.mark.parametrize("params", ["weights", "all"])
def test_nothing_of_a_whole_module_is_idle(name, make, shape, params):
    torch.manual_seed(0)
    module = make().eval()
    everything = [name for name, _ in module.named_parameters()]
    found = ll.effective_sparsity(
        module, whole(module, everything if params == "all" else None) or whole(module, everything), shape
    )
    assert (found["sparsity"], found["idle"]) == (0, 0)
    assert found["effective"] == 0, "each weight is on a path"


REMOVED = {
    # name: (what the mask removes, the entries that are idle then)
    "difference": ({"a.weight": slice(1, 2), "o.weight": (slice(None), 1)}, {"b.weight": 6}),
    "product": ({"a.weight": slice(1, 2)}, {"b.weight": 6, "o.weight": 3}),
    "larger of two": ({"a.weight": slice(1, 2)}, {}),
    "hard gate": ({"b.weight": slice(1, 2)}, {}),
    "SwiGLU": ({"b.weight": slice(0, 2)}, {"a.weight": 12, "o.weight": 6}),
    "clamp": ({"o.weight": (slice(None), 3)}, {"a.weight": 6}),
    "concatenation": ({"a.weight": slice(2, 3)}, {"o.weight": 3}),
    "exp of minus": ({"a.weight": slice(2, 3)}, {"o.weight": 3}),
    "attention by hand": ({"v.weight": slice(0, 4)}, {"q.weight": 24, "k.weight": 24, "o.weight": 12}),
    "attention by torch": ({"q.weight": slice(0, 4)}, {"k.weight": 24}),
    "causal attention": ({"v.weight": slice(1, 2)}, {"o.weight": 3}),
}


@pytest.mark.parametrize("name", REMOVED)
def test_idle_are_the_entries_that_a_person_finds(name):
    shape = next(shape for known, _, shape in NETWORKS if known == name)
    module = (FLAT | TOKENS)[name]()
    mask = whole(module)
    removed, idle = REMOVED[name]
    for layer, place in removed.items():
        mask[layer][place] = False
    found = ll.effective_sparsity(module, mask, shape)
    assert {
        layer: round(share * mask[layer].numel()) for layer, share in found["idle_by_layer"].items() if share
    } == idle


def test_a_bias_is_used_if_the_output_depends_on_it_and_keeps_no_unit_alive():
    module = nn.Sequential(linear(3, 4), nn.ReLU(), linear(4, 2))
    mask = whole(module, [name for name, _ in module.named_parameters()])
    mask["0.weight"][1] = False  # unit 1 has its bias alone
    mask["2.weight"][:, 2] = False  # nobody reads unit 2
    found = ll.effective_sparsity(module, mask, (3,))
    idle = {name: round(share * mask[name].numel()) for name, share in found["idle_by_layer"].items()}
    assert idle == {"0.weight": 3, "0.bias": 1, "2.weight": 2, "2.bias": 0}
    mask["0.bias"][:] = False
    del mask["0.bias"], mask["2.bias"]
    weights_alone = ll.effective_sparsity(module, mask, (3,))
    assert weights_alone["idle_by_layer"] == {"0.weight": 3 / 12, "2.weight": 2 / 8}


def test_what_no_path_of_the_whole_network_reaches_is_not_idle_and_counts_as_pruned():
    """A kernel of 3 x 3 on one pixel multiplies padding with 8 of its 9 entries; a layer is not called."""
    module = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Flatten(), linear(2, 3))
    module.add_module("spare", nn.Identity())
    module.spare.unused = linear(4, 4)  # type: ignore[assignment]
    mask = whole(module)
    found = ll.effective_sparsity(module, mask, (1, 1, 1))
    assert found["idle"] == 0 and found["effective"] == pytest.approx((16 + 16) / (18 + 6 + 16))
    mask["0.weight"][0] = False
    found = ll.effective_sparsity(module, mask, (1, 1, 1))
    assert found["idle_by_layer"] == {"0.weight": 0, "2.weight": 3 / 6, "spare.unused.weight": 0}


HIDING: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "detach": (lambda: between(lambda x: x.detach()), (6,)),
    "round": (lambda: between(lambda x: torch.round(4 * x)), (6,)),
    "floor": (lambda: between(lambda x: (4 * x).floor()), (6,)),
    "sign": (lambda: By(lambda s, x: functional.linear(x, torch.sign(s.a.weight)), a=linear(6, 4)), (6,)),
    "argmax": (lambda: two(lambda s, x: s.o(functional.one_hot(s.a(x).argmax(-1), 8).double() * s.b(x))), (6,)),
    "topk": (lambda: between(lambda x: x.topk(3).values, 3), (6,)),
    "median": (
        lambda: between(lambda x: x.view(-1, 4, 2, 1).expand(-1, 4, 2, 3).flatten(2).median(-1).values, 4),
        (6,),
    ),
}


@pytest.mark.parametrize("name", HIDING)
def test_a_count_that_cannot_be_trusted_is_refused_and_names_what_hides_the_paths(name):
    make, shape = HIDING[name]
    module = make()
    before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    with pytest.raises(
        UsageError, match=rf"paths of this network cannot be counted: '{name}' hides .* nothing is pruned"
    ):
        ll.effective_sparsity(module, whole(module), shape)
    assert all(torch.equal(before[key], tensor) for key, tensor in module.state_dict().items())


@pytest.mark.parametrize(
    ("make", "shape", "said"),
    [
        (lambda: linear(6, 4), (5,), r"fails on an input of random numbers of shape \(1, 5\).*Give the shape of one"),
        (lambda: nn.Sequential(nn.Embedding(9, 4), linear(4, 2)), (5,), "whose input is floating-point numbers"),
        (lambda: By(lambda s, x: {"a": s.a(x), "b": x}, a=linear(6, 4)), (6,), "Wrap it in a module that returns one"),
        (lambda: By(lambda s, x: s.a(x).detach(), a=linear(6, 4)), (6,), "its output has no gradient"),
        (lambda: By(lambda s, x: s.a(x) * 1e308 * 1e308, a=linear(6, 4)), (6,), "overflows float64"),
        (
            lambda: between(lambda x: torch.heaviside(x, x * 0)),
            (6,),
            "heaviside is not implemented. Replace that function",
        ),
    ],
)
def test_a_module_that_cannot_be_followed_is_refused_in_words(make, shape, said):
    module = make()
    with pytest.raises(UsageError, match=said):
        ll.effective_sparsity(module, whole(module), shape)


def test_the_same_numbers_come_out_each_time_and_no_generator_moves():
    module, torch_state = FLAT["dropout that is never off"](), torch.get_rng_state()
    mask = ll.prune(module, ll.criteria.Magnitude(), 0.8)
    assert ll.effective_sparsity(module, mask, (6,)) == ll.effective_sparsity(module, mask, (6,))
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_a_tuple_or_an_object_with_logits_is_counted_by_them():
    plain, wrapped = (
        between(torch.relu),
        By(lambda s, x: (s.o(torch.relu(s.a(x))), x.mean()), a=linear(6, 8), o=linear(8, 3)),
    )
    mask = ll.prune(plain, ll.criteria.Magnitude(), 0.8)
    assert ll.effective_sparsity(plain, mask, (6,)) == ll.effective_sparsity(wrapped, mask, (6,))
