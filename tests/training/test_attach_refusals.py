"""attach refuses by name, before it changes anything."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from torch import nn

from lotterylab import masks
from lotterylab.errors import UsageError
from lotterylab.training.attach import attach
from lotterylab.types import Mask
from some_attached import (
    assert_refused,
    backward,
    half,
    network,
)


def test_optimizers_that_cannot_be_held_are_refused_by_name() -> None:
    module = network()
    mask, parameters = half(module), list(module.parameters())
    assert_refused(module, torch.optim.LBFGS(parameters), mask, "LBFGS", "flat history", "Use SGD or Adam")
    assert_refused(module, torch.optim.SparseAdam(parameters), mask, "SparseAdam", "sparse gradients", "Use Adam")
    assert_refused(module, object(), mask, "object", "torch.optim.Optimizer")


def test_a_mask_that_does_not_fit_is_refused() -> None:
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    wrong_shape = cast(Mask, {"4.weight": torch.ones(5, 63, dtype=torch.bool)})
    wrong_type = cast(Mask, {"4.weight": torch.ones(5, 64)})
    assert_refused(module, optimizer, wrong_shape, "4.weight", "(5, 63)")
    assert_refused(module, optimizer, wrong_type, "4.weight", "bool")
    assert_refused(module, optimizer, cast(Mask, {"4.wieght": torch.ones(5, 64).bool()}), "Did you mean '4.weight'?")


def test_a_masked_parameter_that_is_not_optimized_is_refused() -> None:
    module = network()
    head = torch.optim.Adam(module[4].parameters())
    assert_refused(module, head, half(module), "'0.weight'", "no parameter group of Adam", "lotterylab.apply")


def test_a_single_number_is_refused_as_its_state_looks_like_a_step_count() -> None:
    module = nn.ParameterDict({"scale": nn.Parameter(torch.tensor(2.0))})
    mask = cast(Mask, {"scale": torch.tensor(False)})
    assert_refused(module, torch.optim.Adam(module.parameters()), mask, "'scale'", "step count")


def test_sparse_gradients_are_refused_in_the_backward_pass() -> None:
    module = nn.Embedding(6, 2, sparse=True)
    attach(module, torch.optim.SGD(module.parameters(), lr=0.1), masks.ones(dict(module.named_parameters())))
    with pytest.raises(UsageError, match=r"'weight' is torch.sparse_coo.*Embedding\(sparse=False\)"):
        module(torch.tensor([1, 2])).sum().backward()


def test_factored_state_is_refused_when_a_step_has_made_it_and_when_it_is_there() -> None:
    module = network()
    optimizer = torch.optim.Adafactor(module.parameters())
    held = attach(module, optimizer, half(module))
    backward(module, 0)
    with pytest.raises(UsageError, match=r"Adafactor keeps a state \['row_var'\].*'0.weight'.*Use an optimizer"):
        optimizer.step()
    held.detach()
    assert_refused(module, optimizer, half(module), "Adafactor", "row_var")


class Nested(torch.optim.Optimizer):
    """Plain descent with state in a list, a tuple and a dict; ``kind`` makes the state that cannot be held."""

    def __init__(self, params: Any, kind: torch.dtype = torch.float32) -> None:
        super().__init__(params, {"lr": 0.1})
        self.kind = kind

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for p in self.param_groups[0]["params"]:
            deep = {"history": [torch.ones_like(p), (torch.ones_like(p), torch.ones(1))], "count": torch.tensor(3)}
            self.state[p] = {"deep": deep, "codes": torch.ones_like(p, dtype=self.kind), "none": None, "n": 7}
            p.sub_(p.grad, alpha=0.1)


def test_state_inside_lists_tuples_and_dicts_is_held_and_single_numbers_stay() -> None:
    module = nn.Linear(4, 3)
    mask = cast(Mask, {"weight": torch.rand(3, 4) < 0.5, "bias": torch.tensor([True, False, True])})
    optimizer = Nested(module.parameters())
    attach(module, optimizer, mask)
    module(torch.randn(2, 4)).sum().backward()
    optimizer.step()
    for name, kept in mask.items():
        state = optimizer.state[module.get_parameter(name)]
        one, (two, single) = state["deep"]["history"]
        assert all(torch.equal(tensor, kept.float()) for tensor in (one, two, state["codes"]))
        assert single.item() == 1 and state["deep"]["count"].item() == 3


def test_state_in_codes_is_refused_as_its_zero_may_not_mean_zero() -> None:
    module = nn.Linear(4, 3)
    optimizer = Nested(module.parameters(), torch.uint8)
    attach(module, optimizer, masks.ones(dict(module.named_parameters())))
    module(torch.randn(2, 4)).sum().backward()
    with pytest.raises(UsageError, match=r"Nested keeps a state \['codes'\] of \(3, 4\) and torch.uint8"):
        optimizer.step()
