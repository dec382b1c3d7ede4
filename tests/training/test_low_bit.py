"""Optimizer state in codes of a few bits is held where the codes have a 0, and refused by name where not."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from lotterylab.errors import LotteryError, UsageError
from lotterylab.training.attach import attach
from lotterylab.training.low_bit import values_of, zeroed
from lotterylab.types import Mask


class Coded(Tensor):
    """Numbers of ``levels`` steps of the largest: codes of one byte each, or two in one byte; with or without a 0."""

    @staticmethod
    def __new__(cls, codes: Tensor, scale: Tensor, levels: int, offset: float, packed: bool) -> Coded:
        shape = (codes.shape[0], codes.shape[1] * (1 + packed))
        return Tensor._make_wrapper_subclass(cls, shape, dtype=torch.float32)  # type: ignore[attr-defined]

    def __init__(self, codes: Tensor, scale: Tensor, levels: int, offset: float, packed: bool) -> None:
        self.codes, self.scale, self.levels, self.offset, self.packed = codes, scale, levels, offset, packed

    def __tensor_flatten__(self) -> tuple[list[str], Any]:
        return ["codes", "scale"], (self.levels, self.offset, self.packed)

    @classmethod
    def __tensor_unflatten__(cls, inner: dict[str, Tensor], context: Any, shape: Any, stride: Any) -> Coded:
        return cls(inner["codes"], inner["scale"], *context)

    def dequantize(self) -> Tensor:  # type: ignore[override]
        codes = self.codes
        if self.packed:
            codes = torch.stack([codes >> 4, codes & 15], dim=-1).flatten(1)
        return (codes.float() - self.levels // 2 + self.offset) * self.scale

    def write(self, values: Tensor) -> None:
        self.scale.copy_(values.abs().max() / (self.levels // 2 - 1))
        steps = (values / self.scale.clamp(min=1e-30) - self.offset).round() + self.levels // 2
        codes = steps.clamp(0, self.levels - 1).to(torch.uint8)
        if self.packed:
            codes = (codes[:, ::2] << 4) | codes[:, 1::2]
        self.codes.copy_(codes)

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is torch.ops.aten.copy_.default:
            target, source = args[0], args[1]
            assert isinstance(target, Coded)
            target.write(source.dequantize() if isinstance(source, Coded) else source)
            return target
        if function is torch.ops.aten.detach.default:
            return args[0]
        raise NotImplementedError(f"Coded does not know {function}")

    @classmethod
    def of(cls, values: Tensor, levels: int, offset: float, packed: bool) -> Coded:
        codes = torch.zeros(values.shape[0], values.shape[1] // (1 + packed), dtype=torch.uint8)
        coded = cls(codes, torch.zeros(()), levels, offset, packed)
        coded.write(values)
        return coded


class Closed(Tensor):
    """A subclass without codes of which nothing is known, and in which nothing can be written."""

    @staticmethod
    def __new__(cls, inner: Tensor) -> Closed:
        return Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)  # type: ignore[attr-defined]

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is torch.ops.aten.detach.default:
            return args[0]
        raise NotImplementedError(f"Closed does not know {function}")


FORMS = {"8 bits": (256, 0.0, False), "4 bits": (16, 0.0, True), "no zero": (16, 0.5, True)}


class Momentum(torch.optim.Optimizer):
    """Descent with momentum in codes."""

    def __init__(self, params: Any, kind: str) -> None:
        super().__init__(params, {"lr": 0.1})
        self.kind = kind

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for p in self.param_groups[0]["params"]:
            state = self.state[p]
            if not state:
                levels, offset, packed = FORMS.get(self.kind, (256, 0.0, False))
                zeros = torch.zeros_like(p)
                closed = self.kind == "closed"
                state["exp_avg"] = Closed(zeros) if closed else Coded.of(zeros, levels, offset, packed)
            if isinstance(state["exp_avg"], Coded):
                moved = state["exp_avg"].dequantize() * 0.9 + p.grad
                state["exp_avg"].copy_(moved)
                p.sub_(moved, alpha=0.1)


def trained(kind: str) -> tuple[nn.Module, Momentum, Mask]:
    torch.manual_seed(0)
    module = nn.Linear(8, 6, bias=False)
    optimizer = Momentum(module.parameters(), kind)
    for _ in range(3):
        step(module, optimizer)
    return module, optimizer, cast(Mask, {"weight": torch.rand(6, 8) < 0.5})


def step(module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    module(torch.randn(4, 8)).square().sum().backward()
    optimizer.step()


@pytest.mark.parametrize("kind", ["8 bits", "4 bits"])
def test_codes_with_a_zero_are_held_after_each_step(kind: str) -> None:
    module, optimizer, mask = trained(kind)
    weight, pruned = module.get_parameter("weight"), ~mask["weight"]
    state = optimizer.state[weight]["exp_avg"]
    assert bool(state.dequantize()[pruned].any())
    held = attach(module, optimizer, mask)
    for _ in range(4):
        assert not bool(weight[pruned].any()) and not bool(state.dequantize()[pruned].any())
        held.verify()
        step(module, optimizer)
    assert bool(state.dequantize()[~pruned].any())
    state.copy_(torch.ones(6, 8))
    with pytest.raises(LotteryError, match=r"pruned entries of the state \['exp_avg'\] of 'weight' are not"):
        held.verify()


def test_the_codes_of_kept_entries_stay_where_each_has_its_own() -> None:
    values = torch.randn(6, 8)
    pruned = torch.rand(6, 8) < 0.5
    pruned.view(-1)[values.abs().argmax()] = True  # the largest goes, and a new scale would move all others
    coded = Coded.of(values, 256, 0.0, False)
    before = coded.dequantize()
    without = zeroed(coded, pruned, "it")
    assert without is not None
    assert torch.equal(coded.dequantize(), before), "nothing is changed"
    assert torch.equal(values_of(without), before.masked_fill(pruned, 0.0))
    assert zeroed(without, pruned, "it") is None


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("no zero", r"the state \['exp_avg'\] of 'weight' is a Coded, whose codes have no 0.*SGD, Adam, AdamW"),
        ("closed", r"the state \['exp_avg'\] of 'weight' is a Closed, whose entries cannot be set to 0"),
    ],
)
def test_codes_that_cannot_be_zero_are_refused_by_name_and_nothing_is_changed(kind: str, words: str) -> None:
    module, optimizer, mask = trained(kind)
    before = module.get_parameter("weight").detach().clone()
    with pytest.raises(UsageError, match=words):
        attach(module, optimizer, mask)
    assert torch.equal(module.get_parameter("weight"), before)
    assert not optimizer._optimizer_step_post_hooks
