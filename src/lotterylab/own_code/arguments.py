"""Sentences on wrong arguments of a call: an unknown name, a missing one, one too many, a value of another kind."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from numbers import Real
from types import FunctionType, ModuleType
from typing import Any

from lotterylab.errors import UsageError, nearest
from lotterylab.formats.text import shown


def _is_tensor(value: object) -> bool:
    torch = sys.modules.get("torch")  # a tensor or module cannot be at hand before torch is imported
    return torch is not None and isinstance(value, torch.Tensor)


def _is_module(value: object) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | Real | list | tuple | Mapping | type | ModuleType)


def _is_object(value: object) -> bool:
    """Return whether a value is of a class that is not known here, and so may be of any kind."""
    return not (_is_plain(value) or _is_tensor(value) or _is_module(value))


def _is_loss(value: object) -> bool:
    return _is_object(value) or _is_module(value)


def _is_criterion(value: object) -> bool:
    return _is_object(value) and hasattr(value, "needs_batch")


def _is_dict(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_dict_of_tensors(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(_is_tensor, value.values()))


def _is_number(value: object) -> bool:
    return isinstance(value, Real) or _is_tensor(value) or _is_object(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_function(value: object) -> bool:
    return isinstance(value, type) or _is_object(value)


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple) or _is_object(value)


def _is_a(name: str) -> Callable[[object], bool]:
    """Return the check whether a value has a class with this name, or one derived from it."""
    return lambda value: any(base.__name__ == name for base in type(value).__mro__)


@dataclass(frozen=True)
class Kind:
    """A ``Kind`` holds how an annotation is called in a sentence, and the check whether a value may be of it."""

    called: str
    fits: Callable[[object], bool]


A_STATE = Kind("a dict from names to tensors, such as module.state_dict(),", _is_dict_of_tensors)
KINDS = {  # by the annotation as it is spelled; values of any other annotation are never called wrong
    "nn.Module": Kind("a torch.nn.Module", _is_module),
    "Mask": Kind("a mask, a dict from names to bool tensors such as lotterylab.prune returns,", _is_dict_of_tensors),
    "Scores": Kind("scores, a dict from names to tensors such as lotterylab.score returns,", _is_dict_of_tensors),
    "State": A_STATE,
    "Mapping[str, Tensor]": A_STATE,
    "torch.optim.Optimizer": Kind("a torch.optim.Optimizer", _is_object),
    "Criterion": Kind("a criterion, an object such as lotterylab.criteria.Magnitude(),", _is_criterion),
    "Loss": Kind("a function or an object such as torch.nn.CrossEntropyLoss(),", _is_loss),
    "DataSpec": Kind("a data set, an object such as lotterylab.data.Digits(),", _is_object),
    "Model": Kind("a model, an object such as lotterylab.models.Mlp(),", _is_object),
    "Plan": Kind("a Plan, such as lotterylab.plan.comparison makes,", _is_a("Plan")),
    "Train": Kind("a Train, such as lotterylab.plan.dense_run makes,", _is_a("Train")),
    "Ticket": Kind("a Ticket, such as lotterylab.plan.iterative finds,", _is_a("Ticket")),
    "Data": Kind("pinned data, lotterylab.plan.pinned(spec),", _is_a("Data")),
    "Recipe": Kind("a lotterylab.plan.Recipe", _is_object),
    "RewindTo": Kind("a function from the round to a step, such as lambda round: 500,", _is_function),
    "int": Kind("a whole number", _is_number),
    "float": Kind("a number", _is_number),
    "bool": Kind("True or False", _is_number),
    "str": Kind("a text", _is_text),
    "None": Kind("None", lambda value: value is None),
}
FAMILIES = (  # by the beginning of the annotation
    ("Sequence[", Kind("a list", _is_list)),
    ("Mapping[", Kind("a dict", _is_dict)),
    ("Callable[", Kind("a function", _is_function)),
    ("tuple[int", Kind("several values, such as (3, 32, 32),", _is_list)),
    ("tuple[", Kind("several values, such as (0.9, 0.999),", _is_list)),
)


def wrong_names(function: Callable[..., Any], name: str, args: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    """Return which argument of a call is unknown, missing or one too many, and which are right; or "".

    Args:
        function: the function that was called.
        name: its name in the sentence.
        args: the arguments by their place, without ``self``.
        named: the arguments by name.
    """
    parameters = [each for each in inspect.signature(function).parameters.values() if each.name != "self"]
    placed = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    others = [each for each in parameters if each.kind is each.KEYWORD_ONLY]
    open_kinds = {each.kind for each in parameters} - {each.kind for each in (*placed, *others)}
    words = [each.name for each in (*placed, *others)]
    takes = f"It takes: {', '.join(words)}." if words else "It takes none."
    for given in named:
        if given not in words and inspect.Parameter.VAR_KEYWORD not in open_kinds:
            hint = " or ".join(f"{word}=" for word in nearest(given, words))
            return f"{name}() takes no argument '{given}'.{f' Did you mean {hint}?' if hint else ''} {takes}"
    if len(args) > len(placed) and inspect.Parameter.VAR_POSITIONAL not in open_kinds:
        if not placed and others:
            example = ", ".join(f"{each.name}=..." for each in others[:3])
            return f"{name}() takes its arguments by name: {name}({example}). {takes}"
        by_place = f"takes at most {len(placed)} arguments by their place" if placed else "takes no arguments"
        return f"{name}() {by_place}; {len(args)} given. {takes if placed else f'Write {name}().'}"
    if twice := [each.name for each in placed[: len(args)] if each.name in named]:
        return f"{name}() got {twice[0]} twice: by its place and by its name. Give it once."
    lacking = [each for each in (*placed[len(args) :], *others) if each.default is each.empty]
    if lacking := [each for each in lacking if each.name not in named]:
        needs = ", ".join(f"{each.name}=" if each in others else each.name for each in lacking)
        return f"{name}() also needs {needs}. {takes}"
    return ""


def wrong_kind(function: FunctionType, name: str, args: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    """Return which argument of a call that failed is plainly of another kind than its annotation, or "".

    Args:
        function: the function that was called.
        name: its name in the sentence.
        args: the arguments by their place, without ``self``.
        named: the arguments by name.
    """
    placed = [each for each in inspect.signature(function).parameters if each != "self"]
    for word, value in {**dict(zip(placed, args, strict=False)), **named}.items():
        kinds = kinds_of(function, word)
        if kinds and not any(kind.fits(value) for kind in kinds):
            called = " or ".join(dict.fromkeys(kind.called for kind in kinds if kind is not KINDS["None"]))
            return f"{name}() takes {called} as {word}; {described(value)} was given."
    return ""


def kinds_of(function: FunctionType, word: str) -> list[Kind]:
    """Return the kinds that a parameter may have by its annotation; [] if any part of it is not known."""
    if word not in function.__annotations__:
        return []
    hint = function.__annotations__[word]
    parts = _parts(hint if isinstance(hint, str) else getattr(hint, "__name__", str(hint)))
    kinds = [_kind_of(part) for part in parts]
    return [kind for kind in kinds if kind] if all(kinds) else []


def _kind_of(hint: str) -> Kind | None:
    if hint in KINDS:
        return KINDS[hint]
    return next((kind for beginning, kind in FAMILIES if hint.startswith(beginning)), None)


def described(value: object) -> str:
    """Return a value in a sentence: a short one as it is, another by its type.

    Examples:
        >>> described("relu"), described(0.5), described({}), described(int)
        ("'relu'", '0.5', 'a dict', 'the class int')
    """
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if value is None or isinstance(value, str | int | float):
        return shown(repr(value), most=60)
    if isinstance(value, FunctionType | ModuleType):
        kind = "function" if isinstance(value, FunctionType) else "module"
        return f"the {kind} {value.__name__.rpartition('.')[2]}"
    kind = type(value).__name__
    others = [(key, item) for key, item in value.items() if not _is_tensor(item)] if isinstance(value, Mapping) else []
    for key, item in others[:1]:
        return f"a {kind} with {type(item).__name__} under {shown(repr(key), most=60)}"
    return f"{'an' if kind[:1] in 'AEIOaeio' else 'a'} {kind}"


def check_value(name: str, value: object, give: str) -> None:
    """Refuse what is not a value of a dataclass where a plan takes one: a word, a class, an object of torch.

    Raises:
        UsageError: the message has ``give``, what to give instead.

    Examples:
        >>> check_value("optimizer", "sgd", "lotterylab.plan.Sgd(lr=...)")
        Traceback (most recent call last):
        ...
        lotterylab.errors.UsageError: optimizer is 'sgd'; give lotterylab.plan.Sgd(lr=...).
    """
    if isinstance(value, type) or not is_dataclass(value):
        raise UsageError(f"{name} is {described(value)}; give {give}.")


def _parts(hint: str) -> list[str]:
    """Return the members of a union as annotations spell it; brackets stay whole."""
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(hint):
        depth += {"[": 1, "]": -1}.get(letter, 0)
        if letter == "|" and not depth:
            parts.append(hint[start:place].strip())
            start = place + 1
    return [*parts, hint[start:].strip()]
