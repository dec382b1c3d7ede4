"""How many are removed: exact arithmetic on plain numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from lotterylab.errors import UsageError, suggestion

Share: TypeAlias = float | str | Fraction  # in [0, 1]; a float means the decimal that it prints as
Sparsity: TypeAlias = Share | Mapping[str, Share]  # one for all, or one for each tensor by name


def removal_count(sparsity: Share, n: int) -> int:
    """floor(s * n + 1/2), in fractions: 0.9 of 1000 is 900, and 0.29 of 100 is 29.

    In floats ``int(1000 * (1 - 0.9))`` is 99 and ``int(0.29 * 100)`` is 28.
    """
    return math.floor(as_fraction(sparsity) * n + Fraction(1, 2))


def alive_rate_counts(alive: Mapping[str, int], rate: Mapping[str, Share]) -> dict[str, int]:
    """How many entries of each tensor are left after ``removal_count(rate, alive)`` of those alive are removed.

    One step of a ladder of rates (Frankle & Carbin, 2019: 20 % a round, 10 % in the output layer).  ``select`` needs
    no second way to be told a count: of the sparsity ``1 - left / entries``, as a Fraction or a float, it makes exactly
    this count again.  So a plan can write the whole ladder down before anything is trained, and "sparsity" keeps
    one meaning.
    """
    same_names("rate", rate, alive)
    return {name: count - removal_count(rate[name], count) for name, count in alive.items()}


def as_fraction(sparsity: Share) -> Fraction:
    """The exact number that is written, 9/10 for 0.9; ``UsageError`` unless it is in [0, 1]."""
    try:
        fraction = sparsity if type(sparsity) is Fraction else _written(str(sparsity))
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"a sparsity is a number from 0 to 1, not {sparsity!r}.") from None
    if not 0 <= fraction <= 1:
        raise UsageError(f"a sparsity is the fraction removed, from 0 to 1; {sparsity} is not.")
    return fraction


@lru_cache(maxsize=4096)  # a study asks for the same few sparsities thousands of times
def _written(text: str) -> Fraction:
    return Fraction(text)


def check_target(sparsity: float) -> None:
    """Raise ``UsageError`` unless something would be left to train: the sparsity is in [0, 1)."""
    if not 0 <= sparsity < 1:
        raise UsageError(f"sparsity {sparsity:g} was asked for; it is the fraction removed, from 0 up to but not 1.")


def same_names(what: str, given: Mapping[str, object], wanted: Mapping[str, object]) -> None:
    """Raise ``UsageError`` unless ``given`` names exactly what ``wanted`` does."""
    for name in given:
        if name not in wanted:
            raise UsageError(f"the {what} names '{name}', which is not there.{suggestion(name, wanted)}")
    missing = [name for name in wanted if name not in given]
    if missing:
        raise UsageError(f"the {what} says nothing about '{missing[0]}' ({len(missing)} missing). Name every tensor.")
