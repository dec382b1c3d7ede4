"""attach holds a mask inside optimizers that wrap others: weights, momentum, and every copy of a weight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from lotterylab import masks
from lotterylab.errors import LotteryError, UsageError
from lotterylab.interventions import Gradual
from lotterylab.training.attach import attach
from lotterylab.types import Mask
from some_attached import assert_refused, backward, half, network
from some_wrappers import WRAPPERS, Lookahead, Shell, memories, sgd, take_step


def not_zero(module: nn.Module, optimizer: Any, mask: Mask) -> int:
    """How many pruned entries are not 0, in weights and in all that can be reached and has a weight's shape."""
    count = 0
    for name, kept in mask.items():
        parameter = module.get_parameter(name)
        kept_tensors = [tensor for tensor in memories(optimizer) if tensor.shape == parameter.shape]
        assert len(kept_tensors) >= 2, "the weight and its momentum"
        count += sum(int((tensor.detach()[~kept] != 0).sum()) for tensor in (parameter, *kept_tensors))
    return count


CALLED = [("sharp", "two"), *((name, "step") for name in WRAPPERS)]


@pytest.mark.parametrize(("name", "calls"), CALLED)
def test_all_that_a_wrapper_keeps_for_a_pruned_weight_is_zero_after_each_step(name: str, calls: str) -> None:
    module = network()
    optimizer = WRAPPERS[name](module)
    for step in range(4):
        take_step(module, optimizer, step, calls)
    mask = half(module)
    assert not_zero(module, optimizer, mask)
    held = attach(module, optimizer, mask)
    assert not_zero(module, optimizer, mask) == 0
    for step in range(4, 11):
        take_step(module, optimizer, step, calls)
        assert not_zero(module, optimizer, mask) == 0
        held.verify()
    for key, kept in mask.items():
        assert bool((module.get_parameter(key)[kept] != network().get_parameter(key)[kept]).all()), "it was trained"


@pytest.mark.parametrize("name", WRAPPERS)
def test_verify_reports_every_memory_of_a_pruned_weight(name: str) -> None:
    module = network()
    optimizer = WRAPPERS[name](module)
    for step in range(3):
        take_step(module, optimizer, step)
    mask = half(module)
    held = attach(module, optimizer, mask)
    weight, kept = module.get_parameter("4.weight"), mask["4.weight"]
    row, column = (~kept).nonzero()[0].tolist()
    tensors = [t for t in memories(optimizer) if t.shape == weight.shape and t is not weight and t is not weight.grad]
    assert tensors
    for tensor in tensors:
        held.verify()
        with torch.no_grad():
            tensor[row, column] = 1e-3
        with pytest.raises(LotteryError, match=r"1 of \d+ pruned entries of the state .* of '4.weight' are not"):
            held.verify()
        held.hold()


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_mask_of_ones_changes_no_bit_of_a_wrapped_training(name: str) -> None:
    plain, module = network(), network()
    optimizers = [WRAPPERS[name](one) for one in (plain, module)]
    attach(module, optimizers[1], masks.ones(dict(module.named_parameters())))
    for step in range(7):
        for one, optimizer in zip((plain, module), optimizers, strict=True):
            take_step(one, optimizer, step)
    assert masks.digest(plain.state_dict()) == masks.digest(module.state_dict())


@pytest.mark.parametrize("name", WRAPPERS)
def test_detached_it_has_no_hooks_inside_either(name: str) -> None:
    module = network()
    optimizer = WRAPPERS[name](module)
    attach(module, optimizer, half(module)).detach()
    every: list[Any] = [optimizer]
    for one in every:
        inside = [getattr(one, key, ()) for key in ("optimizer", "inner", "base_optimizer", "optimizers")]
        for value in inside:
            values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
            every += [thing for thing in values if isinstance(thing, torch.optim.Optimizer)]
    for one in every:
        assert not getattr(one, "_optimizer_step_post_hooks", ()) and not getattr(one, "_optimizer_step_pre_hooks", ())
    assert not any(parameter._post_accumulate_grad_hooks for parameter in module.parameters())


# the optimizers of the others step one after another, and none is around them all
@pytest.mark.parametrize(
    ("name", "calls"), [pair for pair in CALLED if pair[0] not in ("several", "one for each parameter")]
)
def test_interventions_count_each_step_of_a_wrapper_once(name: str, calls: str) -> None:
    module = network()
    optimizer = WRAPPERS[name](module)
    gradual = Gradual(sparsity=0.5, begin_step=0, end_step=4, every=1)
    ones = masks.ones(dict(module.named_parameters()), ["0.weight", "4.weight"])
    held = attach(module, optimizer, ones, during=[gradual])
    for step in range(6):
        take_step(module, optimizer, step, calls)
    assert held.attached is not None and held.attached.step == 6
    assert masks.sparsity(held.mask) == pytest.approx(0.5, abs=0.01)
    held.verify()


# refused by name, before anything is written


class Flat(torch.optim.Optimizer):
    """All weights in one vector, as fused and sharded optimizers have them."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, {"lr": 0.1})
        self.vector = torch.cat([p.detach().flatten() for p in self.param_groups[0]["params"]])

    def step(self, closure: Any = None) -> None:
        """Does nothing."""


class NoHooks(torch.optim.Optimizer):
    """Without torch's ``__init__``, and nothing inside."""

    def __init__(self, params: Any) -> None:
        self.param_groups, self.state, self.defaults = [{"params": list(params), "lr": 0.1}], {}, {}

    def step(self, closure: Any = None) -> None:
        """Does nothing."""


class Elsewhere(torch.optim.Optimizer):
    """Moves weights in a method of its own, with momentum that nobody sees."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, {"lr": 0.1})
        buffers: dict[Any, torch.Tensor] = {}
        self.buffer = lambda p: buffers.setdefault(p, torch.zeros_like(p))

    @torch.no_grad()
    def second_step(self) -> None:
        for p in self.param_groups[0]["params"]:
            p.sub_(self.buffer(p).mul_(0.9).add_(p.grad), alpha=0.1)

    def step(self, closure: Any = None) -> None:
        raise RuntimeError("call second_step")


REFUSED: dict[str, tuple[Callable[[nn.Module], Any], tuple[str, ...]]] = {
    "LBFGS inside": (
        lambda m: Shell(torch.optim.LBFGS(m.parameters())),
        ("LBFGS (inside Shell)", "flat history", "Use SGD or Adam"),
    ),
    "SparseAdam inside": (
        lambda m: Lookahead(torch.optim.SparseAdam(list(m.parameters()))),
        ("SparseAdam (inside Lookahead)", "Use Adam with dense gradients"),
    ),
    "one vector": (lambda m: Flat(m.parameters()), ("Flat keeps 'vector'", "outside the state", "SGD, Adam, AdamW")),
    "no hooks": (lambda m: NoHooks(m.parameters()), ("NoHooks", "has no step hooks", "Call super().__init__")),
    "not in it": (lambda m: Shell(sgd(m[1].parameters())), ("'0.weight'", "no parameter group of Shell")),
    "a scaler": (lambda m: torch.amp.GradScaler("cpu"), ("GradScaler is not a torch.optim.Optimizer",)),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_held_inside_a_wrapper_is_refused_by_name(name: str) -> None:
    module = network()
    make, words = REFUSED[name]
    assert_refused(module, make(module), half(module), *words)


def test_weights_that_move_without_a_step_are_refused_at_the_next_backward_pass() -> None:
    module = network()
    optimizer = Elsewhere(module.parameters())
    for step in range(3):
        optimizer.zero_grad()
        backward(module, step)
        optimizer.second_step()
    held = attach(module, optimizer, half(module))
    optimizer.zero_grad()
    backward(module, 3)
    optimizer.second_step()
    with pytest.raises(LotteryError, match=r"pruned entries of '0.weight' are not"):
        held.verify()
    optimizer.zero_grad()
    with pytest.raises(UsageError, match=r"moved, and no step\(\) of Elsewhere began.*held.hold\(\) after each step"):
        backward(module, 4)


def test_weights_that_are_held_by_hand_after_each_step_are_not_refused() -> None:
    module = network()
    optimizer, mask = Elsewhere(module.parameters()), half(module)
    held = attach(module, optimizer, mask)
    for step in range(3):
        optimizer.zero_grad()
        backward(module, step)
        optimizer.second_step()
        held.hold()
        held.verify()
