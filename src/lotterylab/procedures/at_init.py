"""SNIP, GraSP, SynFlow and random pruning find a mask before any training.

W_0 -> score -> prune the lowest -> m -> train m * W_0 for T steps
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lotterylab.plan.nodes import Prune, Train, first_of
from lotterylab.procedures.tickets import Ticket


def at_initialisation(dense: Train, sparsities: Sequence[Any], *, criterion: Any, **cut: Any) -> list[Ticket]:
    """Score the initial weights, prune to each sparsity, train.   [lee2019snip; wang2020picking; tanaka2020pruning]

    ``dense``: the run of the whole network, for its start, its recipe and its order; it is not trained for the tickets,
    so that they cost their own runs alone.  ``cut``: further fields of ``Prune`` (data, batch, rounds, mode, seed ...).
    """
    tickets = []
    for round, sparsity in enumerate(sparsities, start=1):
        mask = Prune(criterion=criterion, of=first_of(dense.start), sparsity=sparsity, **cut)
        tickets.append(Ticket(round=round, run=replace(dense, mask=mask)))
    return tickets
