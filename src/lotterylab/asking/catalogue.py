"""The studies by name, and a user's own by reference.  Only the one that is asked for is imported."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from lotterylab.errors import UsageError, unknown

if TYPE_CHECKING:
    from lotterylab.asking.study import Study

STUDIES = {  # name -> where it is in ``studies``, and what it asks in a few words
    "activations": ("activations:STUDY", "how the activation function changes what pruning does"),
    "lth-mnist": ("lth_mnist:STUDY", "whether LeNet-300-100 holds winning tickets"),
    "lth-conv": ("lth_conv:STUDY", "whether Conv-2 does, on CIFAR-10"),
    "activation-tickets": ("activation_tickets:STUDY", "which activation gives better and more stable tickets"),
    "init-tickets": ("init_tickets:STUDY", "whether the initialisation changes tickets"),
    "rewind-rounds": (
        "rewind_rounds:STUDY",
        "whether a rewind point for each round is better than a fixed one",
    ),
    "grasp-activations": ("grasp_activations:STUDY", "how the activation function interacts with exact GraSP"),
    "rewinding": ("rewinding:STUDY", "whether ResNet-20 has tickets a little after its beginning"),
    "glorot": ("glorot:STUDY", "what activation and initialisation do to gradients"),
}


def check_study(name: str) -> None:
    """Refuse a word that is neither the name of a study nor written as a reference.  Imports nothing.

    Raises:
        UsageError: with the nearest name.
    """
    if ":" not in name and name not in STUDIES:
        raise unknown("study", name, STUDIES)


def study_named(name: str) -> Study:
    """The study of that name, or the user's own that "package.module:NAME" names.

    Raises:
        UsageError: no study has that name, or what the reference names is none.
    """
    from lotterylab.asking.study import Study
    from lotterylab.own_code.references import value

    check_study(name)
    if name in STUDIES:
        module, _, variable = STUDIES[name][0].partition(":")
        return getattr(import_module(f"lotterylab.studies.{module}"), variable)
    found = value(name, like=lambda thing: isinstance(thing, Study))
    if not isinstance(found, Study):
        raise UsageError(f"'{name}' is a {type(found).__name__}, not a Study (lotterylab.asking.study). Name a Study.")
    return found
