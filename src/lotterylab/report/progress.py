"""The progress of a run: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

from lotterylab.engine.local import Event
from lotterylab.formats.text import shown
from lotterylab.plan.nodes import Node, Train
from lotterylab.plan.plan import LABELS, WHAT, Plan
from lotterylab.report.pace import Pace, work
from lotterylab.report.price import spell_seconds

PLAIN_EVERY_SECONDS = 10.0


class Progress(Protocol):
    """A ``Progress`` is a context manager that receives the engine's events."""

    def __enter__(self) -> Callable[[Event], None]:
        """Begin, and return the function that takes the events."""
        ...

    def __exit__(self, *_: object) -> None:
        """End."""
        ...


class Meter:
    """A ``Meter`` counts the work done and left, and estimates the time left from the time so far.

    Args:
        tasks: the missing tasks.
        names: of the trainings, by digest.
        pace: by which trainings are weighed; without it, by their images.
    """

    def __init__(self, tasks: list[Node], names: dict[str, str], pace: Pace | None = None) -> None:
        self.weight = pace.seconds if pace else work
        self.total = sum(map(self.weight, tasks)) or 1.0
        self.runs = sum(isinstance(task, Train) for task in tasks)
        self.finished = self.shared = 0
        self.done = 0.0
        self.names = names
        self.partial: dict[str, float] = {}
        self.began = time.monotonic()
        self.first: dict[str, tuple[float, float]] = {}  # run -> time and progress at its first event
        self.trained = 0.0

    def take(self, event: Event) -> None:
        """Account for an event."""
        node = event.node
        if not isinstance(node, Train):
            return
        if event.word == "progress":
            epoch, epochs = event.detail
            part = self.weight(node) * epoch / epochs
            self.trained += max(0.0, part - self.partial.get(node.digest, part - self.weight(node) / epochs))
            self.partial[node.digest] = part
            self.first.setdefault(node.digest, (time.monotonic(), part))
        elif event.word in ("done", "failed"):
            self.partial.pop(node.digest, None)
            self.finished += 1
            self.shared += bool(event.word == "done" and event.detail[1])
            self.done += self.weight(node)

    @property
    def share(self) -> float:
        """Return the share of the work that is done."""
        return min(1.0, (self.done + sum(self.partial.values())) / self.total)

    def left(self) -> str:
        """Return the time left for all runs, in words."""
        if not self.trained:
            return "time left unknown"
        rest = self.total * (1 - self.share)
        return f"{spell_seconds(rest * (time.monotonic() - self.began) / self.trained)} left"

    def run_left(self, node: Node) -> str:
        """Return the time left for one run, in words."""
        if node.digest not in self.first or node.digest not in self.partial:
            return ""
        since, start = self.first[node.digest]
        moved = self.partial[node.digest] - start
        if not moved:
            return ""
        return (
            spell_seconds((self.weight(node) - self.partial[node.digest]) * (time.monotonic() - since) / moved)
            + " left"
        )

    def name(self, node: Node) -> str:
        """Return the name of a run, in words."""
        return shown(self.names.get(node.digest, type(node).__name__))


def names_of(plan: Plan) -> dict[str, str]:
    """Return the name of each training by its digest: its labels."""
    names: dict[str, str] = {}
    for row in plan.rows:
        if "train" not in row.nodes:
            continue
        labels = row.labels
        own = [value for name, value in labels.items() if name not in LABELS]  # those of a plan of one's own
        parts = [*(labels[name] for name in WHAT if labels.get(name)), *own]
        sparsity = [f"{labels['sparsity']:g}"] if labels.get("sparsity") else []
        seed = [f"seed {labels['seed']}"] if "seed" in labels else []
        names.setdefault(row.nodes["train"].digest, " ".join([*map(str, parts), *sparsity, *seed]))
        if "rate" in row.nodes:
            for rate, runs in row.nodes["rate"].candidates:  # type: ignore[attr-defined]
                names |= {run.digest: f"trial of rate {rate:g}, {labels['activation']}" for run in runs}
    return names


def news(event: Event, meter: Meter) -> tuple[str, ...]:
    """Return the parts of a message that cannot wait: a failure, a silent worker, missing workers; else ()."""
    match event.word:
        case "failed":
            return "failed", meter.name(event.node), shown(str(event.detail[0]), most=1000)
        case "silent":
            return "waiting", meter.name(event.node), str(event.detail)
        case "fewer":
            have, wanted, why = event.detail
            return f"{have} of {wanted} workers", shown(why, most=1000)
        case _:
            return ()


class Plain:
    """``Plain`` prints at most one line every ten seconds, for logs and pipes, and failures at once."""

    def __init__(
        self,
        meter: Meter,
        write: Callable[[str], Any] = lambda line: print(line, file=sys.stderr, flush=True),
        every: float = PLAIN_EVERY_SECONDS,
    ) -> None:
        self.meter, self.write, self.every, self.last = meter, write, every, 0.0

    def __enter__(self) -> Callable[[Event], None]:
        """Begin."""
        return self.hear

    def hear(self, event: Event) -> None:
        """Take one event; print when it is time, and always for a failure."""
        self.meter.take(event)
        if words := news(event, self.meter):
            self.write(": ".join(words))
        now = time.monotonic()
        if event.word in ("progress", "done") and now - self.last >= self.every:
            self.last = now
            meter = self.meter
            where = ""
            if event.word == "progress":
                unit = "step" if getattr(event.node, "data", None) is None else "epoch"
                where = f"; {meter.name(event.node)}, {unit} {event.detail[0]} of {event.detail[1]}"
            self.write(f"{meter.share:.0%}, {meter.finished} of {meter.runs} runs, {meter.left()}{where}")

    def __exit__(self, *_: object) -> None:
        """End."""


class Bars:
    """``Bars`` shows a bar for the whole study and a bar for each run in progress."""

    def __init__(self, meter: Meter) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self.meter = meter
        self.bars = RichProgress(
            TextColumn("{task.description}", table_column=_narrow()),
            BarColumn(bar_width=16),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[left]}", style="dim"),
            console=Console(stderr=True),
            transient=True,
        )
        self.rows: dict[str, Any] = {}

    def __enter__(self) -> Callable[[Event], None]:
        """Begin to draw."""
        self.bars.start()
        self.whole = self.bars.add_task("study", total=1.0, left="")
        return self.hear

    def hear(self, event: Event) -> None:
        """Take one event and redraw."""
        self.meter.take(event)
        node = event.node
        if words := news(event, self.meter):
            from rich.markup import escape

            kind, *rest = words
            text = escape(": ".join(rest))  # a path in brackets is not markup
            self.bars.console.print(f"[{'red' if kind == 'failed' else 'yellow'}]{kind}[/]: {text}")
        if isinstance(node, Train):
            if event.word == "progress":
                row = self.rows.get(node.digest)
                if row is None:
                    row = self.rows[node.digest] = self.bars.add_task(self.meter.name(node), total=1.0, left="")
                epoch, epochs = event.detail
                self.bars.update(row, completed=epoch / epochs, left=self.meter.run_left(node))
            elif event.word in ("done", "failed", "stopped") and node.digest in self.rows:
                self.bars.remove_task(self.rows.pop(node.digest))
        meter = self.meter
        self.bars.update(
            self.whole,
            completed=meter.share,
            description=f"study, {meter.finished} of {meter.runs} runs",
            left=meter.left(),
        )

    def __exit__(self, *_: object) -> None:
        """Clear the bars."""
        self.bars.stop()


def _narrow() -> Any:
    from rich.table import Column

    return Column(no_wrap=True, overflow="ellipsis", ratio=1)


def progress(kind: str, meter: Meter) -> Progress:
    """Return bars or lines: "auto" is bars on a terminal and plain lines elsewhere, "none" prints only failures."""
    if kind == "bars" or (kind == "auto" and sys.stderr.isatty()):
        return Bars(meter)
    return Plain(meter, every=math.inf if kind == "none" else PLAIN_EVERY_SECONDS)
