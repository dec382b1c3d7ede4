"""Figures over the target sparsity: accuracy, reached sparsity, stability, distances.  One panel an activation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from lotterylab.reading.published import Published
from lotterylab.reading.words import called, plain
from lotterylab.report import figure_style as style
from lotterylab.report.arms import Arm, Arms
from lotterylab.report.figure_parts import around, count_of, dodge, fit, interval_note, mean_and_seeds, places, ticks
from lotterylab.report.grid import Grid, Level, Panel, Series
from lotterylab.report.quantities import ACCURACY, ANGLE, MASKED_L2, REACHED, STABILITY, Cell, Quantity, cells

NEAR = 0.001  # a mask reached its target within this; rounding to whole weights costs far less
ENOUGH = 3  # seeds
SPARSITY_AXIS = "target sparsity, fraction removed"
Extra = Callable[[Cell], tuple[tuple[Series, ...], tuple[Level, ...]]]


def accuracy(arms: Arms, protocol: str, published: Sequence[Published], classes: int) -> Grid:
    """Pruned runs against dense ones of the same recipe, of as many epochs and of as many in all."""

    def dense(cell: Cell) -> tuple[tuple[Series, ...], tuple[Level, ...]]:
        levels = [Level(y=1 / classes, look=style.CHANCE, label="chance")]
        for control, look in style.DENSE.items():
            arm = Arm(protocol, cell.activation, "dense", control)
            if interval := arms.rows(arm).interval(ACCURACY.metric):
                epochs = max(arms.rows(arm).per_seed("train.epochs").values())
                label = f"dense, {epochs:g} epochs"
                levels.append(Level(y=interval.mean, look=look, label=label, low=interval.low, high=interval.high))
        return (), tuple(levels)

    note = "Horizontal: dense runs, the band being their interval."
    return _over_targets(arms, protocol, ACCURACY, published=published, extra=dense, note=note)


def reached(arms: Arms, protocol: str, published: Sequence[Published]) -> Grid:
    """What was removed against what was asked for."""
    targets = arms.targets(protocol=protocol)
    asked = Series(x=tuple(places(targets).values()), y=tuple(targets), look=style.REFERENCE, label="as asked for")
    return _over_targets(
        arms,
        protocol,
        REACHED,
        published=published,
        extra=lambda cell: ((asked,), ()),
        sentence=_missed(arms, protocol),
    )


def stability(arms: Arms, protocol: str, published: Sequence[Published]) -> Grid:
    """D with what pruning alone costs of it."""
    targets = arms.targets(protocol=protocol)

    def floors(cell: Cell) -> tuple[tuple[Series, ...], tuple[Level, ...]]:
        series: list[Series] = []
        for method in dict.fromkeys(method for method, _ in cell.lines):
            of = [
                (place, Arm(protocol, cell.activation, method, "", target)) for target, place in places(targets).items()
            ]
            look = replace(style.looks([method])[method], marker="_", line=":", size=8.0, width=1.0)
            label = f"floor of D, {called(method)}"
            series += mean_and_seeds(arms, of, "distances.floor", look, label, bars=False)[-1:]
        return tuple(series), ()

    note = "Floor: D between the dense network and itself pruned, before any training."
    return _over_targets(arms, protocol, STABILITY, published=published, extra=floors, note=note)


def masked(arms: Arms, protocol: str) -> list[Grid]:
    """L2 distance and angle over the masked weights.   [frankle2019stabilizing]

    From a dense network of as many epochs, which is what the distance asks for, where that was measured in enough seeds
    for an interval to say something.
    """
    return [_over_targets(arms, protocol, _of_as_many_epochs(arms, protocol, one)) for one in (MASKED_L2, ANGLE)]


def _of_as_many_epochs(arms: Arms, protocol: str, quantity: Quantity) -> Quantity:
    metric = quantity.metric.replace("distances.", "matched.")
    seeds = {seed for arm in arms.where(protocol=protocol) for seed in arms.rows(arm).per_seed(metric)}
    others = {seed for arm in arms.where(protocol=protocol) for seed in arms.rows(arm).per_seed(quantity.metric)}
    if len(seeds) < min(ENOUGH, max(1, len(others))):
        return quantity
    return replace(quantity, metric=metric, title=f"{quantity.title}, of as many epochs")


def _over_targets(
    arms: Arms,
    protocol: str,
    quantity: Quantity,
    *,
    published: Sequence[Published] = (),
    extra: Extra | None = None,
    note: str = "",
    sentence: str = "",
) -> Grid:
    """The quantity against the target; ``extra`` adds series and levels to a panel, ``note`` explains them."""
    targets = arms.targets(protocol=protocol)
    at = places(targets)
    axis = SPARSITY_AXIS if list(at.values()) == targets else f"{SPARSITY_AXIS} (log of what is kept)"
    shown = [one for one in published if one.figure == quantity.figure]
    rows = []
    layout = cells(arms, protocol, with_controls=quantity.controls)
    for number, row in enumerate(layout):
        panels = []
        for column, cell in enumerate(row):
            more, levels = extra(cell) if extra else ((), ())
            panels.append(
                Panel(
                    title=cell.title,
                    x_label=axis if number == len(layout) - 1 else "",
                    y_label=quantity.axis if column == 0 else "",
                    series=(*_lines(arms, protocol, cell, quantity, targets, shown), *more),
                    levels=levels,
                    ticks=ticks(at),
                    x_limits=around(list(at.values())),
                )
            )
        rows.append(panels)
    fitted, cut = fit(rows, bounds=quantity.bounds, shared=quantity.shared)
    pruned = [arm for arm in arms.where(protocol=protocol) if arm.sparsity]
    sentences = (
        interval_note(count_of(arms, pruned, quantity.metric)),
        "Hollow: published, with the error of reading it off." if shown else "",
        note,
        "Series of one target stand side by side.",
        "" if quantity.shared else "Each panel has its own scale.",
        cut,
    )
    return Grid(
        name=f"{protocol}-{quantity.name}",
        title=quantity.title,
        sentence=sentence or _extremes(arms, pruned, quantity),
        caption=" ".join(filter(None, sentences)),
        rows=fitted,
    )


def _lines(
    arms: Arms, protocol: str, cell: Cell, quantity: Quantity, targets: Sequence[float], published: Sequence[Published]
) -> tuple[Series, ...]:
    series: list[Series] = []
    at = places(targets)
    for number, (method, control, look, label) in enumerate(cell.looks()):
        beside = dodge(list(at.values()), number, len(cell.lines))
        of = [(beside(at[target]), Arm(protocol, cell.activation, method, control, target)) for target in targets]
        series += mean_and_seeds(arms, of, quantity.metric, look, label)
        over = [
            (beside(at[one.target]), one.value, one.error)
            for one in published
            if (one.label("activation"), one.label("method")) == (cell.activation, method) and one.target in targets
        ]
        if over:
            series.append(published_points(over, style.published(look), f"{label}, published"))
    return tuple(series)


def published_points(points: Sequence[tuple[float, float, float]], look: style.Look, label: str) -> Series:
    """Hollow markers with the error of reading them off, from (x, value, error)."""
    return Series(
        x=tuple(x for x, _, _ in points),
        y=tuple(y for _, y, _ in points),
        look=look,
        label=label,
        low=tuple(y - error for _, y, error in points),
        high=tuple(y + error for _, y, error in points),
    )


def _missed(arms: Arms, protocol: str) -> str:
    """One sentence: how often the target was reached, and where it was missed by most."""
    pruned = [arm for arm in arms.where(protocol=protocol, control="") if arm.sparsity]
    means = {arm: interval.mean for arm in pruned if (interval := arms.rows(arm).interval(REACHED.metric))}
    if not means:
        return "No mask of it is finished."
    near = sum(abs(mean - arm.sparsity) <= NEAR for arm, mean in means.items())
    text = f"{near} of {len(means)} arms reached their target within {NEAR:g}."
    worst = max(means, key=lambda arm: abs(means[arm] - arm.sparsity))
    if near == len(means):
        return text
    return f"{text} Furthest from it: {spell(worst)}, of which {plain(means[worst])} was removed."


def _extremes(arms: Arms, of: Sequence[Arm], quantity: Quantity) -> str:
    """One sentence: the smallest and the largest mean of these arms."""
    means = {arm: interval.mean for arm in of if (interval := arms.rows(arm).interval(quantity.metric))}
    if not means:
        return "No run of it is finished."
    low, high = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    if means[low] == means[high]:
        return f"All means are {plain(means[low])}."
    return (
        f"The means over seeds lie between {plain(means[low])} ({spell(low)}) and {plain(means[high])} ({spell(high)})."
    )


def spell(arm: Arm) -> str:
    """ "relu, magnitude, random mask, 0.8"."""
    parts = (arm.activation, called(arm.method), arm.control, f"{arm.sparsity:g}" if arm.sparsity else "")
    return ", ".join(filter(None, parts))
