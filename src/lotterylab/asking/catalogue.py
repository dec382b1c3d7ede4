"""The studies by name, and a user's own study by reference; only the requested study is imported."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from lotterylab.errors import UsageError, a_type, unknown
from lotterylab.own_code.references import module_of

if TYPE_CHECKING:
    from lotterylab.asking.study import Study

STUDIES = {  # name -> its place in ``studies``, and its subject in a few words
    "activations": ("activations:STUDY", "the effect of the activation function on pruning"),
    "lth-mnist": ("lth_mnist:STUDY", "winning tickets of LeNet-300-100 on MNIST"),
    "lth-digits": ("lth_digits:STUDY", "the same on the digits that come with the package: a minute, no download"),
    "lth-conv": ("lth_conv:STUDY", "winning tickets of Conv-2 on CIFAR-10"),
    "activation-tickets": ("activation_tickets:STUDY", "better and more stable tickets by activation function"),
    "init-tickets": ("init_tickets:STUDY", "the effect of the initialisation on tickets"),
    "rewind-rounds": ("rewind_rounds:STUDY", "a rewind point for each round against a fixed one"),
    "rewind-rounds-norm": ("rewind_norm:STUDY", "the same with batch norm at a high rate, where resetting may fail"),
    "grasp-activations": ("grasp_activations:STUDY", "exact GraSP by activation function"),
    "grasp-tickets": ("grasp_tickets:STUDY", "tickets inside GraSP's masks"),
    "rewinding": ("rewinding:STUDY", "tickets of ResNet-20 shortly after initialisation"),
    "grasp-table": ("grasp_table:STUDY", "GraSP's table, with the cost of each method and of Early-Bird"),
    "frontier": ("frontier:STUDY", "accuracy against the total cost of finding and training, every method"),
    "sparse-training": ("sparse_training:STUDY", "masks that move while a network trains"),
    "early-bird-random-out": ("early_bird_random_out:STUDY", "Early-Bird tickets with RandomOut"),
    "random-out-tickets": ("random_out_tickets:STUDY", "RandomOut and winning tickets"),
    "random-out": ("random_out:STUDY", "RandomOut's own claims: failures, spread, the filter lottery"),
    "early-bird": ("early_bird:STUDY", "when Early-Bird tickets emerge, by activation function"),
    "deconstructing": ("deconstructing:STUDY", "criteria, signs, zeros and untrained masks of tickets"),
    "signs": ("signs:STUDY", "mask, signs and magnitudes of a ticket, crossed"),
    "alignment": ("alignment:STUDY", "the mask of another network, its units put in order: LeNet-300-100"),
    "alignment-conv": ("alignment_conv:STUDY", "the mask of another network, its units put in order: a small CNN"),
    "transfer": ("transfer:STUDY", "tickets of other classes and of another optimizer"),
    "local-receptive-fields": ("local_receptive_fields:STUDY", "the pixels that hidden units of a ticket keep"),
    "supermasks": ("supermasks:STUDY", "random weights under masks that are cut or learned"),
    "supermasks-conv": ("supermasks_conv:STUDY", "the same for Conv-2 on CIFAR-10"),
    "unlucky-seeds": ("unlucky_seeds:STUDY", "the share of seeds that have a winning ticket"),
    "glorot": ("glorot:STUDY", "the effect of activation and initialisation on gradients"),
}


def check_study(name: str) -> None:
    """Refuse a word that is neither the name of a study nor written as a reference; nothing is imported.

    Raises:
        UsageError: no study has the name; the message has the nearest name.
    """
    if name.endswith(".py"):
        raise UsageError(
            f"'{name}' is a file; a study of your own is named by its module and its name there: "
            f"{module_of(name)}:STUDY."
        )
    if ":" not in name and name not in STUDIES:
        raise unknown("study", name, STUDIES)


def study_named(name: str) -> Study:
    """Return the study of that name, or the user's own study that "package.module:NAME" names.

    Raises:
        UsageError: no study has that name, or the reference does not name a ``Study``.
    """
    from lotterylab.asking.study import Study
    from lotterylab.own_code.references import value

    check_study(name)
    if name in STUDIES:
        module, _, variable = STUDIES[name][0].partition(":")
        return getattr(import_module(f"lotterylab.studies.{module}"), variable)
    study = value(name, like=lambda thing: isinstance(thing, Study))
    if not isinstance(study, Study):
        raise UsageError(f"'{name}' is {a_type(study)}, not a Study (lotterylab.asking.study). Name a Study.")
    return study
