"""Tickets are found by one-shot or iterative pruning, with resetting, rewinding or retraining.

Each function takes the dense run and returns tickets; nothing is trained.

    W_0 -> train T steps -> W_T -> prune the lowest |W_T| -> m -> back to W_k -> train m * W_k for T - k steps

``rewind_to`` gives the step k of the dense run to which round 1, 2, ... goes back; ``reset`` is step 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from lotterylab.plan.nodes import Node, Prune, Train

RewindTo: TypeAlias = Callable[[int], int]


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A run of a pruned network.

    ``round``: of pruning, from 1.  ``found_by``: the runs that had to be trained before the mask was known, the dense
    one first; what a ticket costs is these and ``run``.
    """

    round: int
    run: Train
    found_by: tuple[Train, ...] = ()

    @property
    def mask(self) -> Node:
        """The mask that is trained."""
        return self.run.mask


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
        tickets.append(Ticket(round=round, run=run, found_by=(dense,)))
    return tickets


def iterative(
    dense: Train, sparsities: Sequence[Any], *, criterion: Any, rewind_to: RewindTo = reset, **cut: Any
) -> list[Ticket]:
    """Prune, go back, train, and again: f(x; m * W_k).   [frankle2019lottery; frankle2019stabilizing, section 3]

    ``sparsities``: what each round cuts to, a number of all entries or a ``Rate`` of those still there.
    """
    runs, tickets = [dense], []
    for round, sparsity in enumerate(sparsities, start=1):
        mask = Prune(criterion=criterion, of=runs[-1].final, mask=_earlier(runs), sparsity=sparsity, **cut)
        run = replace(dense, start=dense.at(rewind_to(round)), mask=mask)
        tickets.append(Ticket(round=round, run=run, found_by=tuple(runs)))
        runs.append(run)
    return tickets


def learning_rate_rewinding(
    dense: Train, sparsities: Sequence[Any], *, criterion: Any, rewind_to: RewindTo = reset, **cut: Any
) -> list[Ticket]:
    """As iterative, but the weights stay where training took them: only the schedule goes back.   [renda2020comparing]

    Each round goes on from the last checkpoint of the round before, its optimizer state with it, at step k of schedule
    and data order.
    """
    runs, tickets = [dense], []
    for round, sparsity in enumerate(sparsities, start=1):
        mask = Prune(criterion=criterion, of=runs[-1].final, mask=_earlier(runs), sparsity=sparsity, **cut)
        trained = runs[-1].at(runs[-1].total_steps)
        run = replace(dense, start=trained, from_step=rewind_to(round), mask=mask)
        tickets.append(Ticket(round=round, run=run, found_by=tuple(runs)))
        runs.append(run)
    return tickets


def fine_tuning(dense: Train, sparsities: Sequence[Any], recipe: Any, *, criterion: Any, **cut: Any) -> list[Ticket]:
    """As iterative, but each round trains on from the weights of the one before, by ``recipe``.

    Usually a few epochs at the last rate of the dense run; the optimizer begins afresh.   [renda2020comparing]
    """
    runs, tickets = [dense], []
    for round, sparsity in enumerate(sparsities, start=1):
        mask = Prune(criterion=criterion, of=runs[-1].final, mask=_earlier(runs), sparsity=sparsity, **cut)
        run = replace(dense, start=runs[-1].final, mask=mask, recipe=recipe)
        tickets.append(Ticket(round=round, run=run, found_by=tuple(runs)))
        runs.append(run)
    return tickets


def _earlier(runs: list[Train]) -> Node | None:
    """Return the mask to prune further; the first round has none, so it equals one-shot pruning."""
    return runs[-1].mask if len(runs) > 1 else None
