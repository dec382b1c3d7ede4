"""The procedures that ``tickets`` knows, and what it refuses before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from numbers import Integral
from operator import index
from typing import Any

from lotterylab.asking.options import MOST_SEEDS
from lotterylab.criteria import check_criterion
from lotterylab.errors import UsageError, unknown
from lotterylab.homes import as_tuple
from lotterylab.interventions import check_interventions
from lotterylab.masks.counts import as_fraction, check_target
from lotterylab.procedures import CONTROLS, RewindTo, Ticket, iterative, learning_rate_rewinding, one_shot

PROCEDURES: dict[str, Callable[..., list[Ticket]]] = {
    "iterative": iterative,
    "one-shot": one_shot,
    "learning-rate-rewinding": learning_rate_rewinding,
}


def check(
    procedure: str,
    criterion: Any,
    controls: Sequence[str],
    sparsities: Sequence[Any],
    steps: int,
    seeds: Sequence[int],
    during: Sequence[Any],
    steps_per_epoch: int | None,
) -> None:
    """Refuse words, numbers and methods that ``tickets`` cannot use."""
    if procedure not in PROCEDURES:
        raise unknown("procedure", procedure, PROCEDURES)
    check_criterion(criterion)
    check_interventions(during)
    if steps_per_epoch is not None and (steps_per_epoch < 1 or not during):
        why = "at least 1 is needed" if during else "it is for interventions. Name them with during=, or leave it out"
        raise UsageError(f"steps_per_epoch={steps_per_epoch}: {why}.")
    for word in controls:
        if word not in CONTROLS:
            raise unknown("control", word, CONTROLS)
    if criterion.needs_batch:
        raise UsageError(
            f"{type(criterion).__name__} scores on data, which only your functions see. Make its mask with "
            "lotterylab.prune(module, criterion, sparsity, batch=...) and hold it with attach."
        )
    if not _is_whole(steps) or steps < 1:
        raise UsageError(f"steps={steps!r}: a whole number of at least 1 is needed.")
    levels = [level for level in map(level_of, sparsities) if level is not None]
    for level in levels:
        check_target(level)
    if len(set(levels)) < len(levels):
        raise UsageError(f"sparsities {levels} name a level twice; give each once.")
    if not 1 <= len(seeds) <= MOST_SEEDS or len(set(seeds)) < len(seeds):
        raise UsageError(f"seeds are {list(seeds[:9])}: give at least one, at most {MOST_SEEDS:,}, and each once.")
    for seed in seeds:
        if not _is_whole(seed):
            raise UsageError(f"seeds hold {seed!r}: give their number, seeds=3, or a list of whole numbers.")
    if procedure != "one-shot" and levels != sorted(levels):
        raise UsageError(f"sparsities {levels}: each round removes more than the one before, so they have to rise.")


def whole_numbers(values: Any) -> tuple[Any, ...]:
    """Return values as a tuple in which whole numbers of NumPy are Python's, by which results are named."""
    return tuple(int(value) if _is_whole(value) else value for value in as_tuple(values))


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def level_of(sparsity: Any) -> float | None:
    """Return a sparsity as the label of its rows: a number, a ``Fraction`` or "1/3"; None for a ``Rate``."""
    if isinstance(sparsity, str):
        return float(as_fraction(sparsity))
    return float(sparsity) if isinstance(sparsity, float | int | Fraction) else None


def point(rewind_to: int | float | RewindTo, steps: int) -> RewindTo:
    """Return from the round the step to which it goes back."""
    if callable(rewind_to):
        return lambda round: _step(rewind_to(round), steps)
    step = _step(rewind_to, steps)
    return lambda round: step


def _step(asked: Any, steps: int) -> int:
    if isinstance(asked, float) and 0 <= asked < 1:
        return int(asked * steps + 0.5)
    try:
        return index(asked)  # pyright: ignore[reportArgumentType]
    except TypeError:
        raise UsageError(
            f"rewind_to gives {asked!r}; it is a step, a whole number from 0 to {steps}, or a share of the training, "
            "from 0 up to but not 1."
        ) from None
