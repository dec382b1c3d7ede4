"""Alarms about a mask, each a pure function of plain numbers: tensors and the metrics of records meet the same rules.

A function returns no alarm or some.  ``where`` says what the numbers are about ("magnitude/0.9").  Every limit stands
in the docstring of its function.
"""

from __future__ import annotations

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
    """One finding.  "fault": a number does not mean what it is taken for.  "caution": it may not; look."""

    code: str
    message: str
    where: str = ""
    severity: Literal["fault", "caution"]


def ordered(alarms: Iterable[Alarm]) -> list[Alarm]:
    """Faults first, otherwise in the order given."""
    return sorted(alarms, key=lambda alarm: alarm.severity != "fault")


def percent(share: float | Fraction) -> str:
    """A fraction for a reader, four digits at most."""
    return f"{100 * float(share):.4g} %"


def is_reached(requested: Share, counts: Mapping[str, tuple[int, int]]) -> bool:
    """Whether ``counts``, (removed, entries) by tensor, are what ``requested`` asks for: in all or in each tensor."""
    removed, entries = (sum(column) for column in zip(*counts.values(), strict=True))
    by_tensor = (pair for pair in counts.values() if pair[1])
    return _is_count(requested, removed, entries) or all(_is_count(requested, *pair) for pair in by_tensor)


def reached_is_not_requested(
    *, requested: Share, removed: int, entries: int, weights: tuple[int, int] | None = None, where: str = ""
) -> list[Alarm]:
    """|requested - reached| * entries > 1/2.

    A fault; a caution within 0.1 percentage points, which is what rounding and thresholds of published rules cost.
    ``weights``: (removed, entries) without biases, told beside the rest where the mask covers biases.
    """
    if _is_count(requested, removed, entries):
        return []
    asked, reached = as_fraction(requested), Fraction(removed, entries)
    near, turned = abs(asked - reached) <= Fraction(1, 1000), abs(1 - asked - reached) <= Fraction(1, 1000)
    wanted = removal_count(requested, entries)
    if turned and not near:
        reason = "a fraction 1 - s was pruned: the ranking or the fraction is the wrong way round"
    else:
        reason = f"{abs(removed - wanted):,} too {'many' if removed > wanted else 'few'}"
    alone = f" (of weights alone {weights[0]:,} of {weights[1]:,})" if weights else ""
    told = f"asked {percent(asked)} ({wanted:,} of {entries:,}), removed {percent(reached)} ({removed:,}){alone}"
    return one("reached-is-not-requested", f"{told}: {reason}", where, "caution" if near else "fault")


def ties_at_cut(*, ties: int, entries: int, kept: int | None = None, where: str = "") -> list[Alarm]:
    """``ties`` candidates, ``kept`` of them kept, share the score at the requested cut.

    A caution from 2 on and above 0.1 % of the entries, the precision to which a sparsity is commonly given: so much of
    the mask is not decided by the scores.  Equal floats by chance stay far below.
    """
    if ties < 2 or ties * 1000 <= entries:
        return []
    fates = {0: "all of them were removed", ties: "all of them were kept"}
    fate = "" if kept is None else f"; {fates.get(kept, f'{kept:,} of them were kept')}"
    message = f"{ties:,} of {entries:,} entries share the score at the cut, which cannot say which of them go{fate}"
    return one("ties-at-cut", message, where, "caution")


def zero_scores(*, zeros: int, entries: int, where: str = "") -> list[Alarm]:
    """``zeros`` of the candidates have the score 0 exactly.

    A caution above 1 %: a criterion that is a product (w g, w g^2, w Hg) gives 0 where its gradient is 0, and has not
    ranked these.
    """
    if zeros * 100 <= entries:
        return []
    message = f"{zeros:,} of {entries:,} scores ({percent(zeros / entries)}) are exactly 0 and rank nothing"
    return one("zero-scores", message, where, "caution")


def nan_scores(*, nan: int, entries: int, where: str = "") -> list[Alarm]:
    """Any score that is not a number: no order can place it."""
    return one("nan-scores", f"{nan:,} of {entries:,} scores are NaN", where, "fault") if nan else []


def zero_gradients(*, zeros: int, entries: int, where: str = "") -> list[Alarm]:
    """``zeros`` of the gradients are 0 exactly.

    A caution above one half: most of the network is silent on this batch (dead units).  A fault if all are 0.
    """
    if zeros * 2 <= entries:
        return []
    message = f"{zeros:,} of {entries:,} gradients ({percent(zeros / entries)}) are exactly 0: units or paths are dead"
    return one("zero-gradients", message, where, "fault" if zeros == entries else "caution")


def identical_masks(
    masks: Mapping[str, tuple[Share, str]], *, units: int | None = None, where: str = ""
) -> list[Alarm]:
    """Arms by name, each (requested sparsity, digest of its mask): two requests, one mask, a fault.

    ``units``: how many there are to remove; requests for the same number of them have to have one mask.
    """
    alarms = []
    for digest in dict.fromkeys(digest for _, digest in masks.values()):
        arms = {name: as_fraction(requested) for name, (requested, other) in masks.items() if other == digest}
        if len({share if units is None else removal_count(share, units) for share in arms.values()}) > 1:
            targets = ", ".join(f"{name} (asked {percent(share)})" for name, share in arms.items())
            alarms += one("identical-masks", f"one and the same mask for different requests: {targets}", where, "fault")
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
    """The kept or the removed weights are nearly all of one sign, though the candidates are not.

    A fault where the rarer sign has a share below 1 % in a set of 100 or more, and above 10 % among all.  By chance:
    below 0.9^100 + 100 * 0.1 * 0.9^99, 4 in 10,000, and nearly never when both signs are as frequent.
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
        f"{kept_negative:,} negative, removed {removed_positive:,} and {removed_negative:,}): the sign was pruned by"
    )
    return one("one-sign", message, where, "fault")


def emptied_layers(names: Sequence[str], *, where: str = "") -> list[Alarm]:
    """Layers of which nothing is kept, a fault."""
    message = f"nothing is kept of {listed(names)}: unless a shortcut goes around, the output ignores the input"
    return one("emptied-layer", message, where, "fault") if names else []


def lost_classes(*, name: str, lost: int, classes: int, where: str = "") -> list[Alarm]:
    """Of ``classes`` rows of the tensor ``name``, as many as there are classes, ``lost`` keep nothing: a caution.

    Filters, and rows of a very sparse output layer, can be such; a hidden layer of the same width is none.
    """
    message = (
        f"nothing is kept of {lost} of the {classes} rows of '{name}'; if that is the output layer, these classes have "
        f"their bias alone: leave it out (params=...), or give it a sparsity of its own"
    )
    return one("lost-classes", message, where, "caution") if 0 < lost < classes else []


def came_back(*, entries: int, where: str = "") -> list[Alarm]:
    """Entries that an earlier mask removed and this one keeps: a fault in iterative pruning."""
    message = f"{entries:,} entries that the earlier mask removed are kept again"
    return one("came-back", message, where, "fault") if entries else []


def biases_pruned(*, names: Sequence[str], entries: int, removed: int, where: str = "") -> list[Alarm]:
    """The mask covers tensors of fewer than two dimensions (``names``): biases or norms were among the candidates."""
    message = (
        f"the mask covers {entries:,} entries of biases or norms ({listed(names)}), of which {removed:,} are removed: "
        f"a sparsity over weights alone is another number"
    )
    return one("biases-pruned", message, where, "caution") if names else []


def mask_inferred(*, source: str, removed: int, entries: int, where: str = "") -> list[Alarm]:
    """No mask was given; that of the exact zeros in ``source`` stands in for it."""
    blind = "; whether removed weights moved in training cannot be told" if source == "end" else ""
    message = f"no mask was given: the {removed:,} zeros of {entries:,} weights in '{source}' were taken for it{blind}"
    return one("mask-inferred", message, where, "caution")


def listed(names: Sequence[str]) -> str:
    """The first four names, and how many more there are."""
    first = ", ".join(shown(name, most=80) for name in names[:4])
    return first if len(names) <= 4 else f"{first} and {len(names) - 4} more"


def one(code: str, message: str, where: str, severity: Literal["fault", "caution"]) -> list[Alarm]:
    """A list of one alarm; names in it are other people's and become harmless here."""
    where = shown(where, most=None)
    return [Alarm(code=code, message=shown(message, most=MOST_LETTERS), where=where, severity=severity)]


def _is_count(requested: Share, removed: int, entries: int) -> bool:
    asked = as_fraction(requested)  # says what is wrong with a request that is no fraction
    if not 0 <= removed <= entries or not entries:
        raise UsageError(f"{removed} entries of {entries} cannot have been removed.")
    return 2 * abs(asked.numerator * entries - removed * asked.denominator) <= asked.denominator
