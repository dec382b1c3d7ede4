"""Models and data by the names that a person types, with the options that each has of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from lotterylab import data, models
from lotterylab.data.augment import Augment
from lotterylab.errors import UsageError, suggestion, unknown

OF_EVERY_MODEL = ("activation", "init", "shape", "classes")  # set by the study and the data
OF_EVERY_SET = ("train", "validation", "test")  # options of the study
SIZES: dict[str, dict[str, int]] = {  # of the study, where nothing else is asked for
    "digits": {"train": 1197, "validation": 200, "test": 400},
    "cifar10": {"train": 5000, "validation": 1000, "test": 5000},
}
AUGMENT = {"digits": Augment(crop_padding=1), "cifar10": Augment(crop_padding=4, flip=True)}


@dataclass(frozen=True, kw_only=True)
class OwnOption:
    """An option that only one model or data set has."""

    name: str
    hint: Any
    default: Any
    required: bool
    help: str


def model_options(name: str) -> tuple[OwnOption, ...]:
    """The options of a model.

    Raises:
        UsageError: no model has that name.
    """
    return _options_of(_named("model", name, models.SPECS), OF_EVERY_MODEL)


def data_options(name: str) -> tuple[OwnOption, ...]:
    """The options of a data set.

    Raises:
        UsageError: no data set has that name.
    """
    return _options_of(_named("data set", name, data.SPECS), OF_EVERY_SET)


def model_spec(name: str, own: Mapping[str, Any], shape: tuple[int, int, int], classes: int) -> Any:
    """The model for inputs ``shape`` (C, H, W); its activation is still that of its default."""
    kind = _named("model", name, models.SPECS)
    _check_options("model", name, own, model_options(name))
    return kind(**own, activation="relu", shape=shape, classes=classes)


def data_spec(
    name: str, own: Mapping[str, Any], sizes: Mapping[str, int | None], folder: Path | None
) -> tuple[Any, Augment]:
    """The data with the sizes asked for, the study's where none was, and their usual augmentation."""
    kind = _named("data set", name, data.SPECS)
    _check_options("data set", name, own, data_options(name))
    asked = {size: count for size, count in sizes.items() if count is not None}
    return kind(**{**SIZES.get(name, {}), **own, **asked}), AUGMENT.get(name, Augment())


def _named(what: str, name: str, known: Mapping[str, Any]) -> Any:
    if name not in known:
        raise unknown(what, name, known)
    return known[name]


def _options_of(kind: Any, others: tuple[str, ...]) -> tuple[OwnOption, ...]:
    hints = get_type_hints(kind)
    return tuple(
        OwnOption(
            name=field.name,
            hint=hints[field.name],
            default=field.default,
            required=field.default is dataclasses.MISSING,
            help=f"Option of {kind.__name__}.",
        )
        for field in dataclasses.fields(kind)
        if field.name not in others
    )


def _check_options(what: str, name: str, own: Mapping[str, Any], known: tuple[OwnOption, ...]) -> None:
    """From Python, options are not checked by a command line."""
    names = [option.name for option in known]
    for given in own:
        if given not in names:
            there = f"It has: {', '.join(names)}." if names else "It has none."
            raise UsageError(f"the {what} '{name}' has no option '{given}'.{suggestion(given, names)} {there}")
    missing = [option.name for option in known if option.required and option.name not in own]
    if missing:
        raise UsageError(f"the {what} '{name}' needs {', '.join(missing)}.")
