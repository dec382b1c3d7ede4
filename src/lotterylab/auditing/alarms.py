"""Alarms about a mask are pure functions of plain numbers, so tensors and stored metrics meet the same rules.

Each function returns a list of alarms, and its docstring states its limits.  ``where`` names the arm that the numbers
belong to ("magnitude/0.9").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from lotterylab.errors import UsageError
from lotterylab.formats.text import shown
from lotterylab.masks.counts import Share, as_fraction, removal_count

MOST_LETTERS = 2000  # of a message


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """An ``Alarm`` is one finding of the audit.

    Args:
        code: the name of the rule, such as "moved".
        message: the finding in one line.
        where: the arm, such as "magnitude/0.9".
        severity: "fault" if a number does not mean what a reader takes it for, "caution" if it may not.

    Examples:
        >>> (alarm,) = nan_scores(nan=2, entries=10)
        >>> alarm.code, alarm.severity
        ('nan-scores', 'fault')
    """

    code: str
    message: str
    where: str = ""
    severity: Literal["fault", "caution"]


def ordered(alarms: Iterable[Alarm]) -> list[Alarm]:
    """Return the alarms with faults first, and in their order otherwise."""
    return sorted(alarms, key=lambda alarm: alarm.severity != "fault")


def percent(share: float | Fraction) -> str:
    """Return a fraction as a percentage of at most four digits."""
    return f"{100 * float(share):.4g} %"


def is_reached(requested: Share, counts: Mapping[str, tuple[int, int]]) -> bool:
    """Tell whether ``counts``, (removed, entries) by tensor, reach the request in total or in each tensor."""
    removed, entries = (sum(column) for column in zip(*counts.values(), strict=True))
    by_tensor = (pair for pair in counts.values() if pair[1])
    return _is_count(requested, removed, entries) or all(_is_count(requested, *pair) for pair in by_tensor)


def reached_is_not_requested(
    *, requested: Share, removed: int, entries: int, weights: tuple[int, int] | None = None, where: str = ""
) -> list[Alarm]:
    """Raise a fault if |requested - reached| * entries > 1/2.

    The fault is a caution within 0.1 percentage points, which rounding and the thresholds of published rules cost.
    ``weights`` are (removed, entries) without biases; the message reports them if the mask covers biases.
    """
    if _is_count(requested, removed, entries):
        return []
    asked, reached = as_fraction(requested), Fraction(removed, entries)
    near, reversed_ = abs(asked - reached) <= Fraction(1, 1000), abs(1 - asked - reached) <= Fraction(1, 1000)
    wanted = removal_count(requested, entries)
    if reversed_ and not near:
        reason = "a fraction 1 - s was pruned: the ranking or the fraction is reversed"
    else:
        reason = f"{abs(removed - wanted):,} too {'many' if removed > wanted else 'few'}"
    alone = f" (of weights alone {weights[0]:,} of {weights[1]:,})" if weights else ""
    counts = f"asked {percent(asked)} ({wanted:,} of {entries:,}), removed {percent(reached)} ({removed:,}){alone}"
    return one("reached-is-not-requested", f"{counts}: {reason}", where, "caution" if near else "fault")


def ties_at_cut(
    *,
    ties: int,
    entries: int,
    kept: int | None = None,
    layers: Sequence[str] = (),
    of: str = "entries",
    where: str = "",
) -> list[Alarm]:
    """Raise a caution if at least 2 candidates, and more than 0.1 % of the entries, share the score at the cut.

    The scores do not decide that part of the mask.  A sparsity is commonly given to 0.1 %; floats that are equal by
    chance stay far below.  ``kept`` is the number of tied candidates that were kept, ``layers`` are their tensors, and
    ``of`` names the pieces that are counted.
    """
    if ties < 2 or ties * 1000 <= entries:
        return []
    shared = f"{ties:,} of {entries:,} {of} share the score at the cut, which cannot decide between them"
    return one("ties-at-cut", f"{shared}{_place(layers)}{_fate(ties, kept)}", where, "caution")


def zero_scores(
    *, zeros: int, entries: int, kept: int | None = None, layers: Sequence[str] = (), where: str = ""
) -> list[Alarm]:
    """Raise a caution if more than 1 % of the candidates have a score of exactly 0.

    A criterion that is a product (w g, w g^2, w Hg) scores 0 where its gradient is 0, and does not rank those weights.
    ``kept`` is the number of them that were kept, ``layers`` are their tensors.
    """
    if zeros * 100 <= entries:
        return []
    message = f"{zeros:,} of {entries:,} scores ({percent(zeros / entries)}) are exactly 0 and rank nothing"
    return one("zero-scores", f"{message}{_place(layers)}{_fate(zeros, kept)}", where, "caution")


def nan_scores(*, nan: int, entries: int, where: str = "") -> list[Alarm]:
    """Raise a fault if any score is NaN, which no ranking can place."""
    return one("nan-scores", f"{nan:,} of {entries:,} scores are NaN", where, "fault") if nan else []


def zero_gradients(*, zeros: int, entries: int, where: str = "") -> list[Alarm]:
    """Raise a caution if more than half of the gradients are exactly 0, and a fault if all are.

    Most of the network is then silent on this batch (dead units).
    """
    if zeros * 2 <= entries:
        return []
    message = f"{zeros:,} of {entries:,} gradients ({percent(zeros / entries)}) are exactly 0: units or paths are dead"
    return one("zero-gradients", message, where, "fault" if zeros == entries else "caution")


def identical_masks(
    masks: Mapping[str, tuple[Share, str]], *, units: int | None = None, where: str = ""
) -> list[Alarm]:
    """Raise a fault if arms with different requests have the same mask.

    ``masks`` are (requested sparsity, digest of the mask) by arm.  Requests for the same number of the ``units``
    (weights or filters) may share a mask.
    """
    alarms = []
    counts = Counter(digest for _, digest in masks.values())
    for digest in (digest for digest, count in counts.items() if count > 1):
        arms = {name: as_fraction(requested) for name, (requested, other) in masks.items() if other == digest}
        if len({share if units is None else removal_count(share, units) for share in arms.values()}) > 1:
            targets = ", ".join(f"{name} (asked {percent(share)})" for name, share in arms.items())
            alarms += one("identical-masks", f"the same mask for different requests: {targets}", where, "fault")
    return alarms


def one_sign(
    *,
    kept_positive: int,
    kept_negative: int,
    removed_positive: int,
    removed_negative: int,
    of: str = "the scored weights",
    where: str = "",
) -> list[Alarm]:
    """Raise a fault if the kept or the removed weights have nearly all one sign, though the candidates do not.

    The rarer sign has a share below 1 % in a set of at least 100 weights, and above 10 % among all candidates.  Chance
    gives this in fewer than 0.9^100 + 100 * 0.1 * 0.9^99, or 4 in 10,000, cases.
    """
    positive, negative = kept_positive + removed_positive, kept_negative + removed_negative
    if min(positive, negative) * 10 <= positive + negative:
        return []
    sets = {"kept": (kept_positive, kept_negative), "removed": (removed_positive, removed_negative)}
    one_sided = [fate for fate, pair in sets.items() if sum(pair) >= 100 and min(pair) * 100 < sum(pair)]
    if not one_sided:
        return []
    message = (
        f"nearly all {' and all '.join(one_sided)} weights have one sign by {of} (kept {kept_positive:,} positive and "
        f"{kept_negative:,} negative, removed {removed_positive:,} and {removed_negative:,}): the sign decided the mask"
    )
    return one("one-sign", message, where, "fault")


def emptied_layers(names: Sequence[str], *, where: str = "") -> list[Alarm]:
    """Raise a fault if layers keep no weight."""
    message = f"no weight is kept in {listed(names)}: without a shortcut around it, the output ignores the input"
    return one("emptied-layer", message, where, "fault") if names else []


def last_channels(names: Sequence[str], *, where: str = "") -> list[Alarm]:
    """Raise a caution if a rule removed all channels of some layers, of which one each was kept after all."""
    message = f"all channels of {listed(names)} were to go, so that one was kept, through which everything passes"
    return one("last-channel", message, where, "caution") if names else []


def lost_classes(*, name: str, lost: int, classes: int, where: str = "") -> list[Alarm]:
    """Raise a caution if ``lost`` rows of the tensor ``name`` keep no weight and it has a row for each class.

    The tensor may be a hidden layer whose width happens to be the number of classes.
    """
    message = (
        f"no weight is kept in {lost} of the {classes} rows of '{name}'; if it is the output layer, these classes have "
        f"only their bias: leave the layer out (exclude=...), or give it a separate sparsity"
    )
    return one("lost-classes", message, where, "caution") if 0 < lost < classes else []


def came_back(*, entries: int, where: str = "") -> list[Alarm]:
    """Raise a fault if the mask keeps entries that the earlier mask of iterative pruning removed."""
    message = f"{entries:,} entries that the earlier mask removed are kept again"
    return one("came-back", message, where, "fault") if entries else []


def biases_pruned(*, names: Sequence[str], entries: int, removed: int, where: str = "") -> list[Alarm]:
    """Raise a caution if the mask covers biases or norms, the tensors ``names`` of fewer than two dimensions."""
    message = (
        f"the mask covers {entries:,} entries of biases or norms ({listed(names)}), of which {removed:,} are removed: "
        f"the sparsity of the weights alone differs"
    )
    return one("biases-pruned", message, where, "caution") if names else []


def mask_inferred(
    *,
    source: str,
    removed: int,
    entries: int,
    names: Sequence[str] = (),
    left_out: Sequence[str] = (),
    where: str = "",
) -> list[Alarm]:
    """Raise a caution that the exact zeros of the state ``source`` stand in for a mask.

    ``names``: the tensors that were counted.  ``left_out``: tensors with zeros that were not, because they are no
    weights.
    """
    counted = f" ({listed(names)})" if names else ""
    counted += f", but not those of {listed(left_out)}," if left_out else ""
    blind = "; the audit cannot check whether removed weights moved in training" if source == "end" else ""
    message = (
        f"no mask was given: the {removed:,} zeros of {entries:,} weights in '{source}'{counted} were used as mask"
    )
    return one("mask-inferred", f"{message}{blind}", where, "caution")


def listed(names: Sequence[str]) -> str:
    """Return the first four names and the number of the others."""
    first = ", ".join(shown(name, most=80) for name in names[:4])
    return first if len(names) <= 4 else f"{first} and {len(names) - 4} more"


def one(code: str, message: str, where: str, severity: Literal["fault", "caution"]) -> list[Alarm]:
    """Return a list of one alarm, with control characters of foreign names made harmless."""
    where = shown(where, most=None)
    return [Alarm(code=code, message=shown(message, most=MOST_LETTERS), where=where, severity=severity)]


def _place(layers: Sequence[str]) -> str:
    return f", in {listed(layers)}" if layers else ""


def _fate(count: int, kept: int | None) -> str:
    if kept is None:
        return ""
    fates = {0: "all of them were removed", count: "all of them were kept"}
    return f"; {fates.get(kept, f'{kept:,} of them were kept')}"


def _is_count(requested: Share, removed: int, entries: int) -> bool:
    asked = as_fraction(requested)  # refuses a request that is not a fraction
    if not 0 <= removed <= entries or not entries:
        raise UsageError(f"{removed} entries of {entries} cannot have been removed. Give 0 <= removed <= entries.")
    return 2 * abs(asked.numerator * entries - removed * asked.denominator) <= asked.denominator
