"""Differences between arms of anybody's results: paired by seed, corrected for their number, and for earlier looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lotterylab.errors import UsageError, unknown
from lotterylab.reading.anybody import Reading
from lotterylab.reading.caveats import no_spread
from lotterylab.reading.deciding import FEWEST, LEVEL, Outcome, decided
from lotterylab.reading.differences import Hypothesis, family, hypothesis, raw_p
from lotterylab.statistics import Interval, differences, power, seeds_needed, t_interval

MOST_ARMS = 12  # of which all pairs are compared; more make a family in which nothing is decided


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A ``Contrast`` is ``a`` minus ``b`` in one place, paired by seed.

    Args:
        place: the place, "" if there is only one.
        a, b: the names of the arms.
        values: a minus b, one for each seed that both have.
        interval: their t interval, of level 1 - 0.05 / looks.
        unpaired: the seeds that only one arm has.
        p: the p value of "no difference", times the number of looks.
        p_holm, p_equal: the p values of "no difference" and "not equal within the margin", times the number of looks,
            and adjusted for all contrasts together; ``p_equal`` is None without a margin.
        caveat: the reason why the contrast is undecided whatever its interval; both p are then 1.
        power: the chance that as many seeds of this spread show a true difference of the margin; None without one.
        needs: the seeds with which that chance would be 80 %; None without a margin.
    """

    place: str
    a: str
    b: str
    values: tuple[float, ...]
    interval: Interval
    unpaired: int = 0
    p: float | None = None
    p_holm: float | None = None
    p_equal: float | None = None
    caveat: str = ""
    margin: float | None = None
    power: float | None = None
    needs: int | None = None

    @property
    def outcome(self) -> Outcome:
        """Return the decision at 5 % for all contrasts together; "open" with fewer than three seeds or a caveat."""
        return decided(self.interval, self.p_holm, self.p_equal, self.caveat)

    @property
    def says(self) -> str:
        """Return the outcome in words."""
        words = {"more": f"{self.a} is higher", "less": f"{self.b} is higher", "open": "cannot be said"}
        return words.get(self.outcome, f"equal within {self.margin:g}" if self.margin else "")


def contrasts(reading: Reading, *, against: str = "", margin: float | None = None, looks: int = 1) -> list[Contrast]:
    """Return the differences between the arms of each place, corrected together.

    "No difference" and "not equal within the margin" are tested of each pair.  All these tests are one family by Holm's
    correction, in which the two of a pair count once, because they cannot both be true.   [holm1979simple;
    shaffer1986modified]  ``looks`` multiplies each p value and narrows the level of each interval to 1 - 0.05 / looks
    (Bonferroni), so that results that were looked at several times, and would have been reported at any of these times,
    keep the level.

    Args:
        reading: the numbers.
        against: the arm that all others are compared with; by default all pairs are.
        margin: the largest difference that does not matter, for equivalence and power.
        looks: how often the numbers were looked at, this time included.

    Raises:
        UsageError: no place has two arms with a common seed, the arm is not known, or there are too many pairs.
    """
    if looks < 1:
        raise UsageError(f"looks is {looks}; this look counts, so it is at least 1.", option="looks")
    if margin is not None and not margin > 0:
        raise UsageError(
            f"margin is {margin:g}; it must be above 0: no sample shows a mean of exactly 0.", option="margin"
        )
    every = list(dict.fromkeys(arm for arms in reading.places.values() for arm in arms))
    if against and against not in every:
        raise unknown("arm", against, every)
    if not against and len(every) > MOST_ARMS:
        raise UsageError(
            f"there are {len(every)} arms and so {len(every) * (len(every) - 1) // 2} pairs. Name the arm to compare "
            "with: --against ARM."
        )
    found = [
        contrast
        for place, arms in reading.places.items()
        for a, b in _pairs(list(arms), against)
        if (contrast := _contrast(reading, place, a, b, margin, looks)) is not None
    ]
    if not found:
        listed = ", ".join(every[:MOST_ARMS])
        raise UsageError(f"no two arms have a common seed in one place. Arms: {listed}. Check --arms, --by and --seed.")
    return _corrected(found, looks)


def _pairs(arms: Sequence[str], against: str) -> Iterator[tuple[str, str]]:
    """Yield (a, b): each arm and the one that it is compared with, or each later arm and each earlier one."""
    if against:
        yield from ((arm, against) for arm in arms if arm != against and against in arms)
    else:
        yield from ((a, b) for place, a in enumerate(arms) for b in arms[:place])


def _contrast(reading: Reading, place: str, a: str, b: str, margin: float | None, looks: int) -> Contrast | None:
    ours, theirs = reading.places[place][a], reading.places[place][b]
    values = tuple(differences(ours, theirs))
    if not values:
        return None
    interval = t_interval(values, 1 - LEVEL / looks)
    lost = [f"seed {', '.join(seeds)} of {arm}" for arm in (a, b) if (seeds := reading.lost.get((place, arm)))]
    caveat = f"No number for {' and '.join(lost)}: the runs may have diverged." if lost else no_spread(values).strip()
    return Contrast(
        place=place,
        a=a,
        b=b,
        values=values,
        interval=interval,
        unpaired=len(ours.keys() ^ theirs.keys()),
        margin=margin,
        caveat=caveat,
        power=None if margin is None or interval.sd is None else power(interval.sd, margin, interval.n, interval.level),
        needs=None if margin is None or interval.sd is None else seeds_needed(interval.sd, margin, interval.level),
    )


def _corrected(found: Sequence[Contrast], looks: int) -> list[Contrast]:
    tests: dict[Hypothesis, float] = {}
    for contrast in found:
        for tested in _hypotheses(contrast).values():
            p = raw_p(tested) if contrast.interval.n >= FEWEST and not contrast.caveat else 1.0
            tests[tested] = 1.0 if p is None else min(1.0, looks * p)
    adjusted = family(tests)

    def with_p(contrast: Contrast) -> Contrast:
        fields = {name: adjusted[tested] for name, tested in _hypotheses(contrast).items()}
        p = raw_p(hypothesis("mean", 0.0, contrast.values))
        return replace(contrast, p=None if p is None else min(1.0, looks * p), **fields)

    return [with_p(contrast) for contrast in found]


def _hypotheses(contrast: Contrast) -> dict[str, Hypothesis]:
    tested = {"p_holm": hypothesis("mean", 0.0, contrast.values)}
    if contrast.margin is not None:
        tested["p_equal"] = hypothesis("equal", contrast.margin, contrast.values)
    return tested
