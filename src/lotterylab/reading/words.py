"""Numbers in sentences and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from lotterylab.plan.plan import ARM
from lotterylab.reading.rows import Rows
from lotterylab.statistics import Interval

FEW = 6  # arms that a sentence names
DIVERGED_MARK = " *"  # beside a mean, a seed or a run, in every table
DIVERGED_LEGEND = "*: a run diverged."

NAMES = {
    "first-order": "first-order score",
    "grasp": "GraSP, exact",
    "snip": "SNIP",
    "snip-iterative": "SNIP, 100 rounds",
    "synflow": "SynFlow, 100 rounds",
    "synflow-one-shot": "SynFlow, one shot",
    "magnitude-at-init": "magnitude at initialisation",
    "magnitude-increase": "magnitude increase",
    "obd": "OBD",
    "small-final": "small final weights",
    "small-init": "small initial weights",
    "large-init-large-final": "large initial and final weights",
    "small-init-small-final": "small initial and final weights",
    "large-final-same-sign": "large final weights, same sign",
    "large-final-diff-sign": "large final weights, other sign",
    "magnitude-increase-same-sign": "magnitude increase, same sign",
    "magnitude-increase-diff-sign": "magnitude increase, other sign",
}


def called(name: str) -> str:
    """Return the name of a method for a reader: one table for figures, tables and sentences."""
    return NAMES.get(name, name)


def signed(value: float, digits: int = 3) -> str:
    """Return the number with a sign, and a true minus: "+0.012", "−0.300"."""
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "−")


def capital(text: str) -> str:
    """Return the text with a capital first letter; the other letters stay as they are."""
    return f"{text[:1].upper()}{text[1:]}"


def listed(words: Iterable[str]) -> str:
    """Return the words as a list in a sentence, "a", "a and b" or "a, b and c"."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def negative(interval: Interval) -> Interval:
    """Return the interval of b - a from the interval of a - b."""
    low, high = (None if end is None else -end for end in (interval.high, interval.low))
    return replace(interval, mean=-interval.mean, low=low, high=high)


def plain(value: float) -> str:
    """Return the number with three decimals; with one from ten on; with three digits from a hundred thousand on."""
    if abs(value) >= 1e5:
        return f"{value:.3g}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def interval_text(interval: Interval, digits: int = 3, *, sign: bool = False) -> str:
    """Return the mean with its interval, "0.431 [0.420, 0.442]"; the mean alone for one seed."""

    def spell(value: float) -> str:
        return signed(value, digits) if sign else f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")

    if interval.low is None or interval.high is None:
        return f"{spell(interval.mean)} (one seed)"
    return f"{spell(interval.mean)} [{spell(interval.low)}, {spell(interval.high)}]"


def p_text(p: float | None) -> str:
    """Return the p value as text, "0.0132" or "< 0.0001"; "" for None."""
    if p is None:
        return ""
    return f"{p:.4f}" if p >= 1e-4 else "< 0.0001"


def diverged_text(results: Rows) -> str:
    """Return how many runs of which arms diverged, each run once; "" if none did."""
    runs = Rows({row.records["train"].digest: row for row in results.trained}.values())
    lost = runs.diverged
    if not lost:
        return ""
    arms = Counter(", ".join(str(row.labels[name]) for name in ARM if row.labels[name]) for row in lost)
    of = "; ".join(f"{arm} ({count})" for arm, count in arms.most_common(FEW))
    more = f"; {len(arms) - FEW} more arms" if len(arms) > FEW else ""
    return f"{len(lost)} of {len(runs)} runs diverged: {of}{more}."


def diverged_mark(results: Rows) -> str:
    """Return the mark of a number from these rows: " *" if the training of a row diverged, else ""."""
    return DIVERGED_MARK if results.diverged else ""


def rows_text(results: Rows) -> str:
    """Return "483 of 939 rows are finished", and how many other rows lack only measures, such as one added later."""
    return f"{sum(row.complete for row in results)} of {len(results)} rows are finished{lacking_text(results)}"


def lacking_text(results: Rows) -> str:
    """Return "; 249 more are trained and lack only: matched (243)", or ""."""
    trained = [row for row in results if not row.complete and "train" in row.records]
    parts = Counter(part for row in trained for part in row.missing)
    lacking = ", ".join(f"{part} ({count})" for part, count in parts.items())
    return f"; {len(trained)} more are trained and lack only: {lacking}" if trained else ""
