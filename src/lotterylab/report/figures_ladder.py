"""The ladder of repairs: a figure of accuracy and one of reached sparsity, one panel a method and an activation."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lotterylab.reading.words import called
from lotterylab.report import figure_style as style
from lotterylab.report.arms import Arm, Arms
from lotterylab.report.figure_parts import fit, mean_and_seeds, spell_count
from lotterylab.report.grid import Grid, Level, Panel, Series
from lotterylab.report.quantities import ACCURACY, REACHED, Quantity

AS_PUBLISHED = "as-published"
RUNG = re.compile(r"ladder (\d+): (.+)")


def rungs(protocols: Sequence[str]) -> dict[int, tuple[str, str]]:
    """number -> (protocol, what it repairs), those of the study; 0 is the published protocol itself."""
    found = {int(match[1]): (match[0], match[2]) for name in protocols if (match := RUNG.fullmatch(name))}
    start = {0: (AS_PUBLISHED, "as published")} if AS_PUBLISHED in protocols else {}
    return {**start, **dict(sorted(found.items()))}


def accuracy(arms: Arms, steps: dict[int, tuple[str, str]], classes: int) -> Grid:
    """Test accuracy at each rung; dense, then each method with a line for each target."""
    return _ladder(arms, steps, ACCURACY, ("dense", "magnitude", "first-order"), levels=(1 / classes,))


def reached(arms: Arms, steps: dict[int, tuple[str, str]]) -> Grid:
    """Sparsity of the mask at each rung."""
    return _ladder(arms, steps, REACHED, ("magnitude", "first-order"))


def _ladder(
    arms: Arms,
    steps: dict[int, tuple[str, str]],
    quantity: Quantity,
    methods: Sequence[str],
    levels: Sequence[float] = (),
) -> Grid:
    names = [protocol for protocol, _ in steps.values()]
    every = [arm for arm in arms.where() if arm.protocol in names and arm.method in methods and not arm.control]
    shared = [common_seeds(arms, steps, quantity, arm.activation, arm.method, arm.sparsity) for arm in every]
    activations = list(dict.fromkeys(arm.activation for arm in every))
    targets = sorted({arm.sparsity for arm in every if arm.sparsity})
    rows = []
    for number, method in enumerate(methods):
        panels = []
        for column, activation in enumerate(activations):
            panels.append(
                Panel(
                    title=f"{activation}, {called(method)}",
                    x_label="rung of the ladder" if number == len(methods) - 1 else "",
                    y_label=quantity.axis if column == 0 else "",
                    series=_lines(arms, steps, quantity, activation, method, targets),
                    levels=tuple(Level(y=y, look=style.CHANCE, label="chance") for y in levels),
                    ticks=tuple((float(step), str(step)) for step in steps),
                    x_limits=(min(steps) - 0.4, max(steps) + 0.4),
                )
            )
        rows.append(panels)
    fitted, _ = fit(rows, bounds=quantity.bounds, shared=True)
    return Grid(
        name=f"ladder-{quantity.name}",
        title=f"{quantity.title.split(' against ')[0]} at each rung",
        sentence="",
        caption=f"Line: mean over the seeds that all rungs have, so that no step is a change of seeds; small dots: "
        f"these seeds, {spell_count(shared)}. Each rung has the repairs of those before it; their names stand above.",
        rows=fitted,
        panel_height=2.1,
    )


def _lines(
    arms: Arms,
    steps: dict[int, tuple[str, str]],
    quantity: Quantity,
    activation: str,
    method: str,
    targets: Sequence[float],
) -> tuple[Series, ...]:
    series: list[Series] = []
    lines = [(0.0, style.METHODS["dense"], "dense")] if method == "dense" else []
    if method != "dense":
        lines = [(target, style.target(number), f"target {target:g}") for number, target in enumerate(targets)]
    for number, (target, look, label) in enumerate(lines):
        shift = 0.2 * (number - (len(lines) - 1) / 2)
        seeds = common_seeds(arms, steps, quantity, activation, method, target)
        of = [(step + shift, Arm(protocol, activation, method, "", target)) for step, (protocol, _) in steps.items()]
        series += mean_and_seeds(arms, of, quantity.metric, look, label, bars=False, seeds=seeds)
    return tuple(series)


def common_seeds(
    arms: Arms, steps: dict[int, tuple[str, str]], quantity: Quantity, activation: str, method: str, target: float
) -> set[int]:
    """The seeds that an arm has on every rung of which it has any."""
    of = (Arm(protocol, activation, method, "", target) for protocol, _ in steps.values())
    found = [set(values) for arm in of if (values := arms.rows(arm).per_seed(quantity.metric))]
    return set.intersection(*found) if found else set()
