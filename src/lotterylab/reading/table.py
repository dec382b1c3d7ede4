"""The terminal's table: one line an arm, mean and interval over seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lotterylab.auditing.alarms import Alarm
from lotterylab.engine.results import Result
from lotterylab.formats.text import shown
from lotterylab.plan.plan import ARM, Plan
from lotterylab.reading.alarms import alarms_of
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import DIVERGED_LEGEND, diverged_mark, lacking_text
from lotterylab.statistics import t_interval


@dataclass(frozen=True, kw_only=True)
class Line:
    """A ``Line`` is an arm over its seeds: its labels, its seeds, and the values of each quantity.

    ``mark``: the mark of an arm with a diverged run, or "".
    """

    labels: tuple[Any, ...]
    seeds: tuple[int, ...]
    values: dict[str, tuple[float, ...]]
    mark: str = ""


COLUMNS = {  # heading -> metric and digits, the most important first: a narrow terminal drops the last
    "test acc.": ("train.test_accuracy", 3),
    "removed": ("prune.reached", 3),
    "D": ("distances.mean_relative_distance", 2),
    "exact only": ("train.test_accuracy_exact", 3),
    "floor": ("distances.floor", 2),
    "angle": ("distances.masked_angle", 1),
}


MEANINGS = {  # heading -> its explanation, where the heading is not enough
    "D": "D: mean over all tensors of the distance from the dense network, relative to its norm, as published; floor: "
    "its part that comes from the pruned weights alone.",
    "angle": "angle: between the kept weights of both, in degrees.",
}


def arms(results: Rows) -> Iterator[Line]:
    """Yield the arms in the order of the study, with only the seeds whose training is finished."""
    for labels, rows in results.trained.by(*ARM).items():
        values = {heading: tuple(rows.per_seed(metric).values()) for heading, (metric, _) in COLUMNS.items()}
        yield Line(labels=labels, seeds=tuple(rows.seeds), values=values, mark=diverged_mark(rows))


def as_json(study: Plan, results: Rows) -> dict[str, Any]:
    """Return title, notes, rows (labels, digests, metrics by part) and alarms, as plain values for programs."""
    return {
        "study": study.name,
        "title": study.title,
        "notes": list(study.notes),
        "rows": [
            {
                "labels": dict(row.labels),
                "complete": row.complete,
                "digests": {part: node.digest for part, node in row.nodes.items()},
                "metrics": {part: record.metrics for part, record in row.records.items()},
            }
            for row in results
        ],
        "alarms": [asdict(alarm) for alarm in alarms_of(results)],
    }


def spell(values: Sequence[float], digits: int = 3) -> str:
    """Return the mean and the half-width of its 95 % t interval, "0.412 ± 0.018"; the mean alone without a spread."""
    if not values:
        return ""
    interval = t_interval(values)
    if interval.low is None or interval.high is None or interval.high == interval.low:
        return f"{interval.mean:.{digits}f}"
    return f"{interval.mean:.{digits}f} ± {(interval.high - interval.low) / 2:.{digits}f}"


def render(
    title: str,
    results: Iterable[Result],
    alarms: Sequence[Alarm],
    *,
    width: int | None = None,
    messages: bool = False,
) -> str:
    """Return the table as text, no wider than ``width`` (by default the terminal); columns that do not fit are named.

    ``messages``: whether each alarm is written in full, for a caller without a report that would.
    """
    from shutil import get_terminal_size
    from textwrap import fill

    results = Rows(results)
    width = width or get_terminal_size((100, 24)).columns
    lines = list(arms(results))
    parts: list[str] = []
    dropped: dict[str, None] = {}
    for (protocol, activation), several in _blocks(lines).items():
        blank = " " * max(len(line.mark) for line in several)  # keeps the numbers below each other
        rows = [_labels(line, blank) for line in several]
        columns = {
            heading: [spell(line.values[heading], COLUMNS[heading][1]) for line in several] for heading in COLUMNS
        }
        table = {
            name: list(column)
            for name, column in zip(("method", "sparsity", "n"), zip(*rows, strict=True), strict=True)
        }
        for heading, cells in columns.items():
            if heading == "exact only" and cells == columns["test acc."]:
                continue  # no image of the test set is approximate
            if any(cells) and heading not in dropped and _width({**table, heading: cells}) <= width:
                table[heading] = cells
            elif any(cells):
                dropped |= dict.fromkeys(list(COLUMNS)[list(COLUMNS).index(heading) :])
        parts += [shown(" | ".join(filter(None, (protocol, activation)))), *_aligned(table), ""]
    done = sum(result.complete for result in results)
    parts += [f"{shown(title, most=None)}: {done} of {len(results)} rows finished."]
    if lacking := lacking_text(results):
        parts += [fill(f"{lacking.removeprefix('; ')}.", width)]
    parts += _in_full(alarms, width) if messages else _summed(alarms, width)
    note = "Mean ± half-width of the 95 % t interval over n seeds; sparsity asked for, removed as reached."
    columns_shown = {heading for line in lines for heading in line.values}
    note += "".join(f" {meaning}" for heading, meaning in MEANINGS.items() if heading in columns_shown)
    if any(line.mark for line in lines):
        note += f" {DIVERGED_LEGEND}"
    if dropped:
        note += f" Too narrow here for: {', '.join(dropped)}; the report has all."
    return "\n".join([*parts, fill(note, width)])


def _summed(alarms: Sequence[Alarm], width: int) -> Iterator[str]:
    """Yield one line for each kind of alarm: the number of alarms, and the place of the first."""
    kinds: dict[tuple[str, str], list[Alarm]] = {}
    for alarm in alarms:
        kinds.setdefault((alarm.severity, alarm.code), []).append(alarm)
    more = ", each in full on the report's page; lotterylab explain CODE says what one means." if alarms else "."
    yield f"Alarms: {len(alarms)}{more}"
    for (severity, code), several in kinds.items():
        line = f"  {severity.upper():7} {len(several):4} x {code}, first: {several[0].where}"
        yield line if len(line) <= width else f"{line[: width - 3]}..."


def _in_full(alarms: Sequence[Alarm], width: int) -> Iterator[str]:
    """Yield every alarm in full."""
    from textwrap import fill

    yield f"Alarms: {len(alarms)}."
    for alarm in alarms:
        where = f", {alarm.where}" if alarm.where else ""
        yield fill(f"  {alarm.severity.upper()} {alarm.code}{where}: {alarm.message}", width, subsequent_indent="    ")


def _labels(line: Line, blank: str) -> tuple[str, str, str]:
    _, _, method, control, sparsity = line.labels
    what = f"{method}, {control}" if control else str(method)
    return shown(what), f"{sparsity:g}" if sparsity else "", f"{len(line.seeds)}{line.mark or blank}"


def _width(table: dict[str, list[str]]) -> int:
    return sum(max(map(len, (heading, *cells))) + 2 for heading, cells in table.items()) - 2


def _aligned(table: dict[str, list[str]]) -> Iterator[str]:
    """Yield the header and the rows: words to the left, numbers to the right."""
    widths = {heading: max(map(len, (heading, *cells))) for heading, cells in table.items()}
    for row in (tuple(table), *zip(*table.values(), strict=True)):
        cells = [
            cell.ljust(widths[heading]) if heading == "method" else cell.rjust(widths[heading])
            for heading, cell in zip(table, row, strict=True)
        ]
        yield "  ".join(cells).rstrip()


def _blocks(lines: Iterable[Line]) -> dict[tuple[Any, Any], list[Line]]:
    blocks: dict[tuple[Any, Any], list[Line]] = {}
    for line in lines:
        blocks.setdefault((line.labels[0], line.labels[1]), []).append(line)
    return blocks
