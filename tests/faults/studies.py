"""A study of the command that takes a second, and what its commands are called with."""

from __future__ import annotations

from typing import Any

GIVEN: dict[str, Any] = {
    "data": "digits",
    "preset": "small",
    "seeds": 1,
    "activations": ["relu"],
    "methods": ["magnitude", "grasp"],
    "controls": ["random-mask"],
    "sparsities": [0.9],
    "protocols": ["corrected"],
    "dense_epochs": 3,
    "pruned_epochs": 2,
    "rates": [0.01, 0.1],
    "train": 200,
    "validation": 50,
    "test": 50,
    "model_options": {"widths": (4, 8, 16)},
}


def words(given: dict[str, Any]) -> tuple[str, ...]:
    """Options of ``run_study`` as those of the command."""
    found: list[str] = []
    for name, value in given.items():
        options = (
            {f"model.{option}": one for option, one in value.items()} if isinstance(value, dict) else {name: value}
        )
        for option, one in options.items():
            found += [f"--{option.replace('_', '-')}", *map(str, one if isinstance(one, list | tuple) else [one])]
    return tuple(found)


STUDY = ("activations", *words(GIVEN))
