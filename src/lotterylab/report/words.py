"""Numbers in sentences and tables."""

from __future__ import annotations

from lotterylab.analysis.statistics import Interval


def signed(value: float, digits: int = 3) -> str:
    """With a sign, and a real minus: "+0.012", "−0.300"."""
    return f"{value:+.{digits}f}".replace("-", "−")


def plain(value: float) -> str:
    """Three decimals; one from ten on."""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def interval_text(interval: Interval, digits: int = 3, *, sign: bool = False) -> str:
    """ "0.431 [0.420, 0.442]"; the mean alone for one seed."""

    def spell(value: float) -> str:
        return signed(value, digits) if sign else f"{value:.{digits}f}".replace("-", "−")

    if interval.low is None or interval.high is None:
        return f"{spell(interval.mean)} (one seed)"
    return f"{spell(interval.mean)} [{spell(interval.low)}, {spell(interval.high)}]"
