"""The choice of the learning rate, and the probes of the data stream and of masks of one sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from lotterylab.reading.words import called, plain
from lotterylab.report import figure_style as style
from lotterylab.report.arms import Arm, Arms
from lotterylab.report.figure_parts import count_of, fit
from lotterylab.report.grid import Grid, Level, Look, Panel, Series
from lotterylab.report.quantities import ACCURACY
from lotterylab.report.tidy import Trial

TRIAL = Look(colour=style.GREY, marker="o", line="", size=3.5, alpha=0.8)
MEAN = Look(colour=style.BLUE, marker="o")
CHOSEN = Look(colour=style.VERMILLION, marker="D", line="", hollow=True, size=11.0)


def rates(trials: Sequence[Trial], classes: int) -> Grid:
    """Validation accuracy against the learning rate, one panel an activation, the chosen rate marked."""
    activations = list(dict.fromkeys(trial.activation for trial in trials))
    panels = [
        _rate_panel(name, column, [trial for trial in trials if trial.activation == name], classes)
        for column, name in enumerate(activations)
    ]
    fitted, _ = fit([panels], bounds=(0.0, 1.0), shared=True)
    n = max(trial.trial for trial in trials)
    return Grid(
        name="corrected-rates",
        title="Choice of the learning rate",
        sentence=" ".join(_choice(name, [one for one in trials if one.activation == name]) for name in activations),
        caption=f"Dense runs with {n} seed{'s' * (n > 1)} that are used for nothing else; the rate with the highest "
        "mean validation accuracy is chosen for each activation. Grey dots: single runs. No interval is drawn.",
        rows=fitted,
    )


def _rate_panel(activation: str, column: int, trials: Sequence[Trial], classes: int) -> Panel:
    means = mean_by_rate(trials)
    known = [(one.rate, one.value) for one in trials if one.value is not None]
    chosen = next(one.rate for one in trials if one.chosen)
    return Panel(
        title=activation,
        x_label="learning rate",
        y_label="validation accuracy, fraction" if column == 0 else "",
        series=(
            Series(
                x=tuple(rate for rate, _ in known), y=tuple(value for _, value in known), look=TRIAL, label="one run"
            ),
            Series(x=tuple(means), y=tuple(means.values()), look=MEAN, label="mean"),
            Series(x=(chosen,), y=(means[chosen],), look=CHOSEN, label="chosen"),
        ),
        levels=(Level(y=1 / classes, look=style.CHANCE, label="chance"),),
        ticks=tuple((rate, f"{rate:g}") for rate in means),
        log_x=True,
    )


def mean_by_rate(trials: Sequence[Trial]) -> dict[float, float]:
    """Mean over the trials of each rate, in the order tried; a rate of which a trial diverged is left out."""
    by_rate: dict[float, list[float | None]] = {}
    for one in trials:
        by_rate.setdefault(one.rate, []).append(one.value)
    return {
        rate: fmean(value for value in values if value is not None)
        for rate, values in by_rate.items()
        if None not in values
    }


def at_edge(trials: Sequence[Trial]) -> bool:
    """Whether the chosen rate is the smallest or the largest that was tried: a better one may lie beyond."""
    tried = [one.rate for one in trials]
    return any(one.chosen and one.rate in (min(tried), max(tried)) for one in trials)


def _choice(activation: str, trials: Sequence[Trial]) -> str:
    chosen = next(one.rate for one in trials if one.chosen)
    text = f"{activation}: {chosen:g} was chosen, mean validation accuracy {plain(mean_by_rate(trials)[chosen])}"
    if at_edge(trials):
        return f"{text}. Warning: this is an edge of what was tried, and a better rate may lie beyond it."
    return f"{text}."


STREAMS = {
    "own stream": ("stream of magnitude runs", Look(colour=style.BLUE, marker="o", line="", alpha=0.7)),
    "other stream": (
        "stream of first-order runs",
        Look(colour=style.VERMILLION, marker="s", line="", alpha=0.7),
    ),
}
PUBLISHED_STREAM = {"magnitude": "own stream", "first-order": "other stream"}
SMALLEST_RANGE = 0.3  # of the axis of accuracy, so that noise about chance does not fill the panel
KINDS = ("magnitude", "first-order", "random", "random of one sign")


def probes(arms: Arms, classes: int) -> Grid:
    """Row 8: every kind of mask with either data stream, sigmoid; one panel a target, seeds as dots."""
    of = {
        (kind, stream): (
            ("as-published", kind, "") if PUBLISHED_STREAM.get(kind) == stream else ("probes", kind, stream)
        )
        for kind in KINDS
        for stream in STREAMS
    }
    targets = arms.targets(protocol="probes")
    every = []
    panels = []
    for column, target in enumerate(targets):
        series: list[Series] = []
        for number, (stream, (label, look)) in enumerate(STREAMS.items()):
            points = []
            for place, kind in enumerate(KINDS):
                protocol, method, control = of[kind, stream]
                arm = Arm(protocol, "sigmoid", method, control, target)
                every.append(arm)
                y = len(KINDS) - 1 - place + 0.3 * (0.5 - number)
                points += [(value, y) for value in arms.rows(arm).per_seed(ACCURACY.metric).values()]
            if points:
                x, y = zip(*points, strict=True)
                series.append(Series(x=x, y=y, look=look, label=label))
        panels.append(
            Panel(
                title=f"target {target:g}",
                x_label=ACCURACY.axis,
                y_label="",
                series=tuple(series),
                y_ticks=tuple(
                    (float(len(KINDS) - 1 - place), called(kind) if column == 0 else "")
                    for place, kind in enumerate(KINDS)
                ),
                y_limits=(-0.6, len(KINDS) - 0.4),
                marks=(1 / classes,),
            )
        )
    top = max([SMALLEST_RANGE, *(x for panel in panels for series in panel.series for x in series.x)])
    panels = [replace(panel, x_limits=(0.0, 1.05 * top)) for panel in panels]
    return Grid(
        name="probes-accuracy",
        title="Sigmoid: data stream and sign of the mask told apart",
        sentence=_left_chance(arms, every, classes),
        caption=f"One marker a seed, {count_of(arms, every, ACCURACY.metric)}; no interval is drawn. Dashed: chance. "
        "Magnitude and first-order masks are the published protocol's; the random ones remove as many entries.",
        rows=(tuple(panels),),
    )


def _left_chance(arms: Arms, of: Sequence[Arm], classes: int) -> str:
    values = [value for arm in of for value in arms.rows(arm).per_seed(ACCURACY.metric).values()]
    left = sum(value > 2 / classes for value in values)
    return f"{left} of {len(values)} runs reached twice the accuracy of chance ({2 / classes:g})."
