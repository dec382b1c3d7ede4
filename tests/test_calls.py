"""A misspelt name or argument of the faces is answered with the right one; a single value is taken for a list."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pickle
from types import FunctionType
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import lotterylab as ll
from lotterylab.errors import CallError, UsageError
from lotterylab.homes import HELPED, ROOMS, UnknownName, as_tuple, helpful

FACES = ("lotterylab", *(f"lotterylab.{room}" for room in ROOMS))


def offers() -> dict[str, Any]:
    """Every function and class that a public face offers, by its full name."""
    found = {}
    for face in FACES:
        module = importlib.import_module(face)
        for name in getattr(module, "__all__", None) or dir(module):
            value = getattr(module, name)
            if isinstance(value, type | FunctionType):
                found[f"{face}.{name}"] = value
    return found


OFFERS = offers()
CALLABLE = {
    name: value
    for name, value in OFFERS.items()
    if isinstance(value, FunctionType) or (dataclasses.is_dataclass(value) and not inspect.isabstract(value))
}


def typo(word: str) -> str:
    return word[:1] + word[1:3][::-1] + word[3:] if len(word) > 3 and word[1] != word[2] else f"{word}x"


def named(value: Any) -> list[str]:
    """The arguments that can be given by name."""
    parameters = inspect.signature(value).parameters.values()
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return []
    return [each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]


def test_the_faces_offer_many_things_that_can_be_called():
    assert len(CALLABLE) > 150 and "lotterylab.prune" in CALLABLE and "lotterylab.plan.Recipe" in CALLABLE


@pytest.mark.parametrize("name", CALLABLE)
def test_a_misspelt_argument_is_answered_with_the_right_one(name):
    for word in named(CALLABLE[name]):
        wrong = typo(word)
        if wrong in named(CALLABLE[name]):
            continue
        with pytest.raises(
            CallError, match=rf"takes no argument '{wrong}'. Did you mean .*{word}=.* It takes: "
        ) as refused:
            CALLABLE[name](**{wrong: 1})
        assert isinstance(refused.value, TypeError) and isinstance(refused.value, UsageError)
        assert refused.value.__cause__ is None and refused.value.__context__ is None


@pytest.mark.parametrize("name", CALLABLE)
def test_a_name_in_lower_case_or_from_another_face_is_found(name):
    _, _, short = name.rpartition(".")
    for place in ("lotterylab", "lotterylab.statistics"):
        with pytest.raises(AttributeError, match=rf"module '{place}' has no attribute '{short}_'. Did you mean"):
            getattr(importlib.import_module(place), f"{short}_")
    if short not in dir(ll):
        with pytest.raises(UnknownName, match=rf"Did you mean .*lotterylab\.\w+\.{short}"):
            getattr(ll, short)
        assert not hasattr(ll, short)


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("ll.Magnitude", "lotterylab.criteria.Magnitude"),
        ("ll.SNIP", "lotterylab.criteria.Snip"),
        ("ll.prun", "lotterylab.prune"),
        ("ll.criteria.RigL", "lotterylab.interventions.RigL"),
        ("ll.criteria.Grap", "lotterylab.criteria.Grasp"),
        ("ll.plan.Recpie", "lotterylab.plan.Recipe"),
        ("ll.gates.instal", "lotterylab.gates.install"),
        ("ll.models.ResNet20", "lotterylab.models.ResNet"),
    ],
)
def test_the_names_that_people_try_are_answered(name, right):
    with pytest.raises(AttributeError, match=f"Did you mean {right}[?]"):
        eval(name)


def test_a_name_that_is_near_nothing_lists_what_there_is():
    with pytest.raises(AttributeError, match=r"has no attribute 'zzzzzzzz'. It has: Adam, At, "):
        _ = ll.plan.zzzzzzzz


@pytest.mark.parametrize("name", OFFERS)
def test_what_a_face_offers_is_found_again_by_a_pickle_and_keeps_its_signature(name):
    value = OFFERS[name]
    assert pickle.loads(pickle.dumps(value)) is value
    if isinstance(value, FunctionType):
        assert hasattr(value, HELPED) and value.__doc__ and value.__wrapped__.__doc__ == value.__doc__
        assert inspect.signature(value) == inspect.signature(value.__wrapped__)


@helpful
def call(module, count=1, *, sparsity, **rest):
    if module == "wrong":
        raise TypeError("from within")
    return module, count, sparsity, rest


@helpful
@dataclasses.dataclass(frozen=True, kw_only=True)
class Spec:
    words: tuple[str, ...] = ()
    pair: tuple[int, int] = (1, 2)


def test_wrong_calls_say_what_is_needed():
    assert call("net", sparsity=0.5, other=1) == ("net", 1, 0.5, {"other": 1})
    with pytest.raises(CallError, match=r"^call\(\) also needs sparsity=. It takes: module, count, sparsity.$"):
        call("net")
    with pytest.raises(CallError, match=r"^call\(\) takes at most 2 arguments by their place; 3 given."):
        call("net", 1, 0.5)
    with pytest.raises(CallError, match=r"^call\(\) got module twice: by its place and by its name. Give it once.$"):
        call("net", module="net", sparsity=0.5)
    with pytest.raises(CallError, match=r"^Spec\(\) takes its arguments by name: Spec\(words=\.\.\., pair=\.\.\.\)"):
        Spec("relu")
    with pytest.raises(CallError, match=r"Magnitude\(\) takes no arguments; 1 given. Write Magnitude\(\).$"):
        ll.criteria.Magnitude(3)  # type: ignore[call-arg]


def test_a_type_error_from_within_stays_what_it_is():
    with pytest.raises(TypeError, match=r"^from within$") as same:
        call("wrong", sparsity=1)
    assert type(same.value) is TypeError


# a single value in the place of a list


@given(st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.lists(st.integers()), st.tuples(st.text())))
def test_only_single_values_and_lists_become_tuples(value):
    taken = as_tuple(value)
    assert taken is None if value is None else isinstance(taken, tuple)
    assert as_tuple(taken) is taken
    if value is not None:
        assert taken == (tuple(value) if isinstance(value, list | tuple) else (value,))


def test_a_field_of_several_takes_a_single_value_or_a_list():
    assert Spec(words="relu").words == ("relu",)  # type: ignore[arg-type]
    assert Spec(words=["relu", "tanh"]).words == ("relu", "tanh")  # type: ignore[arg-type]
    assert Spec(pair=3).pair == 3  # type: ignore[arg-type]  # a field of just two is as it was given
    one, several = ll.models.Mlp(shape=(1, 8, 8), widths=20), ll.models.Mlp(shape=(1, 8, 8), widths=[20])  # type: ignore[arg-type]
    assert one == several == ll.models.Mlp(shape=(1, 8, 8), widths=(20,))
    recipe = ll.plan.Recipe(epochs=1, optimizer=ll.plan.Sgd(lr=0.1), watch="validation")  # type: ignore[arg-type]
    assert recipe.watch == ("validation",)


def test_a_parameter_of_several_takes_a_single_value():
    data, recipe = ll.plan.pinned(ll.data.Digits()), ll.plan.Recipe(epochs=1, optimizer=ll.plan.Sgd(lr=0.1))
    dense = ll.plan.dense_run(ll.models.Mlp(shape=(1, 8, 8)), data, recipe, seed=0)
    how: dict[str, Any] = {"criterion": ll.criteria.Magnitude(), "seed": 0}
    rate = ll.plan.Rate(share=0.2)
    for find in (ll.plan.iterative, ll.plan.one_shot, ll.plan.learning_rate_rewinding, ll.plan.at_initialisation):
        assert find(dense, 0.5, **how)[0].run == find(dense, [0.5], **how)[0].run
        assert find(dense, sparsities=rate, **how)[0].run == find(dense, [rate], **how)[0].run


def test_the_numbers_of_seeds_may_be_a_mapping_or_a_single_number():
    assert ll.statistics.t_interval({7: 0.5, 9: 0.75}) == ll.statistics.t_interval([0.5, 0.75])  # type: ignore[arg-type]
    assert ll.statistics.t_interval(0.5).mean == 0.5  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("magnitude", "Magnitude"),
        ("Snip", "Snip"),
        ("magnitud", "Magnitude"),
        ("gras", "Grasp"),
        ("large-final-of-sgn", "LargeFinalOfSign"),
        (ll.criteria.SynFlow, "SynFlow"),
        (importlib.import_module("lotterylab.criteria.synflow"), "SynFlow"),
    ],
)
def test_a_criterion_by_its_name_class_or_module_is_answered_with_the_object(given, named):
    with pytest.raises(UsageError, match=rf"criterion is .*: lotterylab\.criteria\.{named}\(\)\.$"):
        ll.prune(torch.nn.Linear(2, 2), given, 0.5)
