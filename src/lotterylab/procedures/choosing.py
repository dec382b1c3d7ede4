"""The choice of a learning rate: by trials with seeds of their own, the highest accuracy on validation images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lotterylab.plan.nodes import Choose, Train

TRIAL_SEED = 1_000  # of the trials of a learning rate, and of no study


def best_rate(rates: Iterable[float], *trials: Callable[[float], Train], times: float = 1) -> Choose:
    """Return the choice of the rate whose trials have the highest mean accuracy on validation images.

    Args:
        rates: the rates to choose from.
        trials: from a rate to the run that tries it; their seeds are in no study.
        times: the factor of the rate that is chosen; the trials are without it.
    """
    candidates = tuple((times * rate, tuple(trial(rate) for trial in trials)) for rate in rates)
    return Choose(candidates=candidates, by="validation_accuracy")


def only_or_best(rates: Sequence[float], *trials: Callable[[float], Train]) -> Choose | float:
    """Return the only rate, for which nothing is tried, or ``best_rate``."""
    return rates[0] if len(rates) == 1 else best_rate(rates, *trials)
