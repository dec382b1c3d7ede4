"""The oracle is torch.optim, in float64 over 20 steps."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lotterylab.errors import UsageError
from lotterylab.training.optim import Adam, Optimizer, Sgd

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]

SPECS: list[Optimizer] = [
    Sgd(lr=0.1),
    Sgd(lr=0.1, weight_decay=1e-2),
    Sgd(lr=0.1, momentum=0.9),
    Sgd(lr=0.1, momentum=0.9, weight_decay=1e-2),
    Sgd(lr=0.1, momentum=0.9, weight_decay=1e-2, nesterov=True),
    Adam(lr=0.01),
    Adam(lr=0.01, weight_decay=0.1),
    Adam(lr=0.01, weight_decay=0.1, decoupled=False),
    Adam(lr=0.01, betas=(0.0, 0.5), eps=1e-3),
]
every_spec = pytest.mark.parametrize("spec", SPECS, ids=str)


def tensors(seed: int, dtype: torch.dtype = torch.float64, device: str = "cpu") -> dict[str, torch.Tensor]:
    """A convolution in channels-last, a matrix, a vector and a single number."""
    draw = torch.Generator().manual_seed(seed)
    made = {
        "conv": torch.randn(5, 4, 3, 3, generator=draw, dtype=dtype).to(memory_format=torch.channels_last),
        "matrix": torch.randn(7, 3, generator=draw, dtype=dtype),
        "bias": torch.randn(7, generator=draw, dtype=dtype),
        "scale": torch.randn((), generator=draw, dtype=dtype),
    }
    return {name: tensor.to(device) for name, tensor in made.items()}


def rate(spec: Optimizer, step: int) -> float:
    """Drop the rate to a tenth, so that a rate kept from an earlier step would show."""
    return spec.lr * (0.1 if step >= 12 else 1.0)


def torch_optimizer(spec: Optimizer, params: list[torch.Tensor], fused: bool) -> torch.optim.Optimizer:
    options: dict[str, Any] = {"lr": spec.lr, "weight_decay": spec.weight_decay, "fused": fused}
    if isinstance(spec, Sgd):
        return torch.optim.SGD(params, momentum=spec.momentum, nesterov=spec.nesterov, **options)
    kind = torch.optim.AdamW if spec.decoupled else torch.optim.Adam
    return kind(params, betas=spec.betas, eps=spec.eps, **options)


def by_torch(spec: Optimizer, steps: int, fused: bool, device: str = "cpu") -> dict[str, torch.Tensor]:
    params = tensors(0, device=device)
    optimizer = torch_optimizer(spec, list(params.values()), fused)
    for step in range(steps):
        grads = tensors(1 + step, device=device)
        for name, w in params.items():
            w.grad = grads[name]
        optimizer.param_groups[0]["lr"] = rate(spec, step)
        optimizer.step()
    return params


def by_pure(spec: Optimizer, steps: int, device: str = "cpu") -> dict[str, torch.Tensor]:
    params = tensors(0, device=device)
    slots = spec.init(params)
    for step in range(steps):
        lr = torch.tensor(rate(spec, step), dtype=torch.float64)
        grads = tensors(1 + step, device=device)
        params, slots = spec.update(params, grads, slots, lr=lr, step=torch.tensor(step))
    return params


def assert_close(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor], atol: float) -> None:
    assert a.keys() == b.keys()
    for name, tensor in a.items():
        torch.testing.assert_close(tensor, b[name], rtol=0, atol=atol)


@every_spec
@pytest.mark.parametrize("fused", [False, True])
def test_the_pure_update_is_torchs(spec: Optimizer, fused: bool) -> None:
    assert_close(by_pure(spec, 20), by_torch(spec, 20, fused), atol=1e-12)


@every_spec
@pytest.mark.parametrize("device", DEVICES)
def test_the_update_in_place_is_torchs_and_the_pure_one(spec: Optimizer, device: str) -> None:
    params = tensors(0, device=device)
    slots = spec.init(params)
    for step in range(20):
        spec.update_(params, tensors(1 + step, device=device), slots, lr=rate(spec, step), step=step)
    assert_close(params, by_pure(spec, 20, device), atol=1e-12)
    assert_close(params, by_torch(spec, 20, False, device), atol=1e-12)
    assert_close(params, by_torch(spec, 20, True, device), atol=1e-12)


@every_spec
def test_any_memory_layout_gives_the_same_update(spec: Optimizer) -> None:
    """Fused kernels ignore strides, so mixed layouts and gaps need another way to the same update."""
    draw = torch.Generator().manual_seed(0)
    start, gradient = torch.randn(2, 6, 4, 5, 5, generator=draw, dtype=torch.float64)
    gaps = torch.zeros(6, 4, 5, 10, dtype=torch.float64)[..., ::2]
    last = torch.channels_last
    layouts = {
        "plain": (start.clone(), gradient.clone(), torch.contiguous_format),
        "gradient": (start.clone(), gradient.to(memory_format=last), torch.contiguous_format),
        "weight": (start.clone(memory_format=last), gradient.clone(), last),
        "slot": (start.clone(), gradient.clone(), last),
        "gaps": (gaps.copy_(start), gradient.clone(), torch.contiguous_format),
    }
    params = {name: w for name, (w, _, _) in layouts.items()}
    grads = {name: g for name, (_, g, _) in layouts.items()}
    slots = {
        slot: {name: zeros[name].clone(memory_format=layouts[name][2]) for name in params}
        for slot, zeros in spec.init(params).items()
    }
    for step in range(3):
        spec.update_(params, grads, slots, lr=spec.lr, step=step)
    for by_name in (params, *slots.values()):
        for tensor in by_name.values():
            torch.testing.assert_close(tensor, by_name["plain"], rtol=0, atol=1e-14)


@every_spec
def test_stacked_networks_with_their_own_rates_and_steps_equal_separate_ones(spec: Optimizer) -> None:
    networks = [tensors(seed) for seed in range(3)]
    rates, counts = torch.tensor([0.1, 0.01, 0.3], dtype=torch.float64), torch.tensor([0, 7, 500])
    alone = []
    for n, params in enumerate(networks):
        slots = spec.init(params)
        for turn in range(3):
            grads = tensors(100 + 10 * n + turn)
            params, slots = spec.update(params, grads, slots, lr=rates[n], step=counts[n] + turn)
        alone.append(params)

    def stack(each: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
        return {name: torch.stack([one[name] for one in each]) for name in each[0]}

    params = stack(networks)
    slots = spec.init(params)
    for turn in range(3):
        grads = stack([tensors(100 + 10 * n + turn) for n in range(3)])
        params, slots = spec.update(params, grads, slots, lr=rates, step=counts + turn)
    assert_close(params, stack(alone), atol=1e-15)


@every_spec
def test_the_pure_update_changes_nothing_it_was_given(spec: Optimizer) -> None:
    params, grads = tensors(0), tensors(1)
    slots = spec.init(params)
    before = [tensor.clone() for tensor in (*params.values(), *grads.values())]
    spec.update(params, grads, slots, lr=torch.tensor(spec.lr), step=torch.tensor(0))
    assert all(map(torch.equal, (*params.values(), *grads.values()), before))
    assert not any(tensor.any() for slot in slots.values() for tensor in slot.values())


@every_spec
def test_the_update_in_place_leaves_the_gradients_and_the_layout(spec: Optimizer) -> None:
    params, grads = tensors(0), tensors(1)
    slots = spec.init(params)
    spec.update_(params, grads, slots, lr=spec.lr, step=0)
    assert_close(grads, tensors(1), atol=0)
    for tensor in (params["conv"], *(slot["conv"] for slot in slots.values())):
        assert tensor.is_contiguous(memory_format=torch.channels_last)


@every_spec
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_type_of_the_parameters_is_kept(spec: Optimizer, dtype: torch.dtype) -> None:
    params, grads = tensors(0, dtype), tensors(1, dtype)
    slots = spec.init(params)
    rates = torch.tensor(spec.lr, dtype=torch.float64)
    new, new_slots = spec.update(params, grads, slots, lr=rates, step=torch.tensor(0))
    spec.update_(params, grads, slots, lr=spec.lr, step=0)
    for name, w in new.items():
        assert w.dtype == params[name].dtype == dtype
        torch.testing.assert_close(w, params[name])
        assert all(slot[name].dtype == dtype for slot in new_slots.values())


@given(beta2=st.floats(0.9, 0.9999), step=st.integers(0, 20_000))
@settings(max_examples=50, deadline=None)
def test_the_first_adam_step_from_any_count_is_the_closed_form(beta2: float, step: int) -> None:
    """The first update is w - lr * g (1 - b1) / (1 - b1^t) / (|g| sqrt((1 - b2) / (1 - b2^t)) + eps)."""
    spec, g, t = Adam(lr=0.1, betas=(0.9, beta2)), -0.3, step + 1
    params, grads = {"w": torch.zeros(1)}, {"w": torch.tensor([g])}
    rates = torch.tensor(0.1)
    new, _ = spec.update(params, grads, spec.init(params), lr=rates, step=torch.tensor(step))
    second = abs(g) * math.sqrt((1 - beta2) / (1 - beta2**t))
    expected = -0.1 * g * 0.1 / (1 - 0.9**t) / (second + 1e-8)
    assert new["w"].item() == pytest.approx(expected, rel=1e-5)  # float32, and a count far past 10^4


def test_training_does_not_import_torchs_compiler() -> None:
    code = """
import sys, torch
from lotterylab.training.optim import Adam, Sgd
for spec in (Sgd(lr=0.1, momentum=0.9), Adam(lr=0.1)):
    params = {"w": torch.ones(3)}
    spec.update_(params, {"w": torch.ones(3)}, spec.init(params), lr=0.1, step=0)
assert params["w"][0] < 1 and "torch._dynamo" not in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_parameter_that_requires_its_gradient_is_updated_without_a_graph() -> None:
    w = torch.ones(3, requires_grad=True)
    for spec in (Sgd(lr=0.1, momentum=0.9), Adam(lr=0.1)):
        new, _ = spec.update({"w": w}, {"w": w * 2}, spec.init({"w": w}), lr=torch.tensor(0.1), step=torch.tensor(0))
        assert not new["w"].requires_grad
        spec.update_({"w": w}, {"w": torch.ones(3)}, spec.init({"w": w}), lr=0.1, step=0)
    assert w.requires_grad and w.grad_fn is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sgd(lr=-0.1), "lr"),
        (lambda: Sgd(lr=math.nan), "lr"),
        (lambda: Sgd(lr=0.1, momentum=1.0), "momentum"),
        (lambda: Sgd(lr=0.1, nesterov=True), "momentum"),
        (lambda: Sgd(lr=0.1, weight_decay=-1.0), "weight_decay"),
        (lambda: Adam(lr=0.1, betas=(0.9, 1.0)), r"betas\[1\]"),
        (lambda: Adam(lr=0.1, eps=-1.0), "eps"),
    ],
)
def test_a_spec_out_of_range_is_refused(make: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()


def test_tensors_that_do_not_fit_are_refused_before_anything_is_written() -> None:
    spec, w = Sgd(lr=0.1, momentum=0.9), {"w": torch.ones(20)}
    slots = spec.init(w)
    with pytest.raises(UsageError, match=r"'w' has shape \(10,\), the parameter \(20,\)"):
        spec.update_(w, {"w": torch.ones(10)}, slots, lr=0.1, step=0)
    with pytest.raises(UsageError, match=r"\['v', 'w'\]"):
        spec.update_(w, {"v": torch.ones(20)}, slots, lr=0.1, step=0)
    with pytest.raises(UsageError, match="init"):
        spec.update_(w, {"w": torch.ones(20)}, {}, lr=0.1, step=0)
    with pytest.raises(UsageError, match=r"shape \(3,\) was given for 'w'"):
        spec.update(w, {"w": torch.ones(20)}, slots, lr=torch.ones(3), step=torch.tensor(0))
    assert torch.equal(w["w"], torch.ones(20))
