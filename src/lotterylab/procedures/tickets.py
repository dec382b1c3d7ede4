"""Finding tickets by magnitude: one-shot and iterative pruning, resetting, rewinding, retraining.

Each function takes the dense run, from which everything else follows, and returns tickets; nothing is trained.

    W_0 -> train T steps -> W_T -> prune the lowest |W_T| -> m -> back to W_k -> train m * W_k for T - k steps

``rewind_to``: the step k of the dense run to which round 1, 2, ... goes back; ``reset`` is step 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from lotterylab.plan.nodes import Node, Prune, Train

RewindTo: TypeAlias = Callable[[int], int]


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A mask and the run that trains it.

    ``round``: of pruning, from 1; the dense run is round 0.  ``found_by``: the runs that had to be trained before the
    mask was known; what a ticket costs is these and ``run``.
    """

    round: int
    mask: Node
    run: Train
    found_by: tuple[Train, ...] = ()


def reset(round: int) -> int:
    """Back to the initial weights in every round.   [frankle2019lottery]"""
    return 0


def one_shot(
    dense: Train, sparsities: Sequence[Any], *, criterion: Any, rewind_to: RewindTo = reset, **cut: Any
) -> list[Ticket]:
    """Prune the trained dense network once to each sparsity.   [frankle2019lottery, section 2]

    A sparsity is a number or a ``Rate``; ``cut``: further fields of ``Prune`` (scope, ties, seed ...).
    """
    tickets = []
    for round, sparsity in enumerate(sparsities, start=1):
        mask = Prune(criterion=criterion, of=dense.final, sparsity=sparsity, **cut)
        run = replace(dense, start=dense.at(rewind_to(round)), mask=mask)
        tickets.append(Ticket(round=round, mask=mask, run=run, found_by=(dense,)))
    return tickets


def iterative(
    dense: Train, sparsities: Sequence[Any], *, criterion: Any, rewind_to: RewindTo = reset, **cut: Any
) -> list[Ticket]:
    """Prune, go back, train, and again: f(x; m * W_k).   [frankle2019lottery; frankle2019stabilizing, section 3]

    ``sparsities``: what each round cuts to, a number of all entries or a ``Rate`` of those still there.
    """
    tickets, last = [Ticket(round=0, mask=dense.mask, run=dense)], dense
    for round, sparsity in enumerate(sparsities, start=1):
        mask = Prune(criterion=criterion, of=last.final, mask=_earlier(tickets), sparsity=sparsity, **cut)
        last = replace(dense, start=dense.at(rewind_to(round)), mask=mask)
        tickets.append(Ticket(round=round, mask=mask, run=last, found_by=_runs(tickets)))
    return tickets[1:]


def learning_rate_rewinding(
    dense: Train, sparsities: Sequence[Any], *, criterion: Any, rewind_to: RewindTo = reset, **cut: Any
) -> list[Ticket]:
    """As iterative, but the weights stay where training took them: only the schedule goes back.   [renda2020comparing]

    Each round goes on from the last checkpoint of the round before, its optimizer state with it, at step k of schedule
    and data order.
    """
    tickets, last = [Ticket(round=0, mask=dense.mask, run=dense)], dense
    for round, sparsity in enumerate(sparsities, start=1):
        mask = Prune(criterion=criterion, of=last.final, mask=_earlier(tickets), sparsity=sparsity, **cut)
        last = replace(dense, start=last.at(last.total_steps), from_step=rewind_to(round), mask=mask)
        tickets.append(Ticket(round=round, mask=mask, run=last, found_by=_runs(tickets)))
    return tickets[1:]


def fine_tuning(dense: Train, sparsities: Sequence[Any], recipe: Any, *, criterion: Any, **cut: Any) -> list[Ticket]:
    """As iterative, but each round trains on from the weights of the one before, by ``recipe``.

    Usually a few epochs at the last rate of the dense run; the optimizer begins afresh.   [renda2020comparing]
    """
    tickets, last = [Ticket(round=0, mask=dense.mask, run=dense)], dense
    for round, sparsity in enumerate(sparsities, start=1):
        mask = Prune(criterion=criterion, of=last.final, mask=_earlier(tickets), sparsity=sparsity, **cut)
        last = replace(dense, start=last.final, mask=mask, recipe=recipe)
        tickets.append(Ticket(round=round, mask=mask, run=last, found_by=_runs(tickets)))
    return tickets[1:]


def _earlier(tickets: list[Ticket]) -> Node | None:
    """The mask to prune further; none in the first round, so that it is the one-shot one."""
    return tickets[-1].mask if tickets[-1].round else None


def _runs(tickets: list[Ticket]) -> tuple[Train, ...]:
    return tuple(ticket.run for ticket in tickets)
