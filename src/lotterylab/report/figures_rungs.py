"""Charts of rungs: protocols that each make one further change, and the paired difference of each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from lotterylab.reading.charts import RungChart
from lotterylab.reading.differences import Comparison, Difference, found_by
from lotterylab.reading.lines import Line
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import called, interval_text, signed
from lotterylab.report import figure_style as style
from lotterylab.report.blocks import cell, folded, note, table
from lotterylab.report.figure_parts import Drawn, fit, mean_and_seeds, spell_count
from lotterylab.report.grid import Grid, Level, Panel, Series
from lotterylab.report.markup import Html, join, tag
from lotterylab.report.sources import Sources

BOUNDS = (0.0, 1.0)
LEVEL = 0.95
Arm: TypeAlias = tuple[str, str, float]  # activation, method, sparsity
Steps: TypeAlias = dict[Arm, dict[int, "Difference | None"]]  # None if no seed's number has changed


def rung_chart(sources: Sources, wanted: RungChart) -> Drawn:
    """Return the figure and the change of each step; None if only the first rung is finished."""
    finished = {
        number: rung
        for number, rung in enumerate(wanted.rungs)
        if any(row.labels["sparsity"] for row in sources.results.trained.where(protocol=rung[0]))
    }
    if not any(finished):
        return None
    of_rungs = sources.results.where(protocol=tuple(protocol for protocol, _ in finished.values()), control="")
    seeds: list[set[int]] = []
    rows = [
        [
            _panel(sources, wanted, finished, line, activation, line.rows(shown), seeds)
            for activation, shown in of_rungs.by("activation").items()
        ]
        for line in wanted.lines
        if line.rows(of_rungs)
    ]
    arm_steps = steps(of_rungs, finished, wanted.y)
    names = tag("ol", [tag("li", name) for _, name in finished.values()], start=min(finished), class_="rungs")
    grid = Grid(
        name=wanted.name,
        title=wanted.title,
        sentence=_summary(arm_steps, finished),
        caption=f"Line: mean over the seeds that all rungs have, so that no step is a change of seeds; small dots: "
        f"these seeds, {spell_count(seeds)}. Each rung has the changes of earlier rungs; their names are below.",
        rows=fit(rows, bounds=BOUNDS, shared=True)[0],
        panel_height=2.1,
    )
    title, steps_table = f"Change of each step: {wanted.y_axis}", _table(arm_steps, finished, f"steps-{wanted.name}")
    below = [note(_how_to_read(arm_steps)), note(_processors(of_rungs, finished)), steps_table]
    return grid, folded(title, names, below) if wanted.folded else [names, tag("h3", title), below]


def _panel(
    sources: Sources,
    wanted: RungChart,
    rungs: dict[int, tuple[str, str]],
    line: Line,
    activation: str,
    shown: Rows,
    counted: list[set[int]],
) -> Panel:
    """Return a panel, and append the seeds of each series to ``counted``."""
    series: list[Series] = []
    by_level = shown.by("sparsity")
    for place, (sparsity, rows) in enumerate(by_level.items()):
        look, name = sources.looks[line.name], line.name
        if sparsity:
            level = style.target(place)
            look, name = replace(look, marker=level.marker, line=level.line), f"{name}, {sparsity:g}"
        by_rung = {number: rows.where(protocol=protocol) for number, (protocol, _) in rungs.items()}
        known = [set(values) for arm in by_rung.values() if (values := arm.per_seed(wanted.y))]
        common = set.intersection(*known) if known else set()
        counted.append(common)
        aside = 0.2 * (place - (len(by_level) - 1) / 2)
        at = [(number + aside, arm) for number, arm in by_rung.items()]
        series += mean_and_seeds(at, wanted.y, look, name, bars=False, seeds=common)
    return Panel(
        title=f"{activation}, {line.name}",
        x_label="rung",
        y_label=wanted.y_axis,
        series=tuple(series),
        levels=(Level(y=1 / sources.classes, look=style.CHANCE, label="chance"),) if wanted.chance else (),
        ticks=tuple((float(number), str(number)) for number in rungs),
        x_limits=(min(rungs) - 0.4, max(rungs) + 0.4),
    )


def steps(results: Rows, rungs: dict[int, tuple[str, str]], read: str) -> Steps:
    """Return each rung minus the rung before, over the seeds that both have, arm by arm."""
    arm_steps: Steps = {}
    for number in (number for number in rungs if number - 1 in rungs):
        (here, name), (last, name_of_last) = rungs[number], rungs[number - 1]
        a = Line(name=name, labels={"protocol": here, "control": ""})
        b = Line(name=name_of_last, labels={"protocol": last, "control": ""})
        comparison = Comparison(key=str(number), a=a, b=b, read=read, what="", margin=0.0)
        changes = {
            (difference.panel, difference.sparsity): difference for difference in found_by([comparison], results)
        }
        before = b.rows(results).by("activation", "method", "sparsity")
        for arm, rows in a.rows(results).by("activation", "method", "sparsity").items():
            activation, method, sparsity = arm
            if rows.per_seed(read).keys() & before.get(arm, Rows()).per_seed(read).keys():
                step = changes.get((f"{activation}, {method}", sparsity))  # none: both rungs share their runs
                arm_steps.setdefault(arm, {})[number] = step if step is not None and any(step.values) else None
    return arm_steps


def resolved(step: Difference) -> bool:
    """Return whether the interval of a step leaves 0 out."""
    return step.interval.above(0) or step.interval.below(0)


def _tested(arm_steps: Steps) -> list[tuple[Arm, int, Difference]]:
    """Return the steps with an interval: two seeds or more, not all of them unchanged."""
    each = [(arm, number, step) for arm, of in arm_steps.items() for number, step in of.items() if step is not None]
    return [(arm, number, step) for arm, number, step in each if step.interval.low is not None]


def _summary(arm_steps: Steps, rungs: dict[int, tuple[str, str]]) -> str:
    tested = _tested(arm_steps)
    decided = [entry for entry in tested if resolved(entry[2])]
    if not tested:
        return "No step has two seeds yet: nothing is resolved."
    text = f"{len(decided)} of {len(tested)} steps are resolved."
    if not decided:
        return text
    arm, number, step = max(decided, key=lambda entry: abs(entry[2].interval.mean))
    return (
        f"{text} The largest of them is rung {number}, {rungs[number][1]}: {_name(arm)} changed by "
        f"{interval_text(step.interval, sign=True)}."
    )


def _how_to_read(arm_steps: Steps) -> str:
    tested = len(_tested(arm_steps))
    expected = f"about {(1 - LEVEL) * tested:.0f} of {tested} intervals leave 0 out"
    chance = f" By chance alone, {expected}." if tested else ""
    return (
        "Each cell is the paired difference from the rung before, mean over the seeds that both have, with its "
        f"{100 * LEVEL:.0f} % t interval. Unresolved: the interval contains 0, or there is one seed. No change: the "
        f"same number in every seed.{chance}"
    )


def _processors(results: Rows, rungs: dict[int, tuple[str, str]]) -> str:
    """Return a warning if the runs are from several processors, on which the bits of a training depend."""
    first = next(iter(rungs.values()))[0]
    climbed = {row.labels["seed"] for row in results.trained if row.labels["protocol"] != first}
    rows = results.trained.where(seed=tuple(climbed))
    processors = list(
        dict.fromkeys(filter(None, (str(row.records["train"].facts.get("processor", "")) for row in rows)))
    )
    if len(processors) < 2:
        return ""
    return (
        f"These runs were made on {len(processors)} processors ({', '.join(processors)}), which round sums "
        "differently: at a high learning rate a run may then end as differently as with another seed, "
        "so a step of one seed says little."
    )


def _table(arm_steps: Steps, rungs: dict[int, tuple[str, str]], name: str) -> Html:
    columns = [number for number in rungs if number - 1 in rungs]
    head = [
        "arm",
        *(tag("th", f"{number} ", tag("br"), tag("small", rungs[number][1]), scope="col") for number in columns),
    ]
    rows = [
        [
            tag("th", _name(arm), scope="row"),
            *(_cell(of[number]) if number in of else cell("", kind="absent") for number in columns),
        ]
        for arm, of in arm_steps.items()
    ]
    return table(head, rows, kind="steps", name=name)


def _cell(step: Difference | None) -> Html:
    if step is None:
        return cell(tag("small", "no change"), value=0.0, kind="same")
    interval = step.interval
    if interval.low is None or interval.high is None:
        parts: Sequence[Html | str] = (signed(interval.mean), tag("small", "one seed"), tag("small", "unresolved"))
        return cell(join(parts, " <br>"), value=repr(interval.mean), kind="unresolved")
    word = "resolved" if resolved(step) else "unresolved"
    kind = ("up" if interval.mean > 0 else "down") if resolved(step) else word
    bounds = tag("small", f"[{signed(interval.low, 2)}, {signed(interval.high, 2)}]")
    return cell(
        join((signed(interval.mean), bounds, tag("small", word)), " <br>"), value=repr(interval.mean), kind=kind
    )


def _name(arm: Arm) -> str:
    activation, method, sparsity = arm
    return ", ".join(filter(None, (activation, called(method), f"{sparsity:g}" if sparsity else "")))
