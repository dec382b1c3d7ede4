"""What a ticket is compared with, each by one word: the same but for the one thing that is said to matter.

A control keeps the ticket's recipe and data order.  One that changes the weights begins with them at step 0, also where
the ticket was rewound to step k: it then trains k steps more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from lotterylab.errors import UsageError, unknown
from lotterylab.plan.nodes import Permute, Prune, Shuffle, Train, first_of
from lotterylab.procedures.tickets import Ticket

Control: TypeAlias = Callable[[Ticket, int], Train]


def reinitialised(ticket: Ticket, seed: int) -> Train:
    """The mask with weights drawn afresh from the same distribution.   [frankle2019lottery, "random reinit"]"""
    initial = first_of(ticket.run.start)
    fresh = replace(initial, purpose="reinit" if seed == initial.seed else f"reinit {seed}")
    return replace(ticket.run, start=fresh, from_step=None)


def permuted(ticket: Ticket, seed: int) -> Train:
    """The mask with each layer's own initial weights in another order.   [zhou2019deconstructing]"""
    return replace(ticket.run, start=Permute(of=first_of(ticket.run.start), seed=seed), from_step=None)


def reshuffled(ticket: Ticket, seed: int) -> Train:
    """The mask with the kept initial weights of each layer in another order among themselves.
    [zhou2019deconstructing]"""
    start = Permute(of=first_of(ticket.run.start), seed=seed, mask=ticket.mask)
    return replace(ticket.run, start=start, from_step=None)


def random_mask(ticket: Ticket, seed: int) -> Train:
    """The ticket's start with as many weights kept in each layer, at random: the mask, shuffled within its layers.
    [frankle2019lottery, "random sparsity"; frankle2021pruning, "shuffling"]"""
    return replace(ticket.run, mask=Shuffle(mask=ticket.mask, seed=seed))


def inverted(ticket: Ticket, seed: int) -> Train:
    """The mask that the last cut makes when the scores are read the wrong way round.
    [frankle2021pruning, "inversion"]"""
    if not isinstance(ticket.mask, Prune):
        raise UsageError(f"a {type(ticket.mask).__name__} has no scores to invert.")
    return replace(ticket.run, mask=replace(ticket.mask, inverted=True))


CONTROLS: dict[str, Control] = {
    "reinitialised": reinitialised,
    "permuted": permuted,
    "reshuffled": reshuffled,
    "random-mask": random_mask,
    "inverted": inverted,
}


def control(word: str, ticket: Ticket, seed: int) -> Train:
    """The control of that word.

    Raises:
        UsageError: for a word that is not known.
    """
    if word not in CONTROLS:
        raise unknown("control", word, CONTROLS)
    return CONTROLS[word](ticket, seed)
