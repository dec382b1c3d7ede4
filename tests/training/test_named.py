"""Results of a user's functions are named by the functions' sources and the values they hold."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from lotterylab.errors import UsageError
from lotterylab.training.named import code_of
from some_loop import eval_fn, init_fn


def with_rate(rate, also=()):
    """Return a training function that holds values which its source does not show."""

    def train_fn(module, run, times=also):
        optimizer = torch.optim.SGD(module.parameters(), lr=rate)
        with run.hold(optimizer):
            for _ in run.steps:
                optimizer.step()
        return times

    return train_fn


def test_a_function_is_named_by_the_values_that_it_holds_too():
    held = [0.1, 0.5, torch.ones(2), torch.zeros(2), torch.zeros(2).double(), (1, "a"), {"b": [2.5]}, eval_fn, nn.ReLU]
    held += [
        torch.float64,
        torch.nn.functional,
        torch.relu,
        {1, 2},
        None,
        True,
        partial(init_fn, 3),
        partial(init_fn, 4),
    ]
    names = [code_of(with_rate(value)) for value in held]
    assert len(set(names)) == len(held) and names == [code_of(with_rate(value)) for value in held]
    assert code_of(with_rate(0.1, also=(1,))) != code_of(with_rate(0.1, also=(2,)))
    assert code_of(with_rate(with_rate(0.1))) != code_of(with_rate(with_rate(0.2))), "functions that they hold, too"


def test_a_function_that_calls_itself_has_a_name():
    def again(module, run):
        return again

    assert code_of(again) == code_of(again)


class Trainer:
    """With a method as training function."""

    def train_fn(self, module, run):
        """Does nothing."""


@pytest.mark.parametrize(
    "function", [with_rate(iter([1])), with_rate([object()]), Trainer().train_fn, with_rate(lambda x: x)]
)
def test_a_function_that_holds_what_has_no_name_is_refused(function):
    with pytest.raises(UsageError, match=r"holds .*raise version=|a lambda has no name"):
        code_of(function)
