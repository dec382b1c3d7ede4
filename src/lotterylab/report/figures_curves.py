"""Training curves of each method, one panel for each activation, and the choice of the learning rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from lotterylab.plan.nodes import Train
from lotterylab.reading.charts import CurveChart, RateChart
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import listed, plain
from lotterylab.report import figure_style as style
from lotterylab.report.figure_parts import Drawn, fit, published_points, spell_count
from lotterylab.report.grid import EMPTY, Grid, Level, Look, Panel, Series
from lotterylab.report.sources import Sources
from lotterylab.report.tidy import Trial
from lotterylab.training.schedules import EpochDrops, FractionDrops

AXES = {
    "train_accuracy": "training accuracy, fraction",
    "test_accuracy": "test accuracy, fraction",
    "validation_accuracy": "validation accuracy, fraction",
}
ACCURACY, EPOCHS = "train.train_accuracy", "train.epochs"
MOST_ACROSS = 3  # panels of the choice of the rate
FEW = 10  # epochs that each have a tick of their own
TRIAL = Look(colour=style.GREY, marker="o", line="", size=3.5, alpha=0.8)
CHOSEN = Look(colour=style.BLACK, marker="D", line="", hollow=True, size=11.0)


def curve_chart(sources: Sources, wanted: CurveChart) -> Drawn:
    """Return the curves, a row of panels for each accuracy that was watched; None if no run has curves."""
    results = sources.results.where(**wanted.within).where(control="").trained
    target = middle(results.levels, wanted.sparsity)
    shown = results.where(sparsity=(0.0, target))
    watched = [name for name in AXES if any(name in (row.metric("train.curves") or {}) for row in results)]
    if not watched:
        return None
    drops = drops_of(results)
    epochs = next(iter(shown.by("activation", "method").values())).interval(EPOCHS) if shown else None
    by_epoch = epochs is None or epochs.mean > 0
    rows = [
        [
            Panel(
                title=str(activation),
                x_label="epoch" if by_epoch else "look, in the order of training",
                y_label=AXES[curve],
                series=tuple(_series(sources, wanted, of_panel, curve)),
                ticks=_each_epoch(of_panel, curve),
                marks=tuple(sorted({epoch for at in drops.values() for epoch in at})),
            )
            for activation, of_panel in shown.by("activation").items()
        ]
        for curve in watched
    ]
    fitted, _ = fit(rows, bounds=(0.0, 1.0), shared=True)
    falls = "; ".join(f"{kind} at {', '.join(f'{epoch:g}' for epoch in at)}" for kind, at in drops.items())
    hollow = any(series.look.hollow for row in rows for panel in row for series in panel.series if not series.look.line)
    count = spell_count([arm.per_seed(EPOCHS).keys() for arm in shown.by("activation", "method").values()])
    sentences = (
        f"Dense runs{f' and those pruned at {target:g}' if target else ''}. Thick: mean over seeds, thin: each seed, "
        f"{count}.",
        f"Vertical: where the learning rate falls tenfold ({falls})." if falls else "",
        "Hollow: published values of the last epoch." if hollow else "",
        "Training accuracy is measured while the weights change, on augmented images.",
    )
    grid = Grid(
        name=wanted.name,
        title=wanted.title + (f": dense and target {target:g}" if target else ": dense"),
        sentence=_best_and_worst(sources, shown),
        caption=" ".join(filter(None, sentences)),
        rows=fitted,
    )
    return grid, None


def middle(levels: Sequence[float], wanted: float) -> float:
    """Return the level nearest to ``wanted``; 0 if there is none."""
    return min(levels, key=lambda level: (round(abs(level - wanted), 9), level), default=0.0)


def drops_of(results: Rows) -> dict[str, tuple[float, ...]]:
    """Return the epochs after which the learning rate falls, of dense and of pruned runs."""
    drops: dict[str, tuple[float, ...]] = {}
    for row in results:
        run, kind = row.nodes.get("train"), "dense" if row.labels["method"] == "dense" else "pruned"
        if isinstance(run, Train) and kind not in drops:
            drops[kind] = _drops(run.recipe)
    return {kind: epochs for kind, epochs in drops.items() if epochs}


def _drops(recipe: object) -> tuple[float, ...]:
    match recipe.schedule:  # type: ignore[attr-defined]
        case EpochDrops(at=at):
            return tuple(float(epoch) for epoch in at if epoch < recipe.epochs)  # type: ignore[attr-defined]
        case FractionDrops(at=at):
            return tuple(fraction * recipe.epochs for fraction in at)  # type: ignore[attr-defined]
    return ()


def _series(sources: Sources, wanted: CurveChart, of_panel: Rows, curve: str) -> Iterator[Series]:
    """Yield the curves of each method, and the published training accuracies."""
    for rows in of_panel.by("method").values():
        name = sources.name(rows[0].labels)
        look = replace(sources.looks[name], marker="", width=1.8)
        yield from _curve(rows, curve, look, name)
        over = [
            (max(rows.per_seed(EPOCHS).values()), one.published.value, one.published.error)
            for one in sources.published
            if curve == "train_accuracy" and one.published.quantity == wanted.published
            if rows.where(**one.published.labels).per_seed(EPOCHS)
        ]
        if over:
            yield published_points(over, style.published(replace(look, marker="o")), f"{name}, published")


def _curve(rows: Rows, name: str, look: Look, label: str) -> list[Series]:
    """Return the mean at each epoch over the seeds that have reached it, and the curve of each seed."""
    curves = ((row.metric("train.curves") or {}).get(name) for row in rows)
    each = [[value for value in curve if value is not None] for curve in curves if isinstance(curve, list)]
    each = [curve for curve in each if curve]
    if not each:
        return []
    at = [[curve[epoch] for curve in each if epoch < len(curve)] for epoch in range(max(map(len, each)))]
    mean = Series(x=_epochs(len(at)), y=tuple(map(fmean, at)), look=look, label=label)
    thin = [Series(x=_epochs(len(curve)), y=tuple(curve), look=style.faint(look)) for curve in each]
    return [*(thin if len(thin) > 1 else []), mean]


def _epochs(count: int) -> tuple[float, ...]:
    return tuple(float(epoch) for epoch in range(1, count + 1))


def _each_epoch(rows: Rows, name: str) -> tuple[tuple[float, str], ...]:
    """Return a tick at each epoch of a short training, and nothing for a long one."""
    longest = max(len((row.metric("train.curves") or {}).get(name) or ()) for row in rows)
    return tuple((float(epoch), str(epoch)) for epoch in range(1, longest + 1)) if longest <= FEW else ()


def _best_and_worst(sources: Sources, shown: Rows) -> str:
    arms = shown.by("activation", "method").values()
    finals = [(interval.mean, arm[0].labels) for arm in arms if (interval := arm.interval(ACCURACY))]
    if not finals:
        return "No run of this figure is finished."
    low, high = (of(finals, key=lambda pair: pair[0]) for of in (min, max))
    worst, best = (f"{labels['activation']}, {sources.name(labels)} ({plain(mean)})" for mean, labels in (low, high))
    return f"In the last epoch the mean training accuracy is highest for {best} and lowest for {worst}."


def rate_chart(sources: Sources, wanted: RateChart) -> Drawn:
    """Return validation accuracy against the learning rate, the chosen rate marked; None if none was chosen.

    A panel has the choices of one activation and protocol, and a line for each if they are several.
    """
    if not sources.trials:
        return None
    several = len({trial.protocol for trial in sources.trials}) > 1
    by_panel: dict[str, dict[str, list[Trial]]] = {}
    for trial in sources.trials:
        name = f"{trial.activation}, {trial.protocol}" if several else trial.activation
        by_panel.setdefault(name, {}).setdefault(trial.arm, []).append(trial)
    looks = style.looks(dict.fromkeys(arm for arms in by_panel.values() for arm in arms))
    alone = len(looks) == 1
    panels = [_rate_panel(sources, name, arms, None if alone else looks) for name, arms in by_panel.items()]
    columns = min(len(panels), MOST_ACROSS)
    rows = [panels[begin : begin + columns] for begin in range(0, len(panels), columns)]
    rows[-1] += [EMPTY] * (columns - len(rows[-1]))
    fitted, _ = fit(rows, bounds=(0.0, 1.0), shared=True)
    n = max(trial.trial for trial in sources.trials)
    runs = "Dense runs" if alone else "Runs"
    grid = Grid(
        name=wanted.name,
        title=wanted.title,
        sentence=" ".join(_choice(name, arms) for name, arms in by_panel.items()),
        caption=f"{runs} with {n} seed{'s' * (n > 1)} that are used for nothing else; the rate with the highest "
        f"mean validation accuracy is chosen for each {'activation' if alone else 'line'}. Grey dots: single runs. No "
        "interval is drawn.",
        rows=fitted,
    )
    return grid, None


def _rate_panel(
    sources: Sources, title: str, arms: Mapping[str, Sequence[Trial]], looks: Mapping[str, Look] | None
) -> Panel:
    every = [trial for trials in arms.values() for trial in trials]
    known = [(trial.rate, trial.value) for trial in every if trial.value is not None]
    rates, values = (tuple(pair[side] for pair in known) for side in (0, 1))
    lines = [Series(x=rates, y=values, look=TRIAL, label="one run")]
    for arm, trials in arms.items():
        means, chosen = mean_by_rate(trials), next(trial.rate for trial in trials if trial.chosen)
        look, label = (style.METHODS["dense"], "dense, mean") if looks is None else (looks[arm], arm)
        lines.append(Series(x=tuple(means), y=tuple(means.values()), look=look, label=label))
        lines.append(Series(x=(chosen,), y=(means[chosen],), look=CHOSEN, label="chosen"))
    ticks = sorted({trial.rate for trial in every})
    return Panel(
        title=title,
        x_label="learning rate",
        y_label="validation accuracy, fraction",
        series=tuple(lines),
        levels=(Level(y=1 / sources.classes, look=style.CHANCE, label="chance"),),
        ticks=tuple((rate, f"{rate:g}") for rate in ticks),
        log_x=True,
    )


def mean_by_rate(trials: Sequence[Trial]) -> dict[float, float]:
    """Return the mean over the trials of each rate, in the order tried; rates with a diverged trial are left out."""
    by_rate: dict[float, list[float | None]] = {}
    for trial in trials:
        by_rate.setdefault(trial.rate, []).append(trial.value)
    known = {rate: [value for value in values if value is not None] for rate, values in by_rate.items()}
    return {rate: fmean(values) for rate, values in known.items() if len(values) == len(by_rate[rate])}


def at_edge(trials: Sequence[Trial]) -> bool:
    """Return whether the chosen rate is the smallest or the largest tried, so that a better rate may lie beyond."""
    tried = [trial.rate for trial in trials]
    return any(trial.chosen and trial.rate in (min(tried), max(tried)) for trial in trials)


def _choice(panel: str, arms: Mapping[str, Sequence[Trial]]) -> str:
    """Return the chosen rate of a panel's only line, or how many lines have each rate."""
    edges = sum(map(at_edge, arms.values()))
    if len(arms) == 1:
        (trials,) = arms.values()
        chosen = next(trial.rate for trial in trials if trial.chosen)
        text = f"{panel}: {chosen:g} was chosen, mean validation accuracy {plain(mean_by_rate(trials)[chosen])}"
        warning = "this is an edge of the rates tried, and a better rate may lie beyond it"
    else:
        counts = Counter(next(trial.rate for trial in trials if trial.chosen) for trials in arms.values())
        spelled = listed([f"{rate:g} {count} time{'s' * (count > 1)}" for rate, count in sorted(counts.items())])
        text = f"{panel}: of {len(arms)} choices, {spelled}"
        warning = f"{edges} at an edge of the rates tried, and a better rate may lie beyond it"
    return f"{text}. Warning: {warning}." if edges else f"{text}."
