"""Training curves of each activation: the dense run and the pruned ones at one target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from lotterylab.engine.results import Result
from lotterylab.reading.published import Published
from lotterylab.reading.words import called, plain
from lotterylab.report import figure_style as style
from lotterylab.report.arms import Arm, Arms, middle
from lotterylab.report.figure_parts import count_of, fit
from lotterylab.report.figures_targets import published_points, spell
from lotterylab.report.grid import Grid, Look, Panel, Series
from lotterylab.training.schedules import EpochDrops, FractionDrops

FIGURE = "training-curves"
AXES = {
    "train_accuracy": "training accuracy, fraction",
    "test_accuracy": "test accuracy, fraction",
    "validation_accuracy": "validation accuracy, fraction",
}
OTHER_LINES = ("-", "--", "-.", ":")
LINES = {"dense": "-", "magnitude": "--", "first-order": "-.", "grasp": ":"}


def of_protocol(arms: Arms, protocol: str, published: Sequence[Published], results: Iterable[Result]) -> Grid | None:
    """The curves of a protocol; None if no run of it has any."""
    known = [name for name in AXES if name in arms.curve_names(protocol)]
    return curves(arms, protocol, published, drops_of(results, protocol)) if known else None


def curves(arms: Arms, protocol: str, published: Sequence[Published], drops: Mapping[str, tuple[float, ...]]) -> Grid:
    """One row of panels for the training accuracy and one for what was watched; ``drops``: epochs, by kind of run."""
    targets = arms.targets(protocol=protocol)
    target = middle(targets) if targets else 0.0
    look = _looks(arms, protocol)
    activations = arms.labels("activation", protocol=protocol)
    watched = [name for name in AXES if name in arms.curve_names(protocol)]
    shown = [one for one in published if one.figure == FIGURE]
    shown_arms = [arm for arm in arms.where(protocol=protocol, control="") if arm.sparsity in (0.0, target)]
    rows = []
    every = arms.rows(shown_arms[0]).interval("train.epochs") if shown_arms else None
    by_epoch = every is None or every.mean > 0
    axis = "epoch" if by_epoch else "look, in the order of training"
    for number, curve in enumerate(watched):
        panels = []
        for column, activation in enumerate(activations):
            series: list[Series] = []
            for arm in shown_arms:
                if arm.activation == activation:
                    series += _curve(arms, arm, curve, look[arm.method])
                    if curve == "train_accuracy":
                        series += _published(arms, arm, shown, look[arm.method])
            panels.append(
                Panel(
                    title=activation if number == 0 else "",
                    x_label=axis if number == len(watched) - 1 else "",
                    y_label=AXES[curve] if column == 0 else "",
                    series=tuple(series),
                    marks=tuple(sorted({epoch for epochs in drops.values() for epoch in epochs})),
                )
            )
        rows.append(panels)
    fitted, _ = fit(rows, bounds=(0.0, 1.0), shared=True)
    falls = "; ".join(f"{kind} at {', '.join(f'{epoch:g}' for epoch in epochs)}" for kind, epochs in drops.items())
    sentences = (
        f"Dense runs{f' and those pruned at {target:g}' if target else ''}. Thick: mean over seeds, thin: each seed, "
        f"{count_of(arms, shown_arms, 'train.epochs')}.",
        f"Vertical: where the learning rate falls tenfold ({falls})." if falls else "",
        "Hollow: published values of the last epoch." if shown else "",
        "Training accuracy is measured while the weights change, on augmented images.",
    )
    return Grid(
        name=f"{protocol.lower().replace(' ', '-').replace(',', '')}-curves",
        title=f"Training curves, {protocol}: dense" + (f" and target {target:g}" if target else ""),
        sentence=_best_and_worst(arms, shown_arms),
        caption=" ".join(filter(None, sentences)),
        rows=fitted,
    )


def drops_of(results: Iterable[Result], protocol: str) -> dict[str, tuple[float, ...]]:
    """After how many epochs the learning rate falls, of dense and of pruned runs of a protocol."""
    found: dict[str, tuple[float, ...]] = {}
    for result in results:
        node = result.nodes.get("train")
        if result.labels["protocol"] == protocol and not result.labels["control"] and node is not None:
            kind = "dense" if result.labels["method"] == "dense" else "pruned"
            if kind not in found:
                found[kind] = _drops(node.recipe)  # type: ignore[attr-defined]
    return {kind: epochs for kind, epochs in found.items() if epochs}


def _drops(recipe: object) -> tuple[float, ...]:
    match recipe.schedule:  # type: ignore[attr-defined]
        case EpochDrops(at=at):
            return tuple(float(epoch) for epoch in at if epoch < recipe.epochs)  # type: ignore[attr-defined]
        case FractionDrops(at=at):
            return tuple(fraction * recipe.epochs for fraction in at)  # type: ignore[attr-defined]
    return ()


def _looks(arms: Arms, protocol: str) -> dict[str, Look]:
    """One look for each method, by its place in the study; lines tell apart what has one colour."""
    found = style.looks(arm.method for arm in arms.where(protocol=protocol))
    strokes = {name: LINES.get(name, OTHER_LINES[number % len(OTHER_LINES)]) for number, name in enumerate(found)}
    return {name: replace(look, marker="", line=strokes[name], width=1.8) for name, look in found.items()}


def _curve(arms: Arms, arm: Arm, name: str, look: Look) -> list[Series]:
    """The mean at each epoch over the seeds that have reached it, and each seed."""
    each = [[value for value in curve if value is not None] for curve in arms.curves(arm, name).values()]
    each = [curve for curve in each if curve]
    if not each:
        return []
    longest = max(map(len, each))
    at = [[curve[epoch] for curve in each if epoch < len(curve)] for epoch in range(longest)]
    mean = Series(
        x=_epochs(longest),
        y=tuple(sum(values) / len(values) for values in at),
        look=look,
        label=called(arm.method),
    )
    thin = [Series(x=_epochs(len(curve)), y=tuple(curve), look=style.faint(look)) for curve in each]
    return [*(thin if len(thin) > 1 else []), mean]


def _epochs(count: int) -> tuple[float, ...]:
    return tuple(float(epoch) for epoch in range(1, count + 1))


def _published(arms: Arms, arm: Arm, published: Sequence[Published], look: Look) -> list[Series]:
    epochs = arms.rows(arm).per_seed("train.epochs").values()
    return [
        published_points(
            [(max(epochs), one.value, one.error)],
            style.published(replace(look, marker="o")),
            f"{called(arm.method)}, published",
        )
        for one in published
        if epochs
        and (one.label("activation"), one.label("method"), one.target) == (arm.activation, arm.method, arm.sparsity)
    ]


def _best_and_worst(arms: Arms, of: Sequence[Arm]) -> str:
    finals = {arm: interval.mean for arm in of if (interval := arms.rows(arm).interval("train.train_accuracy"))}
    if not finals:
        return "No run of it is finished."
    low, high = min(finals, key=finals.__getitem__), max(finals, key=finals.__getitem__)
    return (
        f"In the last epoch the mean training accuracy is highest for {spell(high)} ({plain(finals[high])}) and lowest "
        f"for {spell(low)} ({plain(finals[low])})."
    )
