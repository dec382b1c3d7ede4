"""Tickets are found by one-shot or iterative pruning, with resetting, rewinding or retraining.

Each function takes the dense run and returns tickets; nothing is trained.

    W_0 -> train T steps -> W_T -> prune the lowest |W_T| -> m -> back to W_k -> train m * W_k for T - k steps

``rewind_to`` gives the step k of the dense run to which round 1, 2, ... goes back; ``reset`` is step 0.  A first run
whose mask is sparse already is pruned inside that mask (``procedures/nested.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from lotterylab.errors import UsageError
from lotterylab.own_code.arguments import check_value, described
from lotterylab.plan.nodes import Data, Dense, Init, Node, Target, Train
from lotterylab.procedures.cutting import cut_by
from lotterylab.protocols import Model, Recipe
from lotterylab.views import Criterion

RewindTo: TypeAlias = Callable[[int], int]


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A run of a pruned network.

    Args:
        round: of pruning, from 1.
        run: the training of the pruned network.
        found_by: the runs that had to be trained before the mask was known, the dense one first; a ticket costs these
            and ``run``.
        dense: the whole network where the ticket is trained, if that is not the first of ``found_by``.

    Examples:
        >>> import lotterylab as ll
        >>> data, recipe = ll.plan.pinned(ll.data.Digits()), ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1))
        >>> dense = dense_run(ll.models.Mlp(shape=(1, 8, 8)), data, recipe, seed=0)
        >>> first, second = iterative(dense, [0.5, 0.75], criterion=ll.criteria.Magnitude(), seed=0)
        >>> second.round, second.found_by == (dense, first.run), second.mask.sparsity
        (2, True, 0.75)
    """

    round: int
    run: Train
    found_by: tuple[Train, ...] = ()
    dense: Train | None = None

    @property
    def mask(self) -> Node:
        """The mask that is trained."""
        return self.run.mask


def dense_run(model: Model, data: Data, recipe: Recipe, *, seed: int) -> Train:
    """Return the training of the whole network, from which every ticket of a seed follows.

    Args:
        model: a model's spec.
        data: the images, pinned to their content.
        recipe: how the network is trained.
        seed: of the initial weights and of the data order.

    Raises:
        UsageError: the model or the recipe is not a spec, or the data are not pinned.

    Examples:
        >>> import lotterylab as ll
        >>> data, recipe = ll.plan.pinned(ll.data.Digits()), ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1))
        >>> run = dense_run(ll.models.LeNet300100(shape=(1, 8, 8)), data, recipe, seed=0)
        >>> run.total_steps
        57
    """
    check_value("model", model, "a model of a plan, such as lotterylab.models.Mlp()")
    check_value("recipe", recipe, "a lotterylab.plan.Recipe")
    if not isinstance(data, Data):
        raise UsageError(f"data is {described(data)}; a plan names its content: pass lotterylab.plan.pinned(data).")
    start, mask = Init(model=model, seed=seed), Dense(model=model)
    return Train(start=start, mask=mask, data=data, recipe=recipe, order_seed=seed)


def reset(round: int) -> int:
    """Return step 0: every round goes back to the initial weights.   [frankle2019lottery]

    Args:
        round: of pruning, from 1.

    Examples:
        >>> reset(1), reset(7)
        (0, 0)
    """
    return 0


def one_shot(
    dense: Train, sparsities: Sequence[Target], *, criterion: Criterion, rewind_to: RewindTo = reset, **cut: Any
) -> list[Ticket]:
    """Prune the trained dense network once to each sparsity.   [frankle2019lottery, section 2]

    Args:
        dense: the run of the whole network.
        sparsities: shares of all entries, or a ``Rate`` each.
        criterion: what scores the trained weights.
        rewind_to: the step of the dense run from which each ticket trains.
        cut: further fields of ``Prune`` (scope, ties, seed ...).

    Examples:
        >>> import lotterylab as ll
        >>> data, recipe = ll.plan.pinned(ll.data.Digits()), ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1))
        >>> dense = dense_run(ll.models.Mlp(shape=(1, 8, 8)), data, recipe, seed=0)
        >>> tickets = one_shot(dense, [0.5, 0.75], criterion=ll.criteria.Magnitude(), seed=0)
        >>> [len(ticket.found_by) for ticket in tickets]
        [1, 1]
    """
    tickets = []
    for round, sparsity in enumerate(sparsities, start=1):
        mask = cut_by(criterion, of=dense.final, mask=earlier_mask(dense), sparsity=sparsity, **cut)
        run = replace(dense, start=dense.at(rewind_to(round)), mask=mask)
        tickets.append(Ticket(round=round, run=run, found_by=(dense,)))
    return tickets


def iterative(
    dense: Train, sparsities: Sequence[Target], *, criterion: Criterion, rewind_to: RewindTo = reset, **cut: Any
) -> list[Ticket]:
    """Prune, go back, train, and again: f(x; m * W_k).   [frankle2019lottery; frankle2019stabilizing, section 3]

    Args:
        dense: the run of the whole network.
        sparsities: what each round cuts to, a share of all entries or a ``Rate`` of those left.
        criterion: what scores the trained weights.
        rewind_to: from the round to the step of the dense run to which it goes back.
        cut: further fields of ``Prune`` (scope, ties, seed ...).

    Examples:
        >>> import lotterylab as ll
        >>> data, recipe = ll.plan.pinned(ll.data.Digits()), ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1))
        >>> dense = dense_run(ll.models.Mlp(shape=(1, 8, 8)), data, recipe, seed=0)
        >>> rate, magnitude = ll.plan.Rate(share=0.2), ll.criteria.Magnitude()
        >>> tickets = iterative(dense, [rate] * 3, criterion=magnitude, rewind_to=lambda round: 10, seed=0)
        >>> [(ticket.run.first_step, len(ticket.found_by)) for ticket in tickets]
        [(10, 1), (10, 2), (10, 3)]
    """
    runs, tickets = [dense], []
    for round, sparsity in enumerate(sparsities, start=1):
        mask = cut_by(criterion, of=runs[-1].final, mask=earlier_mask(runs[-1]), sparsity=sparsity, **cut)
        run = replace(dense, start=dense.at(rewind_to(round)), mask=mask)
        tickets.append(Ticket(round=round, run=run, found_by=tuple(runs)))
        runs.append(run)
    return tickets


def learning_rate_rewinding(
    dense: Train, sparsities: Sequence[Target], *, criterion: Criterion, rewind_to: RewindTo = reset, **cut: Any
) -> list[Ticket]:
    """Prune in rounds; the weights stay where training took them, and only the schedule goes back.
    [renda2020comparing]

    Each round goes on from the last checkpoint of the round before, its optimizer state with it, at step k of schedule
    and data order.

    Args:
        dense: the run of the whole network.
        sparsities: what each round cuts to, a share of all entries or a ``Rate`` of those left.
        criterion: what scores the trained weights.
        rewind_to: from the round to the step of the schedule to which it goes back.
        cut: further fields of ``Prune`` (scope, ties, seed ...).

    Examples:
        >>> import lotterylab as ll
        >>> data, recipe = ll.plan.pinned(ll.data.Digits()), ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1))
        >>> dense = dense_run(ll.models.Mlp(shape=(1, 8, 8)), data, recipe, seed=0)
        >>> (ticket,) = learning_rate_rewinding(dense, [0.5], criterion=ll.criteria.Magnitude(), seed=0)
        >>> ticket.run.start == dense.at(57), ticket.run.first_step
        (True, 0)
    """
    runs, tickets = [dense], []
    for round, sparsity in enumerate(sparsities, start=1):
        mask = cut_by(criterion, of=runs[-1].final, mask=earlier_mask(runs[-1]), sparsity=sparsity, **cut)
        trained = runs[-1].at(runs[-1].total_steps)
        run = replace(dense, start=trained, from_step=rewind_to(round), mask=mask)
        tickets.append(Ticket(round=round, run=run, found_by=tuple(runs)))
        runs.append(run)
    return tickets


def fine_tuning(
    dense: Train, sparsities: Sequence[Target], recipe: Recipe, *, criterion: Criterion, **cut: Any
) -> list[Ticket]:
    """Prune in rounds; each round trains on from the weights of the one before, by ``recipe``.   [renda2020comparing]

    The recipe usually has a few epochs at the last rate of the dense run; the optimizer begins afresh.

    Args:
        dense: the run of the whole network.
        sparsities: what each round cuts to, a share of all entries or a ``Rate`` of those left.
        recipe: how each round trains.
        criterion: what scores the trained weights.
        cut: further fields of ``Prune`` (scope, ties, seed ...).

    Examples:
        >>> import lotterylab as ll
        >>> data, recipe = ll.plan.pinned(ll.data.Digits()), ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1))
        >>> dense = dense_run(ll.models.Mlp(shape=(1, 8, 8)), data, recipe, seed=0)
        >>> short = ll.plan.Recipe(epochs=1, optimizer=ll.plan.Sgd(lr=0.01))
        >>> (ticket,) = fine_tuning(dense, [0.5], short, criterion=ll.criteria.Magnitude(), seed=0)
        >>> ticket.run.start == dense.final, ticket.run.total_steps
        (True, 19)
    """
    runs, tickets = [dense], []
    for round, sparsity in enumerate(sparsities, start=1):
        mask = cut_by(criterion, of=runs[-1].final, mask=earlier_mask(runs[-1]), sparsity=sparsity, **cut)
        run = replace(dense, start=runs[-1].final, mask=mask, recipe=recipe)
        tickets.append(Ticket(round=round, run=run, found_by=tuple(runs)))
        runs.append(run)
    return tickets


def earlier_mask(run: Train) -> Node | None:
    """Return the mask to prune further; a dense run has none, so that its first round equals one-shot pruning."""
    return None if isinstance(run.mask, Dense) else run.mask
