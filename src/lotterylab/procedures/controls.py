"""Controls are runs that differ from a ticket in one property, each under one word.

A control keeps the ticket's recipe and data order.  A control that changes the weights begins at step 0, so it trains k
steps more than a ticket that was rewound to step k.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeAlias

from lotterylab.errors import UsageError, a_type, unknown
from lotterylab.masks.counts import Rate
from lotterylab.plan.nodes import At, Data, Dense, Init, Node, Permute, Prune, Shuffle, Target, Train, first_of
from lotterylab.procedures.tickets import Ticket
from lotterylab.protocols import Model

Control: TypeAlias = Callable[[Ticket, int], Train]
Spoil: TypeAlias = Callable[[Data, int], Data]
Cuts: TypeAlias = tuple[Target, ...]
Narrow: TypeAlias = Callable[[Model, Cuts, str], Model]


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
    [frankle2019lottery, "random sparsity"; frankle2021pruning, "shuffling"]

    Structured masks stay structured: whole filters, blocks or patterns are shuffled.

    Where the start is the end of a pruned run, as in fine-tuning, they lie among the weights that it had: the others
    are 0 there.
    """
    start = ticket.run.start
    within = start.run.mask if isinstance(start, At) and not isinstance(start.run.mask, Dense) else None
    pieces = ticket.mask.granularity if isinstance(ticket.mask, Prune) else "weight"
    return replace(ticket.run, mask=Shuffle(mask=ticket.mask, seed=seed, within=within, granularity=pieces))


def inverted(ticket: Ticket, seed: int) -> Train:
    """The mask that the last cut makes when the scores are read the wrong way round.
    [frankle2021pruning, "inversion"]"""
    if not isinstance(ticket.mask, Prune):
        raise UsageError(f"{a_type(ticket.mask)} has no scores to invert. Leave the control 'inverted' out.")
    return replace(ticket.run, mask=replace(ticket.mask, inverted=True))


def scored_on(ticket: Ticket, seed: int, spoil: Spoil) -> Train:
    """The mask that the whole procedure finds on other data, trained on the ticket's own.
    [su2020sanity, section 3: their corrupted data]

    ``spoil``: from the ticket's data to those others; every run and every score behind the mask sees them.
    """
    return replace(ticket.run, mask=_elsewhere(ticket.mask, lambda data: spoil(data, seed), {}))


def small_dense(ticket: Ticket, seed: int, narrow: Narrow) -> Train:
    """A dense network with as many weights as the ticket keeps, trained for as many epochs.   [liu2019rethinking]

    ``narrow``: from the ticket's network, the cuts that made its mask and their scope, to the small network.
    """
    model = narrow(ticket.run.model, *_cuts(ticket.mask))
    return replace(ticket.run, start=Init(model=model, seed=seed), mask=Dense(model=model), from_step=None)


def small_dense_same_compute(ticket: Ticket, seed: int, narrow: Narrow) -> Train:
    """The small dense network, trained for as much arithmetic as the whole one: longer by the share of weights that
    it has not.   [liu2019rethinking, "scratch-B", without its upper bound]

    The share is the one that the ticket's cuts name; a weight of a convolution is used more often than one of a linear
    layer, so that only of networks of linear layers the arithmetic is the same.
    """
    run = small_dense(ticket, seed, narrow)
    kept = 1.0
    for cut in _cuts(ticket.mask)[0]:
        kept = kept * (1 - cut.after(cut.rounds)) if isinstance(cut, Rate) else 1 - float(cut)
    return replace(run, recipe=run.recipe.longer(1 / kept))


def dense_same_cost(ticket: Ticket, seed: int) -> Train:
    """The whole network, trained for as many steps as finding the ticket and training it took together."""
    first = ticket.dense or (*ticket.found_by, ticket.run)[0]  # a mask found at initialisation has no earlier run
    dense = replace(first, mask=Dense(model=first.model))
    steps = sum(run.total_steps - run.first_step for run in (*ticket.found_by, ticket.run))
    return replace(dense, recipe=dense.recipe.longer(steps / dense.total_steps))


CONTROLS: dict[str, Control] = {
    "reinitialised": reinitialised,
    "permuted": permuted,
    "reshuffled": reshuffled,
    "random-mask": random_mask,
    "inverted": inverted,
    "dense-same-cost": dense_same_cost,
}


def control(word: str, ticket: Ticket, seed: int, words: Mapping[str, Control] = CONTROLS) -> Train:
    """Return the run that a ticket is compared with: the same but for the one thing that is said to matter.

    The controls are "reinitialised" (fresh weights), "permuted" and "reshuffled" (initial weights in another order),
    "random-mask" (the same number kept in each layer), "inverted" (the scores read the wrong way round) and
    "dense-same-cost" (the whole network, for all steps that the ticket took).   [frankle2019lottery;
    zhou2019deconstructing; frankle2021pruning]

    Args:
        word: which control, a key of ``words``.
        ticket: what it is compared with.
        seed: of what the control draws.
        words: word -> control, a function of the ticket and the seed.

    Raises:
        UsageError: the word is not known, or the ticket's mask has no scores to invert.

    Examples:
        >>> import lotterylab as ll
        >>> data, recipe = ll.plan.pinned(ll.data.Digits()), ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1))
        >>> dense = ll.plan.dense_run(ll.models.Mlp(shape=(1, 8, 8)), data, recipe, seed=0)
        >>> (ticket,) = ll.plan.one_shot(dense, [0.5], criterion=ll.criteria.Magnitude(), seed=0)
        >>> control("random-mask", ticket, 0).mask, control("dense-same-cost", ticket, 0).recipe.epochs
        (<Shuffle ...>, 6)
    """
    if word not in words:
        raise unknown("control", word, words)
    return words[word](ticket, seed)


def _elsewhere(value: Any, spoil: Callable[[Data], Data], known: dict[str, Node]) -> Any:
    """Return a node with other data, also in its inputs; ``known`` are the finished nodes by digest."""
    if isinstance(value, Data):
        return spoil(value)
    if isinstance(value, Mapping):
        return {name: _elsewhere(part, spoil, known) for name, part in value.items()}
    if not isinstance(value, Node):
        return value
    if value.digest not in known:
        changed = {field.name: _elsewhere(getattr(value, field.name), spoil, known) for field in fields(value)}
        known[value.digest] = replace(value, **changed)
    return known[value.digest]


def _cuts(mask: Node) -> tuple[Cuts, str]:
    """Return the sparsity of each round, first round first, and the scope of the last round."""
    cuts, scope, node = [], "", mask
    while isinstance(node, Prune):
        if node.granularity != "weight":
            raise UsageError(
                f"a small dense network has the same number of weights as a ticket, but this mask removes by "
                f"'{node.granularity}' and not by weight. Use granularity 'weight', or leave this control out."
            )
        cuts, scope, node = [node.sparsity, *cuts], scope or node.scope, node.mask
    if not cuts:
        raise UsageError(
            f"{a_type(mask)} was not pruned, so it gives no size for a small dense network. Leave this control out."
        )
    return tuple(cuts), scope
