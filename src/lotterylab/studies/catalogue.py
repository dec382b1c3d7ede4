"""The studies by name.  Only the one that is asked for is imported."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from lotterylab.errors import unknown

HOMES = {  # name -> module of studies, its request, and what it asks in a few words
    "activations": ("request", "Request", "how the activation function changes what pruning does"),
    "lth-mnist": ("lth_mnist_request", "LthMnistRequest", "whether LeNet-300-100 holds winning tickets"),
    "lth-conv": ("lth_conv", "Request", "whether Conv-2 does, on CIFAR-10"),
    "activation-tickets": ("activation_tickets", "Request", "which activation gives better and more stable tickets"),
    "init-tickets": ("init_tickets", "Request", "whether the initialisation changes tickets"),
    "rewind-rounds": ("rewind_rounds", "Request", "whether a rewind point for each round is better than a fixed one"),
    "grasp-activations": ("grasp_activations", "Request", "how the activation function interacts with exact GraSP"),
    "rewinding": ("rewinding", "Request", "whether ResNet-20 has tickets a little after its beginning"),
    "glorot": ("glorot", "Request", "what activation and initialisation do to gradients"),
}


def request_kind(study: str) -> Any:
    """The type of what can be asked of a study.

    Raises:
        UsageError: for a study that is not known.
    """
    if study not in HOMES:
        raise unknown("study", study, HOMES)
    module, name, _ = HOMES[study]
    return getattr(import_module(f"lotterylab.studies.{module}"), name)
