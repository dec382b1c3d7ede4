from __future__ import annotations

import copy
import gc
import io
import pickle
import weakref
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lotterylab import masks
from lotterylab.errors import LotteryError, UsageError
from lotterylab.training.attach import attach
from lotterylab.types import Mask

Make = Callable[[Any], torch.optim.Optimizer]

BASES: dict[str, Make] = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-2),
    "SGD foreach": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-2, foreach=True),
    "SGD fused": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-2, fused=True),
    "SGD nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-2, nesterov=True),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "AdamW foreach": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1, foreach=True),
    "AdamW fused": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1, fused=True),
    "Adam amsgrad": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1, amsgrad=True),
    "Adam amsgrad fused": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1, amsgrad=True, fused=True),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.9, centered=True, weight_decay=1e-2),
    "RMSprop foreach": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.9, centered=True, foreach=True),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1, weight_decay=1e-2, initial_accumulator_value=0.1),
    "Adagrad fused": lambda p: torch.optim.Adagrad(p, lr=0.1, weight_decay=1e-2, fused=True),
    "Rprop": lambda p: torch.optim.Rprop(p),  # a step size in each entry, which it starts above zero
    "Adagrad eps 0": lambda p: torch.optim.Adagrad(p, lr=0.1, eps=0.0),  # 0/0 at what is pruned
}


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5))


def half(module: nn.Module, seed: int = 0, keep: float = 0.5) -> Mask:
    draw = torch.Generator().manual_seed(seed)
    named = dict(module.named_parameters())
    return cast(Mask, {n: torch.rand(named[n].shape, generator=draw) < keep for n in ("0.weight", "4.weight")})


def batch(step: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1000 + step)
    return torch.randn(8, 1, 6, 6, generator=draw, dtype=dtype), torch.randint(5, (8,), generator=draw)


def backward(module: nn.Module, step: int) -> None:
    inputs, targets = batch(step, next(module.parameters()).dtype)
    cross_entropy(module(inputs), targets).backward()


def train(module: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        optimizer.zero_grad()
        backward(module, step)
        optimizer.step()


def pruned_bits(module: nn.Module, optimizer: torch.optim.Optimizer, mask: Mask) -> Iterator[Tensor]:
    """The bits, as integers, of pruned weights and of the state that has their shape; found without our code."""
    integers = {torch.float32: torch.int32, torch.float64: torch.int64}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        if name in mask:
            of_shape = [v for v in optimizer.state[parameter].values() if v.shape == parameter.shape]
            for tensor in (parameter.detach(), *of_shape):
                yield tensor[~mask[name]].view(integers[tensor.dtype])


def all_positive_zero(module: nn.Module, optimizer: torch.optim.Optimizer, mask: Mask) -> bool:
    return not any(bool(bits.any()) for bits in pruned_bits(module, optimizer, mask))


@pytest.mark.parametrize("make", BASES.values(), ids=BASES.keys())
def test_what_is_pruned_is_positive_zero_after_each_of_100_steps(make: Make) -> None:
    module = network()
    optimizer = make(module.parameters())
    train(module, optimizer, range(3))  # the mask comes to a warm optimizer
    mask = half(module)
    assert not all_positive_zero(module, optimizer, mask)
    held = attach(module, optimizer, mask)
    assert all_positive_zero(module, optimizer, mask)
    for step in range(3, 103):
        train(module, optimizer, range(step, step + 1))
        assert all_positive_zero(module, optimizer, mask)
    held.verify()
    for name, kept in mask.items():  # and what is kept was trained
        assert bool((module.get_parameter(name)[kept] != network().get_parameter(name)[kept]).all())


@pytest.mark.parametrize("name", ["SGD", "AdamW"])
def test_masking_the_gradients_alone_does_not_hold_a_mask(name: str) -> None:
    """The naive way: what the test above would notice, and why ``attach`` does more."""
    module = network()
    optimizer = BASES[name](module.parameters())
    train(module, optimizer, range(3))
    mask = half(module)
    masks.apply(module, mask)
    backward(module, 3)
    for key, kept in mask.items():
        gradient = module.get_parameter(key).grad
        assert gradient is not None
        gradient.mul_(kept)
    optimizer.step()
    assert not all_positive_zero(module, optimizer, mask)


@pytest.mark.parametrize("make", BASES.values(), ids=BASES.keys())
def test_a_mask_of_ones_changes_no_bit_of_a_training(make: Make) -> None:
    plain, attached = network(), network()
    for module in (plain, attached):
        optimizer = make(module.parameters())
        if module is attached:
            attach(module, optimizer, masks.ones(dict(module.named_parameters())))
        train(module, optimizer, range(20))
    assert masks.digest(plain.state_dict()) == masks.digest(attached.state_dict())


def test_clipping_sees_the_masked_gradient() -> None:
    module, reference = network(), network()
    mask = half(module)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    attach(module, optimizer, mask)
    masks.apply(reference, mask)
    backward(module, 0)
    backward(reference, 0)
    expected = {
        name: p.grad.where(mask[name], 0.0) if name in mask else p.grad
        for name, p in reference.named_parameters()
        if p.grad is not None
    }
    norm = torch.stack([g.square().sum() for g in expected.values()]).sum().sqrt()
    total = nn.utils.clip_grad_norm_(module.parameters(), max_norm=0.01)
    torch.testing.assert_close(total, norm)
    for name, p in module.named_parameters():
        torch.testing.assert_close(p.grad, expected[name] * (0.01 / norm), rtol=1e-4, atol=1e-8)


def test_accumulating_two_micro_batches_equals_masking_their_sum() -> None:
    module, reference = network(), network()
    mask = half(module)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    attach(module, optimizer, mask)
    masks.apply(reference, mask)
    for step in range(2):
        backward(module, step)
        backward(reference, step)
    for name, p in module.named_parameters():
        whole = reference.get_parameter(name).grad
        assert whole is not None and p.grad is not None
        assert torch.equal(p.grad, whole.where(mask[name], 0.0) if name in mask else whole)


def test_gradients_that_are_not_numbers_become_zero_where_pruned() -> None:
    module = nn.Linear(3, 1, bias=False)
    mask = cast(Mask, {"weight": torch.tensor([[True, False, True]])})
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    attach(module, optimizer, mask)
    module(torch.tensor([[1.0, float("nan"), 1.0]])).backward(torch.ones(1, 1))
    assert module.weight.grad is not None
    assert module.weight.grad.tolist() == [[1.0, 0.0, 1.0]]
    optimizer.step()
    assert bool(module.weight.isfinite().all()) and all_positive_zero(module, optimizer, mask)


def test_attaching_sets_gradients_that_are_there_already() -> None:
    module = network()
    mask = half(module)
    backward(module, 0)
    attach(module, torch.optim.SGD(module.parameters(), lr=0.1), mask)
    for name, kept in mask.items():
        gradient = module.get_parameter(name).grad
        assert gradient is not None and not gradient[~kept].any() and gradient[kept].any()


# refusals


def assert_refused(module: nn.Module, optimizer: Any, mask: Mask, *words: str) -> None:
    """Refused with these words, and nothing was changed and no hook is left."""
    before = masks.digest(module.state_dict())
    with pytest.raises(UsageError) as error:
        attach(module, optimizer, mask)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert masks.digest(module.state_dict()) == before
    assert not any(p._post_accumulate_grad_hooks for p in module.parameters())
    assert not getattr(optimizer, "_optimizer_step_post_hooks", None)


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
    assert_refused(module, head, half(module), "'0.weight'", "no parameter group of Adam", "masks.apply")


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
    """Plain descent whose state is inside a list, a tuple and a dict; ``kind`` makes the one that cannot be held."""

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


# states, copies, devices


def test_state_dict_round_trip_through_a_file_holds_the_loaded_mask_at_once() -> None:
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    first, second = half(module, 1), half(module, 2)
    held = attach(module, optimizer, first)
    train(module, optimizer, range(2))
    file = io.BytesIO()
    other = network()
    torch.save(attach(other, torch.optim.SGD(other.parameters(), lr=0.1), second).state_dict(), file)
    file.seek(0)
    held.load_state_dict(torch.load(file, weights_only=True))
    assert masks.digest(held.state_dict()) == masks.digest(held.mask) == masks.digest(second)
    assert all_positive_zero(module, optimizer, second)
    train(module, optimizer, range(2, 4))
    assert all_positive_zero(module, optimizer, second)
    free = second["4.weight"] & ~first["4.weight"]  # what the first mask pruned may move again
    assert bool(module.get_parameter("4.weight")[free].any())


def test_a_loaded_mask_of_other_names_or_shapes_is_refused_and_the_old_one_held() -> None:
    module = network()
    mask = half(module)
    held = attach(module, torch.optim.SGD(module.parameters(), lr=0.1), mask)
    with pytest.raises(UsageError, match=r"differ in \['0.weight'\]"):
        held.load_state_dict({"4.weight": mask["4.weight"]})
    with pytest.raises(UsageError, match=r"\(4, 9\)"):
        held.load_state_dict({**mask, "0.weight": mask["0.weight"].view(4, 9)})
    assert masks.digest(held.mask) == masks.digest(mask)


def test_the_masks_given_and_returned_are_copies() -> None:
    module = network()
    mask = half(module)
    held = attach(module, torch.optim.SGD(module.parameters(), lr=0.1), mask)
    digest = masks.digest(mask)
    held.mask["4.weight"].fill_(True)
    mask["4.weight"].fill_(True)
    assert masks.digest(held.state_dict()) == digest


@pytest.mark.parametrize("name", ["SGD", "AdamW fused"])
def test_states_loaded_in_the_middle_of_a_training_are_held_at_the_next_step(name: str) -> None:
    dense, module = network(1), network()
    dense_optimizer, optimizer = BASES[name](dense.parameters()), BASES[name](module.parameters())
    train(dense, dense_optimizer, range(3))
    mask = half(module)
    held = attach(module, optimizer, mask)
    train(module, optimizer, range(2))
    optimizer.load_state_dict(dense_optimizer.state_dict())  # new tensors, warm where the mask prunes
    module.load_state_dict(dense.state_dict())
    with pytest.raises(LotteryError, match=r"not \+0\.0"):
        held.verify()
    train(module, optimizer, range(2, 3))
    held.verify()
    assert all_positive_zero(module, optimizer, mask)
    module.load_state_dict(dense.state_dict())
    held.hold()  # or at once
    held.verify()


def test_verify_names_what_is_not_positive_zero_and_minus_zero_is_not() -> None:
    module = network()
    optimizer = torch.optim.Adam(module.parameters())
    mask = half(module)
    held = attach(module, optimizer, mask)
    train(module, optimizer, range(1))
    held.verify()
    weight, pruned = module.get_parameter("4.weight"), ~mask["4.weight"]
    row, column = pruned.nonzero()[0].tolist()
    with torch.no_grad():
        weight[row, column] = -0.0
    with pytest.raises(LotteryError, match=f"1 of {int(pruned.sum())} pruned entries of '4.weight'"):
        held.verify()
    held.hold()
    optimizer.state[weight]["exp_avg_sq"][row, column] = 1e-30
    with pytest.raises(LotteryError, match=r"state \['exp_avg_sq'\] of '4.weight'"):
        held.verify()
    held.hold()
    module[4].weight = nn.Parameter(weight.detach().clone())
    with pytest.raises(LotteryError, match=r"'4.weight' is no longer the parameter"):
        held.verify()


def test_leaving_the_block_detaches_and_the_weights_stay_zero() -> None:
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    mask = half(module)
    with attach(module, optimizer, mask) as held:
        train(module, optimizer, range(3))
    held.verify()
    held.detach()  # a second time does nothing
    train(module, optimizer, range(3, 4))
    gradient = module.get_parameter("4.weight").grad
    assert gradient is not None and gradient[~mask["4.weight"]].any()
    assert not all_positive_zero(module, optimizer, mask)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = nn.Linear(5, 5), nn.Linear(5, 5)
        self.decode.weight = self.encode.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x).relu())


@pytest.mark.parametrize("name", ["encode.weight", "decode.weight"])
def test_a_tied_parameter_is_held_under_any_of_its_names(name: str) -> None:
    module = Tied()
    optimizer = torch.optim.AdamW(module.parameters(), weight_decay=0.1)
    mask = cast(Mask, {name: torch.rand(5, 5) < 0.5})
    held = attach(module, optimizer, mask)
    for _ in range(5):
        optimizer.zero_grad()
        module(torch.randn(4, 5)).square().sum().backward()
        optimizer.step()
        assert all_positive_zero(module, optimizer, mask)
    held.verify()
    assert list(held.mask) == [name]


def test_a_tied_parameter_named_twice_is_refused() -> None:
    module = Tied()
    twice = masks.ones(dict(module.named_parameters(remove_duplicate=False)), ["encode.weight", "decode.weight"])
    assert_refused(module, torch.optim.SGD(module.parameters(), lr=0.1), twice, "one tied parameter")


def test_copies_of_an_attached_module_work_and_are_not_attached() -> None:
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    mask = half(module)
    held = attach(module, optimizer, mask)
    train(module, optimizer, range(2))
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    copies = [copy.deepcopy(module), pickle.loads(pickle.dumps(module)), torch.load(file, weights_only=False)]
    before = masks.digest(module.state_dict())
    for other in copies:
        assert masks.digest(other.state_dict()) == before
        other_optimizer = torch.optim.SGD(other.parameters(), lr=0.1)
        train(other, other_optimizer, range(1))
        assert not all_positive_zero(other, other_optimizer, mask)
    assert masks.digest(module.state_dict()) == before
    train(module, optimizer, range(2, 4))
    held.verify()


def test_a_module_a_mask_and_an_optimizer_that_are_let_go_are_freed() -> None:
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    attach(module, optimizer, half(module))
    train(module, optimizer, range(1))
    gone = weakref.ref(module)
    del module, optimizer
    gc.collect()
    assert gone() is None


def test_a_layer_that_is_frozen_when_attached_is_held_once_it_is_trained() -> None:
    module = network().requires_grad_(False)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    mask = half(module)
    attach(module, optimizer, mask)
    assert not any(p.requires_grad for p in module.parameters())
    module.requires_grad_(True)
    backward(module, 0)
    gradient = module.get_parameter("4.weight").grad
    assert gradient is not None and not gradient[~mask["4.weight"]].any()
    optimizer.step()
    assert all_positive_zero(module, optimizer, mask)


@pytest.mark.parametrize(
    "to",
    [
        {"dtype": torch.float64},
        {"memory_format": torch.channels_last},
        pytest.param({"device": "cuda"}, marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
    ],
    ids=str,
)
def test_a_module_moved_after_attaching_is_held(to: dict[str, Any]) -> None:
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    mask = half(module)
    held = attach(module, optimizer, mask)
    module.to(**to)
    for step in range(3):
        optimizer.zero_grad()
        weight = module.get_parameter("0.weight")
        inputs, targets = (t.to(weight.device) for t in batch(step, weight.dtype))
        cross_entropy(module(inputs), targets).backward()
        assert weight.grad is not None and not weight.grad[~mask["0.weight"].to(weight.device)].any()
        optimizer.step()
        held.verify()
    assert held.mask["0.weight"].device == module.get_parameter("0.weight").device
    assert masks.digest(held.mask) == masks.digest(mask)
