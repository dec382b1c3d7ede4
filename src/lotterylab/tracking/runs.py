"""A finished run as names and numbers for trackers."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lotterylab.engine.results import Result
from lotterylab.errors import UsageError
from lotterylab.report.differences import flat


@dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """A finished training of a study for a tracker.

    Args:
        name: readable, unique for each run.
        group: the study.
        digest: the digest of the run.
        settings: labels, fields of the training ("recipe.epochs") and facts.
        curves: name -> one value an epoch (None if it was not finite).
        summary: name -> number.
    """

    name: str
    group: str
    digest: str
    settings: Mapping[str, str | int | float | bool]
    curves: Mapping[str, tuple[float | None, ...]]
    summary: Mapping[str, float]


class Tracker(Protocol):
    """A writer of finished runs."""

    def write(self, run: TrackedRun) -> None:
        """Write one finished run completely."""
        ...


def tracked(study: str, results: Iterable[Result]) -> Iterator[TrackedRun]:
    """Yield each finished training of a study once."""
    seen: set[str] = set()
    for result in results:
        record = result.records.get("train")
        if record is None or record.digest in seen:
            continue
        seen.add(record.digest)
        labels = {name: value for name, value in result.labels.items() if value != ""}
        yield TrackedRun(
            name=" ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in labels.values()),
            group=study,
            digest=record.digest,
            settings={**labels, **_plain(flat(record.spec or {})), **_plain(record.facts)},
            curves={
                name: tuple(values)
                for name, values in (record.metrics.get("curves") or {}).items()
                if isinstance(values, list)
            },
            summary=dict(_numbers(result)),
        )


def needed(module: str, extra: str) -> Any:
    """Return a tracker's package.

    Raises:
        UsageError: it is not installed, with what to install.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            f"--track {extra} needs the package {module.partition('.')[0]} ({error}). Install it: "
            f"pip install 'lotterylab[{extra}]'."
        ) from error


def _numbers(result: Result) -> Iterator[tuple[str, float]]:
    for part, record in result.records.items():
        for name, value in record.metrics.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield f"{part}.{name}", float(value)


def _plain(facts: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    return {name: value for name, value in facts.items() if isinstance(value, str | int | float | bool)}
