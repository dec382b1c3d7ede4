"""Which parameters hold the weights: no matrix is lost, whatever a module is made of, and one memory is one weight."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrizations

import lotterylab as ll
from lotterylab.errors import LotteryWarning, UsageError
from lotterylab.tied import places_in
from lotterylab.weights import parameter_names, shares, tied_names
from some_kinds import Both, Experts, Own
from some_scores import quick

PARTS: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(6, 6),
    "large": lambda: nn.Linear(40, 40),
    "conv": lambda: nn.Conv2d(2, 3, 3),
    "transposed": lambda: nn.ConvTranspose1d(2, 3, 3),
    "lstm": lambda: nn.LSTM(3, 4, proj_size=2),
    "cell": lambda: nn.RNNCell(3, 4),
    "bilinear": lambda: Both(3, 3, 2),
    "experts": Experts,
    "own": lambda: Own(3, 4),
    "scale": lambda: nn.ParameterList([torch.ones(1, 3, 1)]),
    "embedding": lambda: nn.Embedding(5, 3),
    "attention": lambda: nn.MultiheadAttention(4, 2, add_bias_kv=True),
    "narrow attention": lambda: nn.MultiheadAttention(4, 2, kdim=3, vdim=5),
    "norm": lambda: nn.LayerNorm((3, 4)),
    "activation": lambda: nn.PReLU(3),
    "computed": lambda: parametrizations.weight_norm(nn.Linear(3, 3)),
}
DOCUMENTED = ("embedding", "attention", "narrow attention", "norm")


def named_in(text: str, names: list[str]) -> set[str]:
    """The names that a text has, or that are alike to one of which it says that others are like it."""
    like = {re.sub(r"\d+", "*", name) for name in re.findall(r"'([^']+)' and \d+ like it", text)}
    return {name for name in names if f"'{name}'" in text or re.sub(r"\d+", "*", name) in like}


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(sorted(PARTS)), min_size=1, max_size=7))
def test_every_matrix_is_a_candidate_or_documented_or_named_with_its_share(words):
    module = nn.ModuleList([PARTS[word]() for word in words])
    matrices = [name for name, one in module.named_parameters() if one.dim() >= 2]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            mask, text = ll.score(module, ll.criteria.Magnitude()), ""
        except UsageError as error:
            mask, text = {}, str(error)
    assert len(caught) <= 1 and not (caught and text)
    text += "".join(str(one.message) for one in caught)
    part_of = {name: words[int(name.split(".")[0])] for name in matrices}
    in_linear = ("router.weight", "out_proj.weight")
    of_torch = [
        name
        for name, word in part_of.items()
        if word in ("linear", "large", "conv", "transposed") or name.endswith(in_linear)
    ]
    documented = [name for name, word in part_of.items() if word in DOCUMENTED and name not in of_torch]
    others = [name for name in matrices if name not in (*of_torch, *documented)]
    if mask:
        assert set(mask) >= set(of_torch) and not set(mask) & set(documented)
        assert named_in(text, matrices) == set(others)
    else:
        assert named_in(text, matrices) >= set(others) or not (others or of_torch)
    for name, percent in re.findall(r"'([\w.]+)' \(([\d.e+-]+) %\)", text):
        assert float(percent) == pytest.approx(100 * shares(module)[name], rel=0.06)


# one memory


def drawn_view(data: st.DataObject, buffer: Tensor) -> Tensor:
    """A view of a buffer of 24 entries: rows, columns, steps, turned, of another shape."""
    rows = data.draw(st.sampled_from([2, 3, 4, 6]))
    matrix = buffer.view(rows, -1)
    first = data.draw(st.integers(0, rows - 1))
    last = data.draw(st.integers(first + 1, rows))
    step = data.draw(st.integers(1, 2))
    seen = matrix[first:last:step, :: data.draw(st.integers(1, 3))]
    return seen.T if data.draw(st.booleans()) else seen


@quick
@given(st.data())
def test_views_are_tied_if_one_holds_the_other_and_refused_if_they_share_a_part(data):
    buffer = torch.arange(24.0)
    parts = [nn.Parameter(drawn_view(data, buffer)) for _ in range(2)]
    module = nn.ParameterList(parts)
    first, second = (set(part.detach().flatten().tolist()) for part in parts)  # each entry holds its own place
    if first <= second or second <= first:
        whole = 0 if first >= second else 1
        assert tied_names(module) == {str(1 - whole): str(whole)} and parameter_names(module) == (str(whole),)
        places = places_in(parts[1 - whole], parts[whole])
        assert torch.equal(parts[whole].flatten()[places], parts[1 - whole])
    elif first & second:
        with pytest.raises(UsageError, match=r"'[01]' and '[01]' share a part of their memory"):
            tied_names(module)
    else:
        assert tied_names(module) == {} and parameter_names(module) == ("0", "1")


def test_a_weight_in_two_types_of_one_memory_is_refused():
    buffer = torch.zeros(4, 4)
    module = nn.ParameterList([nn.Parameter(buffer), nn.Parameter(buffer.view(torch.bfloat16))])
    with pytest.raises(UsageError, match="share a part of their memory"):
        tied_names(module)


@pytest.mark.parametrize("share", [0.009, 0.011])
def test_one_percent_of_the_weights_parts_a_warning_from_an_error(share):
    module = nn.Sequential(nn.Linear(100, 100), Own(2, round(5000 * share / (1 - share))))
    if share < 0.01:
        with pytest.warns(LotteryWarning, match=r"'1\.kernel'"):
            ll.score(module, ll.criteria.Magnitude())
    else:
        with pytest.raises(UsageError, match=r"'1\.kernel'"):
            ll.score(module, ll.criteria.Magnitude())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_layers_that_torch_quantised_are_named():
    quantised = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4), nn.LSTM(4, 4)))
    for module, name in ((quantised, "0"), (nn.Sequential(quantised, nn.Linear(4, 2)), "0.0"), (quantised[1], "LSTM")):
        with pytest.raises(UsageError, match=rf"the weights of '{re.escape(name)}' are packed"):
            ll.prune(module, ll.criteria.Magnitude(), 0.5)
