"""Tickets are carried to another network of the same form, or to other data or another optimizer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lotterylab.errors import UsageError
from lotterylab.plan.nodes import At, CombineMask, Train
from lotterylab.procedures.tickets import Ticket
from lotterylab.protocols import Combining


def aligned(ticket: Ticket, other: Train, *, rule: Combining) -> Ticket:
    """Return the ticket's mask on another network: its units in that network's order, trained from its own weights.
    [adnan2025sparse]

        W_A -> m_A;  P = the order that matches W_A to W_B;  train P(m_A) * W_B,k for T - k steps

    Args:
        ticket: of the network A, found by its trained dense run.
        other: the dense run of the network B; the ticket goes back to its step k, that of the ticket's own start.
        rule: how the units are matched, ``combining.Aligned(model=...)``.

    Raises:
        UsageError: no run was trained to find the mask, or the networks differ in their widths.

    Examples:
        >>> import lotterylab as ll
        >>> data, recipe = ll.plan.pinned(ll.data.Digits()), ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1))
        >>> model = ll.models.Mlp(shape=(1, 8, 8))
        >>> a, b = (ll.plan.dense_run(model, data, recipe, seed=seed) for seed in (0, 1))
        >>> (ticket,) = ll.plan.one_shot(a, [0.5], criterion=ll.criteria.Magnitude(), seed=0)
        >>> moved = aligned(ticket, b, rule=ll.combining.Aligned(model=model))
        >>> moved.run.start == b.at(0), len(moved.found_by)
        (True, 2)
    """
    if not ticket.found_by:
        raise UsageError(
            "a ticket that was found before any training was to be aligned: there is no trained network to match. Give "
            "a ticket of one_shot or iterative."
        )
    of = {"moved": ticket.mask, "a": ticket.found_by[0].final, "b": other.final}
    run = replace(other, start=other.at(ticket.run.first_step), mask=CombineMask(of=of, rule=rule))
    return Ticket(round=ticket.round, run=run, found_by=(*ticket.found_by, other), dense=other)


def transferred(ticket: Ticket, to: Train) -> Ticket:
    """Return the ticket trained on other data or by another recipe: its mask and its initial weights stay.
    [morcos2019one]

    The whole training of ``to`` begins with a fresh optimizer, at the ticket's start.  To the ticket's own data, recipe
    and order a ticket that was reset to step 0 is its own run.

    Args:
        ticket: found on the first data set or by the first optimizer, the source.
        to: the dense run on the target, for its data, its recipe and its order; it is not trained for the ticket.

    Raises:
        UsageError: the target has images of another shape, another number of classes or another network.

    Examples:
        >>> import lotterylab as ll
        >>> data, recipe = ll.plan.pinned(ll.data.Digits()), ll.plan.Recipe(epochs=3, optimizer=ll.plan.Adam(lr=0.001))
        >>> by_adam = ll.plan.dense_run(ll.models.Mlp(shape=(1, 8, 8)), data, recipe, seed=0)
        >>> (ticket,) = ll.plan.one_shot(by_adam, [0.5], criterion=ll.criteria.Magnitude(), seed=0)
        >>> recipe = ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1))
        >>> by_sgd = transferred(ticket, ll.plan.dense_run(ll.models.Mlp(shape=(1, 8, 8)), data, recipe, seed=0))
        >>> by_sgd.mask == ticket.mask, by_sgd.run.recipe.optimizer.lr
        (True, 0.1)
    """
    source, target = ticket.run.data.spec, to.data.spec
    if (source.shape, source.classes) != (target.shape, target.classes):
        raise UsageError(
            f"a ticket of {source.title} with images of shape {source.shape} and {source.classes} classes was to be "
            f"trained on {target.title}, which has the shape {target.shape} and {target.classes} classes. Choose data "
            "of the same shape and number of classes."
        )
    if to.model != ticket.run.model:
        raise UsageError(
            f"a ticket of {ticket.run.model} was to be trained in place of {to.model}. Give the dense run of the same "
            "network."
        )
    start = ticket.run.start
    kept: dict[str, Any] = {"start": start, "mask": ticket.mask, "frozen": ticket.run.frozen}
    if isinstance(start, At) and start.step is not None and (start.step or to.recipe != ticket.run.recipe):
        kept["restored"] = ("buffers",)  # and not the state of the source's optimizer
        kept["from_step"] = 0 if start.step else None
    return Ticket(round=ticket.round, run=replace(to, **kept), found_by=ticket.found_by, dense=to)
