"""The terminal's table: one line an arm, mean and interval over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lotterylab.analysis.statistics import t_interval
from lotterylab.engine.results import Result

ARM = ("protocol", "activation", "method", "control", "sparsity")


@dataclass(frozen=True, kw_only=True)
class Line:
    """An arm over its seeds: labels, number of seeds, and for each quantity the values found."""

    labels: tuple[Any, ...]
    seeds: tuple[int, ...]
    values: dict[str, tuple[float, ...]]


COLUMNS = {  # heading -> metric
    "test acc.": "train.test_accuracy",
    "exact only": "train.test_accuracy_exact",
    "removed": "prune.reached",
    "D": "distances.mean_relative_distance",
    "floor": "distances.floor",
    "angle": "distances.masked_angle",
}


def arms(results: Iterable[Result]) -> Iterator[Line]:
    """The arms in the order of the study; only seeds whose training is finished."""
    groups: dict[tuple[Any, ...], list[Result]] = {}
    for result in results:
        if "train" in result.records:
            groups.setdefault(tuple(result.labels[name] for name in ARM), []).append(result)
    for labels, several in groups.items():
        values = {
            heading: tuple(value for one in several if (value := one.metric(metric)) is not None)
            for heading, metric in COLUMNS.items()
        }
        yield Line(labels=labels, seeds=tuple(int(one.labels["seed"]) for one in several), values=values)


def spell(values: Sequence[float]) -> str:
    """The mean and the half-width of its 95 % t interval: "0.412 ± 0.018"; the mean alone for one value."""
    if not values:
        return ""
    interval = t_interval(values)
    if interval.low is None or interval.high is None or math.isnan(interval.mean):
        return f"{interval.mean:.3f}"
    return f"{interval.mean:.3f} ± {(interval.high - interval.low) / 2:.3f}"


def render(title: str, results: Sequence[Result], alarms: int, *, width: int | None = None) -> str:
    """The table as text, as wide as the terminal."""
    from rich.console import Console
    from rich.table import Table

    lines = list(arms(results))
    used = [heading for heading in COLUMNS if any(line.values[heading] for line in lines)]
    console = Console(width=width, highlight=False)
    with console.capture() as text:
        for (protocol, activation), several in _blocks(lines).items():
            table = Table(
                title=f"{protocol} | {activation}", title_justify="left", title_style="bold", box=None, pad_edge=False
            )
            table.add_column("method", overflow="fold")
            table.add_column("sparsity", justify="right")
            table.add_column("n", justify="right")
            for heading in used:
                table.add_column(heading, justify="right", no_wrap=True)
            for line in several:
                _, _, method, control, sparsity = line.labels
                what = f"{method}, {control}" if control else str(method)
                cells = [what, f"{sparsity:g}" if sparsity else "dense", str(len(line.seeds))]
                table.add_row(*cells, *(spell(line.values[heading]) for heading in used))
            console.print(table)
            console.print()
        done = sum(result.complete for result in results)
        console.print(f"{title}: {done} of {len(results)} rows finished; {alarms} alarms.")
        console.print(
            "Mean ± half-width of the 95 % t interval over n seeds; sparsity asked for, removed as reached; D as "
            "published."
        )
    return text.get()


def _blocks(lines: Iterable[Line]) -> dict[tuple[Any, Any], list[Line]]:
    blocks: dict[tuple[Any, Any], list[Line]] = {}
    for line in lines:
        blocks.setdefault((line.labels[0], line.labels[1]), []).append(line)
    return blocks
