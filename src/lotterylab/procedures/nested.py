"""Two searches for one mask, the second inside the mask of the first.

    m_0 at initialisation -> train m_0 * W_0 -> prune the lowest |W_T| inside m_0 -> m_1 -> back to m_1 * W_0, and again
    m_0 by iterative pruning -> back to m_0 * W_0 -> score it -> prune the lowest inside m_0 -> m -> train m * W_0

The first order is GraSP (or SNIP, SynFlow, magnitude) and then the lottery ticket search, the second its mirror.  If
m_0 is random, the first order is iterative pruning that starts sparse.   [gadhikar2023random]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lotterylab.errors import UsageError, a_type
from lotterylab.plan.nodes import Prune, Shuffle, Target, Train
from lotterylab.procedures.cutting import cut_by
from lotterylab.procedures.tickets import RewindTo, Ticket, iterative, reset
from lotterylab.views import Criterion


def iterative_inside(
    parent: Ticket, sparsities: Sequence[Target], *, criterion: Criterion, rewind_to: RewindTo = reset, **cut: Any
) -> list[Ticket]:
    """Prune in rounds inside the mask of a ticket, which is trained first as the dense network is in ``iterative``.
    [frankle2019lottery; gadhikar2023random]

    No weight outside the parent's mask comes back.  A ticket costs the runs that found the parent's mask, the parent's
    run, and the earlier rounds.  A random parent is ``at_initialisation(dense, [s_0], criterion=Random(), scope=...)``:
    scope "layerwise" is the paper's uniform sparsity, "erk" and "balanced" are its two others that have a name here.

    Args:
        parent: the ticket inside whose mask all masks lie, with the weights and the recipe of every round.
        sparsities: what each round cuts to, a share of all entries or a ``Rate`` of those left.
        criterion: what scores the trained weights.
        rewind_to: from the round to the step of the parent's run to which it goes back.
        cut: further fields of ``Prune`` (scope, ties, seed ...).

    Raises:
        UsageError: the parent is not a ticket, or a sparsity is not above that of its mask.

    Examples:
        >>> import lotterylab as ll
        >>> data, recipe = ll.plan.pinned(ll.data.Digits()), ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1))
        >>> dense = ll.plan.dense_run(ll.models.Mlp(shape=(1, 8, 8)), data, recipe, seed=0)
        >>> random, magnitude = ll.criteria.Random(), ll.criteria.Magnitude()
        >>> (parent,) = ll.plan.at_initialisation(dense, [0.5], criterion=random, scope="balanced", seed=0)
        >>> tickets = iterative_inside(parent, [ll.plan.Rate(share=0.5)] * 2, criterion=magnitude, seed=0)
        >>> [len(ticket.found_by) for ticket in tickets], tickets[0].mask.mask == parent.mask
        ([1, 2], True)
    """
    _check(parent, sparsities)
    tickets = iterative(parent.run, sparsities, criterion=criterion, rewind_to=rewind_to, **cut)
    return [replace(ticket, found_by=(*parent.found_by, *ticket.found_by)) for ticket in tickets]


def at_initialisation_inside(
    parent: Ticket, sparsities: Sequence[Target], *, criterion: Criterion, **cut: Any
) -> list[Ticket]:
    """Score the weights to which a ticket was reset, as pruned by its mask, and prune further inside the mask.
    [wang2020picking; frankle2019lottery]

    Each sparsity is cut from the parent's mask, and not from the sparsity before it.

    A ticket costs the runs that found the parent's mask, and its own; the parent itself is not trained for it.

    Args:
        parent: the ticket inside whose mask all masks lie, with the weights that are scored and trained.
        sparsities: shares of all entries, or a ``Rate`` of those left.
        criterion: what scores these weights, such as ``Grasp()`` with ``data`` and ``batch``.
        cut: further fields of ``Prune`` (data, batch, rounds, mode, seed ...).

    Raises:
        UsageError: the parent is not a ticket, or a sparsity is not above that of its mask.

    Examples:
        >>> import lotterylab as ll
        >>> data, recipe = ll.plan.pinned(ll.data.Digits()), ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1))
        >>> dense = ll.plan.dense_run(ll.models.Mlp(shape=(1, 8, 8)), data, recipe, seed=0)
        >>> (parent,) = ll.plan.one_shot(dense, [0.5], criterion=ll.criteria.Magnitude(), seed=0)
        >>> (ticket,) = at_initialisation_inside(parent, [0.9], criterion=ll.criteria.SynFlow(), rounds=100, seed=0)
        >>> ticket.mask.mask == parent.mask, ticket.found_by == (dense,)
        (True, True)
    """
    _check(parent, sparsities)
    run = parent.run
    masks = [cut_by(criterion, of=run.start, mask=run.mask, sparsity=sparsity, **cut) for sparsity in sparsities]
    return [
        Ticket(round=round, run=replace(run, mask=mask), found_by=parent.found_by)
        for round, mask in enumerate(masks, start=1)
    ]


def random_inside(ticket: Ticket, parent: Ticket, seed: int) -> Train:
    """Return the ticket's run with as many weights kept in each layer, at random places inside the parent's mask.

    It is the control of a search inside a mask; the control "random-mask" leaves the parent's mask.
    [frankle2019lottery, "random sparsity"]

    Args:
        ticket: a ticket whose mask lies inside the parent's.
        parent: the ticket inside whose mask it was found.
        seed: of the places.

    Raises:
        UsageError: one of them is not a ticket.

    Examples:
        >>> import lotterylab as ll
        >>> data, recipe = ll.plan.pinned(ll.data.Digits()), ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1))
        >>> dense = ll.plan.dense_run(ll.models.Mlp(shape=(1, 8, 8)), data, recipe, seed=0)
        >>> parent, _ = ll.plan.one_shot(dense, [0.5, 0.75], criterion=ll.criteria.Magnitude(), seed=0)
        >>> (ticket,) = iterative_inside(parent, [0.9], criterion=ll.criteria.Magnitude(), seed=0)
        >>> random_inside(ticket, parent, 0).mask.within == parent.mask
        True
    """
    _check(parent, ())
    _check(ticket, ())
    pieces = ticket.mask.granularity if isinstance(ticket.mask, Prune) else "weight"
    mask = Shuffle(mask=ticket.mask, seed=seed, within=parent.mask, granularity=pieces)
    return replace(ticket.run, mask=mask)


def _check(parent: Ticket, sparsities: Sequence[Target]) -> None:
    """Refuse a parent that is not a ticket, and a sparsity that its mask has already, before anything is trained."""
    if not isinstance(parent, Ticket):
        raise UsageError(
            f"a search inside a mask was given {a_type(parent)}. Give a Ticket, such as those of "
            "at_initialisation(dense, [0.5], ...) or iterative(dense, [0.5], ...)."
        )
    earlier = parent.mask.sparsity if isinstance(parent.mask, Prune) else None
    if not isinstance(earlier, float):
        return
    for sparsity in sparsities:
        if isinstance(sparsity, float) and sparsity <= earlier:
            raise UsageError(
                f"sparsity {sparsity:g} was asked for inside a mask that removes {earlier:g} of all entries, and none "
                f"comes back. Ask for more than {earlier:g}, or give a Rate of the weights that are left."
            )
