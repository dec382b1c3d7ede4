"""What may be given as an argument is never called wrong; what is plainly of another kind is."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from fractions import Fraction
from importlib import import_module
from types import FunctionType

import numpy as np
import pytest
import torch
from torch import nn

import lotterylab as ll
from lotterylab.homes import ROOMS
from lotterylab.own_code.arguments import FAMILIES, KINDS, kinds_of, wrong_kind
from lotterylab.types import Mask

PUBLIC = {
    f"{face.__name__}.{name}": getattr(face, name)
    for face in (ll, *(import_module(f"lotterylab.{room}") for room in ROOMS))
    for name in getattr(face, "__all__", dir(face))
}
CALLS = {
    name: function
    for name, thing in PUBLIC.items()
    for function in [inspect.unwrap(thing.__init__ if isinstance(thing, type) else thing)]
    if isinstance(function, FunctionType)
}
RIGHT = {  # an annotation, and values of it
    "nn.Module": (nn.Linear(2, 2), nn.Sequential()),
    "Mask": ({}, {"a": torch.ones(2).bool()}, OrderedDict(a=torch.ones(2))),
    "Mapping[str, Tensor]": (nn.Linear(2, 2).state_dict(),),
    "torch.optim.Optimizer": (torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1),),
    "Criterion": (ll.criteria.Magnitude(), ll.criteria.Snip()),
    "Loss": (nn.CrossEntropyLoss(), nn.functional.cross_entropy, lambda outputs, targets: outputs.sum()),
    "Model": (ll.models.Mlp(),),
    "DataSpec": (ll.data.Digits(),),
    "int": (3, np.int64(3), torch.tensor(3)),
    "float": (0.5, 1, Fraction(1, 2), np.float32(0.5), torch.tensor(0.5)),
    "bool": (True, np.bool_(True)),
    "str": ("relu",),
    "int | None": (None, 3),
    "tuple[int, ...]": ((1, 2), [1, 2], torch.Size([1]), np.ones(2), range(3)),
    "Sequence[float]": ((0.5,), [0.5], np.ones(2), range(3)),
    "Callable[[int], nn.Module]": (len, nn.Linear, lambda seed: nn.Linear(2, 2)),
    "RewindTo": (lambda round: 5,),
    "Mapping[str, float]": ({}, {"a": 0.5}),
    "Batch | Iterable[Batch]": (None, 3, "any"),  # not known, so that nothing is wrong
}
WRONG = {  # an annotation, and values that are plainly not of it
    "nn.Module": (3, "net", nn.Linear, {}, torch.ones(2), ll.criteria.Magnitude(), None),
    "Mask": (0.5, nn.Linear(2, 2), {"a": 0.5}, [torch.ones(2)]),
    "Criterion": ("magnitude", ll.criteria.Magnitude, nn.Linear(2, 2), torch.abs, None),
    "Loss": ("mse", nn.CrossEntropyLoss, torch.ones(()), None),
    "int": ("3", [3], None, nn.Linear(2, 2)),
    "str": (3, None, nn.Linear(2, 2)),
    "int | None": ("3", (3,)),
    "tuple[int, ...]": (3, "3", torch.ones(2)),
    "Sequence[float]": (0.5, None, {}),
    "Callable[[int], nn.Module]": (nn.Linear(2, 2), 3, "net", None),
    "RewindTo": (5, None),
    "Mapping[str, float]": ([], 3, None),
}


def answer(hint: str, value: object) -> str:
    def call(it): ...

    call.__annotations__ = {"it": hint}
    return wrong_kind(call, "call", (value,), {})


@pytest.mark.parametrize("hint", RIGHT)
def test_a_right_value_is_never_called_wrong(hint):
    assert [answer(hint, value) for value in RIGHT[hint]] == [""] * len(RIGHT[hint])


@pytest.mark.parametrize("hint", WRONG)
def test_a_value_of_another_kind_is_named_with_the_right_one(hint):
    for value in WRONG[hint]:
        assert answer(hint, value).startswith("call() takes "), value
        assert answer(hint, value).endswith(" was given.")


@pytest.mark.parametrize("name", CALLS)
def test_no_default_of_a_public_call_is_called_wrong(name):
    for word, parameter in inspect.signature(CALLS[name]).parameters.items():
        kinds = kinds_of(CALLS[name], word)
        given = parameter.default is not parameter.empty and repr(parameter.default) != "<factory>"
        if kinds and given:
            assert any(kind.fits(parameter.default) for kind in kinds), f"{name}({word}={parameter.default!r})"


def test_many_public_calls_are_answered_by_kind():
    known = [name for name, call in CALLS.items() if any(kinds_of(call, word) for word in call.__annotations__)]
    assert len(known) > 100
    assert not [kind.called for kind in (*KINDS.values(), *(kind for _, kind in FAMILIES)) if not kind.called]


def test_a_parameter_without_an_annotation_is_never_wrong():
    def call(module, **more: Mask): ...

    assert wrong_kind(call, "call", (3,), {"other": 3}) == ""
