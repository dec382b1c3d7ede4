"""SNIP, GraSP, SynFlow and random pruning find a mask before any training.

W_0 -> score -> prune the lowest -> m -> train m * W_0 for T steps
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lotterylab.plan.nodes import Target, Train, first_of
from lotterylab.procedures.cutting import cut_by
from lotterylab.procedures.tickets import Ticket, earlier_mask
from lotterylab.views import Criterion


def at_initialisation(dense: Train, sparsities: Sequence[Target], *, criterion: Criterion, **cut: Any) -> list[Ticket]:
    """Score the initial weights, prune to each sparsity, train.   [lee2019snip; wang2020picking; tanaka2020pruning]

    Args:
        dense: the run of the whole network, for its start, its recipe and its order; it is not trained for the tickets,
            so that they cost their own runs alone.
        sparsities: shares of all entries.
        criterion: what scores the initial weights.
        cut: further fields of ``Prune`` (data, batch, rounds, mode, seed ...).

    Examples:
        >>> import lotterylab as ll
        >>> data, recipe = ll.plan.pinned(ll.data.Digits()), ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1))
        >>> dense = ll.plan.dense_run(ll.models.Mlp(shape=(1, 8, 8)), data, recipe, seed=0)
        >>> (ticket,) = at_initialisation(dense, [0.5], criterion=ll.criteria.Random(), seed=0)
        >>> ticket.mask.of == dense.start, ticket.found_by
        (True, ())
    """
    tickets = []
    for round, sparsity in enumerate(sparsities, start=1):
        earlier, state = earlier_mask(dense), first_of(dense.start)
        mask = cut_by(criterion, of=state, mask=earlier, sparsity=sparsity, **cut)
        tickets.append(Ticket(round=round, run=replace(dense, mask=mask)))
    return tickets
