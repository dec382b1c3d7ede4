"""Procedures find tickets as plans; each is one page that reads like its paper's algorithm."""

from typing import TYPE_CHECKING

from lotterylab.homes import room
from lotterylab.procedures.at_init import at_initialisation
from lotterylab.procedures.controls import CONTROLS, control
from lotterylab.procedures.nested import at_initialisation_inside, iterative_inside, random_inside
from lotterylab.procedures.tickets import (
    RewindTo,
    Ticket,
    dense_run,
    fine_tuning,
    iterative,
    learning_rate_rewinding,
    one_shot,
    reset,
)
from lotterylab.procedures.transfers import aligned, transferred

__all__ = [
    "CONTROLS",
    "RewindTo",
    "Ticket",
    "aligned",
    "at_initialisation",
    "at_initialisation_inside",
    "control",
    "dense_run",
    "fine_tuning",
    "iterative",
    "iterative_inside",
    "learning_rate_rewinding",
    "one_shot",
    "random_inside",
    "reset",
    "transferred",
]

if not TYPE_CHECKING:
    __getattr__ = room(__name__)
