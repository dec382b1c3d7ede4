"""A user's optimizer is saved and restored with those inside it, so that a rewound training goes on exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from lotterylab import masks, tickets
from lotterylab.errors import UsageError
from lotterylab.training.user import Run
from lotterylab.training.user_slots import restore, saved
from some_attached import network
from some_wrappers import WRAPPERS, Lookahead, Masters, Sharp, Shell, Slow, memories, sgd, take_step


@pytest.mark.parametrize("name", [name for name in WRAPPERS if name != "masters only inside"])
def test_a_new_wrapper_with_the_saved_state_has_the_same_numbers(name: str) -> None:
    module = network()
    optimizer = WRAPPERS[name](module)
    for step in range(3):
        take_step(module, optimizer, step)
    slots = saved(optimizer, dict(module.named_parameters()))
    other = network()
    other.load_state_dict(module.state_dict())
    again = WRAPPERS[name](other)
    restore(again, dict(other.named_parameters()), slots)
    for one in (optimizer, again):  # Lookahead counts its steps outside its state; here both have the same count
        while not hasattr(one, "count") and hasattr(one, "optimizer"):
            one = one.optimizer
        if hasattr(one, "count"):
            one.count = 0
    for step in range(3, 9):
        for net, one in ((module, optimizer), (other, again)):
            take_step(net, one, step)
        assert masks.digest(other.state_dict()) == masks.digest(module.state_dict())


def test_the_state_of_a_wrapper_that_shows_another_s_is_saved_once_under_its_plain_names() -> None:
    module = network()
    optimizer = Shell(sgd(module.parameters()))
    take_step(module, optimizer, 0)
    names = {name.partition("/")[0] for name in saved(optimizer, dict(module.named_parameters()))}
    assert names == {"momentum_buffer"}


def test_slots_inside_are_named_by_the_way_to_them() -> None:
    module = network()
    optimizer = Sharp(module.parameters())
    take_step(module, optimizer, 0)
    names = {name.partition("/")[0] for name in saved(optimizer, dict(module.named_parameters()))}
    assert names == {"old_p", "base_optimizer:momentum_buffer"}


def init_fn(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 2))


def points(seed: int, step: int) -> tuple[torch.Tensor, torch.Tensor]:
    inputs = torch.randn(32, 8, generator=torch.Generator().manual_seed(1000 * seed + step))
    return inputs, (inputs[:, 0] > 0).long()


def train(module: nn.Module, run: Run, optimizer: Any) -> None:
    with run.hold(optimizer):
        for step in run.steps:
            inputs, targets = points(run.seed, step)

            def closure(inputs: torch.Tensor = inputs, targets: torch.Tensor = targets) -> None:
                optimizer.zero_grad()
                nn.functional.cross_entropy(module(inputs), targets).backward()

            closure()
            optimizer.step(closure) if isinstance(optimizer, Sharp) else optimizer.step()


def with_sharp(module: nn.Module, run: Run) -> None:
    train(module, run, Sharp(module.parameters()))


def with_masters(module: nn.Module, run: Run) -> None:
    train(module, run, Masters(module.parameters()))


def with_shell(module: nn.Module, run: Run) -> None:
    train(module, run, Shell(torch.optim.AdamW(module.parameters(), lr=0.01)))


def with_lookahead(module: nn.Module, run: Run) -> None:
    train(module, run, Lookahead(sgd(module.parameters())))


def eval_fn(module: nn.Module) -> float:
    inputs, targets = points(7, 0)
    return float((module(inputs).argmax(1) == targets).double().mean())


@pytest.mark.parametrize("train_fn", [with_sharp, with_masters, with_shell])
def test_a_rewound_training_with_a_wrapper_goes_on_exactly(train_fn: Callable[..., None], tmp_path: Any) -> None:
    found = tickets(init_fn, train_fn, eval_fn, steps=12, sparsities=[0.5], rewind_to=5, seeds=1, store=tmp_path)
    assert not found.failed and [alarm for alarm in found.alarms if alarm.severity == "fault"] == []


def test_a_wrapper_that_counts_its_steps_outside_its_state_is_named(tmp_path: Any) -> None:
    found = tickets(init_fn, with_lookahead, eval_fn, steps=12, sparsities=[0.5], rewind_to=5, seeds=1, store=tmp_path)
    assert [alarm.code for alarm in found.alarms if alarm.severity == "fault"] == ["steps-not-continued"]


def test_a_parameter_from_elsewhere_inside_a_wrapper_is_refused() -> None:
    module = network()
    temperature = nn.Parameter(torch.ones(()))
    run = Run(module=module, mask=masks.ones(dict(module.named_parameters())), seed=0, steps=range(1), slots={})
    with (
        pytest.raises(UsageError, match=r"a parameter of shape \(\) that does not belong to the module"),
        run.hold(Shell(sgd([*module.parameters(), temperature]))),
    ):
        pass


def test_lists_of_slow_weights_are_saved_and_restored() -> None:
    module = network()
    optimizer = Slow(module, "grouped")
    for step in range(3):
        take_step(module, optimizer, step)
    slots = saved(optimizer, dict(module.named_parameters()))
    again = Slow(module, "grouped")
    restore(again, dict(module.named_parameters()), slots)
    for one, other in zip(memories(optimizer.slow), memories(again.slow), strict=True):
        assert torch.equal(one, other)
