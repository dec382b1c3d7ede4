"""The studies by name.  Only the one that is asked for is imported."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from lotterylab.errors import unknown

HOMES = {  # name -> module, its request, and what it asks in a few words
    "activations": ("asking.request", "Request", "how the activation function changes what pruning does"),
    "lth-mnist": ("studies.lth_mnist_request", "LthMnistRequest", "whether LeNet-300-100 holds winning tickets"),
    "lth-conv": ("studies.lth_conv", "Request", "whether Conv-2 does, on CIFAR-10"),
    "activation-tickets": (
        "studies.activation_tickets",
        "Request",
        "which activation gives better and more stable tickets",
    ),
    "init-tickets": ("studies.init_tickets", "Request", "whether the initialisation changes tickets"),
    "rewind-rounds": (
        "studies.rewind_rounds",
        "Request",
        "whether a rewind point for each round is better than a fixed one",
    ),
    "grasp-activations": (
        "studies.grasp_activations",
        "Request",
        "how the activation function interacts with exact GraSP",
    ),
    "rewinding": ("studies.rewinding", "Request", "whether ResNet-20 has tickets a little after its beginning"),
    "glorot": ("studies.glorot", "Request", "what activation and initialisation do to gradients"),
}


def request_kind(study: str) -> Any:
    """The type of what can be asked of a study.

    Raises:
        UsageError: for a study that is not known.
    """
    if study not in HOMES:
        raise unknown("study", study, HOMES)
    module, name, _ = HOMES[study]
    return getattr(import_module(f"lotterylab.{module}"), name)
