"""Removal counts, for one cut and for rounds, in exact arithmetic on plain numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias, cast

from lotterylab.errors import UsageError, near_or_known
from lotterylab.types import Mask

Share: TypeAlias = (
    float | str | Fraction
)  # in [0, 1), 1 for one of several tensors; a float is the decimal that it prints
Sparsity: TypeAlias = Share | Mapping[str, Share]  # one share for all, or a share for each tensor by name
Schedule: TypeAlias = Callable[[float, int, int], float]  # the density after round k of n, from the final density


def removal_count(sparsity: Share, n: int) -> int:
    """Return floor(s * n + 1/2), the number of n entries to remove, in fractions: floats give 99 for 1000 * (1 - 0.9).

    Raises:
        UsageError: the sparsity is not a number from 0 to 1.

    Examples:
        >>> removal_count(0.9, 1000), removal_count(0.29, 100), removal_count("1/3", 10)
        (900, 29, 3)
    """
    return math.floor(as_fraction(sparsity) * n + Fraction(1, 2))


def as_fraction(sparsity: Share) -> Fraction:
    """Return the exact number, 9/10 for 0.9, of a share of one tensor, which may be all of it.

    Raises:
        UsageError: the share is not a number from 0 to 1.
    """
    return Fraction(1) if (fraction := _number(sparsity)) == 1 else _below_1(sparsity, fraction, "sparsity")


def check_target(sparsity: Share, what: str = "sparsity") -> Fraction:
    """Return the exact number of a sparsity that is asked for, in [0, 1), so that something is kept.

    Args:
        sparsity: the fraction removed.
        what: the word for it in an error.

    Raises:
        UsageError: the sparsity is not a number from 0 up to but not 1; the error says what 90 may have meant.

    Examples:
        >>> check_target(0.9), check_target("1/3")
        (Fraction(9, 10), Fraction(1, 3))
    """
    return _below_1(sparsity, _number(sparsity, what), what)


def check_targets(sparsity: Sparsity) -> None:
    """Refuse a sparsity that keeps nothing, or is not a number; a single tensor of several may lose everything.

    Raises:
        UsageError: what ``check_target`` refuses, or all tensors have the sparsity 1.
    """
    shares = list(sparsity.values()) if isinstance(sparsity, Mapping) else [sparsity]
    if len(shares) == 1 or all(as_fraction(share) == 1 for share in shares):
        for share in shares:
            check_target(share)


def _below_1(sparsity: Share, fraction: Fraction, what: str) -> Fraction:
    if 0 <= fraction < 1:
        return fraction
    why = ", as 1 would keep nothing. Did you mean 0.9 or 0.99?" if fraction == 1 else f".{if_percent(fraction)}"
    raise UsageError(f"{what} {sparsity} was asked for; it is the fraction removed, from 0 to 1 but below 1{why}")


def if_percent(share: float | Fraction) -> str:
    """Return " Did you mean 0.9?" for 90; "" for a number that is not a percentage.

    Examples:
        >>> if_percent(99.5), if_percent(0.5)
        (' Did you mean 0.995?', '')
    """
    return f" Did you mean {float(share) / 100:g}?" if 1 < share < 100 else ""


def _number(sparsity: Share, what: str = "sparsity") -> Fraction:
    try:
        return sparsity if type(sparsity) is Fraction else _written(str(sparsity))
    except (ValueError, ZeroDivisionError):
        pass
    meant = ""
    if isinstance(sparsity, str) and sparsity.strip().endswith("%"):
        with suppress(ValueError, ZeroDivisionError):
            meant = if_percent(Fraction(sparsity.strip().rstrip("%").strip()))
    raise UsageError(f"a {what} is a number from 0 to 1 but below 1, not {sparsity!r}.{meant}")


@lru_cache(maxsize=4096)  # a study asks for the same few sparsities thousands of times
def _written(text: str) -> Fraction:
    return Fraction(text)


def same_names(what: str, given: Mapping[str, object], wanted: Mapping[str, object]) -> None:
    """Raise ``UsageError`` unless ``given`` has exactly the names of ``wanted``."""
    for name in given:
        if name not in wanted:
            raise UsageError(f"the {what} names '{name}', which is not there.{near_or_known(name, wanted)}")
    missing = [name for name in wanted if name not in given]
    if missing:
        raise UsageError(f"the {what} says nothing about '{missing[0]}' ({len(missing)} missing). Name every tensor.")


def alive_rate_counts(alive: Mapping[str, int], rate: Mapping[str, Share]) -> dict[str, int]:
    """Return the number of entries left in each tensor after one round that removes the share ``rate`` of those alive.

    ``select`` makes exactly these counts from the sparsities ``1 - left / entries``, as a Fraction or a float.  A plan
    can therefore list all rounds before anything is trained.   [frankle2019lottery, section 2]

    Args:
        alive: the entries still kept, by tensor.
        rate: the share of them that is removed, for exactly the same tensors.

    Raises:
        UsageError: the names differ.

    Examples:
        >>> alive_rate_counts({"hidden": 235200, "output": 1000}, {"hidden": 0.2, "output": 0.1})
        {'hidden': 188160, 'output': 900}
    """
    same_names("rate", rate, alive)
    return {name: count - removal_count(rate[name], count) for name, count in alive.items()}


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A ``Rate`` is the share of the kept weights that one round of pruning removes.   [frankle2019lottery, section 2]

    LeNet-300-100 has the rates 0.2 and 0.1 (output layer); Conv-2 and Conv-4 have 0.1 (convolutions), 0.2 and 0.1
    (output layer).

    Differs from the paper: its text says that n rounds to the sparsity p prune p^(1/n) of the remaining weights each,
    which is right for the share kept.  The rate that reaches p is 1 - (1 - p)^(1/n).

    Args:
        share: the share of the weights kept by an earlier mask that is removed, rounded half up in each layer, or as a
            published code does if ``ties`` of the cut names one.
        convolution: the share for convolutions instead; needs scope "layerwise", as ``output`` does.
        output: the share for the last layer instead.
        rounds: the number of rounds at once, for a one-shot mask that is compared with the same number of rounds.

    Raises:
        UsageError: a share is not from 0 up to but not 1, or there are fewer rounds than 1.

    Examples:
        >>> import torch
        >>> Rate(share=0.2).target({"weight": torch.ones(10, 10, dtype=torch.bool)}, "global")
        Fraction(1, 5)
        >>> Rate(share=0.2).after(3)
        0.488
    """

    share: float
    convolution: float | None = None
    output: float | None = None
    rounds: int = 1

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise UsageError(f"rounds={self.rounds}: at least 1 is needed.")
        for value in (self.share, self.convolution, self.output):
            if value is not None:
                check_target(value, "share")

    def check_scope(self, scope: str) -> None:
        """Refuse a scope with one count for all layers if there are rates for kinds of layers."""
        if scope != "layerwise" and (self.convolution is not None or self.output is not None):
            raise UsageError(f"{self} has rates for kinds of layers: ask for scope='layerwise', not '{scope}'.")

    def target(self, mask: Mask, scope: str) -> Sparsity:
        """Return the sparsity after the round: one for each layer if the scope is "layerwise", else one for all.

        The last round is not rounded to whole weights, which ``select`` does in its own way or in that of a published
        code (``ties="open-lth"``): the code sees the rate itself, and leaves what its own ladder leaves.

        Args:
            mask: the earlier mask, in the module's order: its last tensor is the output layer's.
            scope: the scope of the selection.

        Raises:
            UsageError: there are rates for kinds of layers, but the scope has one count.
        """
        self.check_scope(scope)
        apart = scope == "layerwise"
        entries = {name: kept.numel() for name, kept in mask.items()}
        alive = {name: int(kept.sum()) for name, kept in mask.items()}
        rates = {name: self._of(mask, name) for name in mask}
        if not apart:
            entries, alive, rates = {"": sum(entries.values())}, {"": sum(alive.values())}, {"": self.share}
        for _ in range(self.rounds - 1):
            alive = alive_rate_counts(alive, rates)
        left = {name: count * (1 - as_fraction(rates[name])) for name, count in alive.items()}
        shares = {name: (entries[name] - count) / entries[name] for name, count in left.items()}
        return cast(Sparsity, shares) if apart else shares[""]

    def after(self, rounds: int) -> float:
        """Return the sparsity after ``rounds`` rounds of ``share``, to four digits: the name of a level."""
        return round(1 - (1 - self.share) ** rounds, 4)

    def _of(self, mask: Mask, name: str) -> float:
        if self.output is not None and name == list(mask)[-1]:
            return self.output
        is_convolution = mask[name].dim() >= 3  # a conv1d's weight has 3 dimensions, a conv2d's 4
        return self.convolution if is_convolution and self.convolution is not None else self.share


def exponential(density: float, round: int, rounds: int) -> float:
    """Return d^(k/n), after round k of n: each round removes the same share.   [tanaka2020pruning, algorithm 1]"""
    return density ** (round / rounds)


def linear(density: float, round: int, rounds: int) -> float:
    """Return 1 - (1 - d) k/n, after round k of n: each round removes the same number."""
    return 1 - (1 - density) * round / rounds


SCHEDULES: dict[str, Schedule] = {"exponential": exponential, "linear": linear}
