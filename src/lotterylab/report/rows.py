"""A study's rows as plain values, for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from lotterylab.engine.results import Result, results
from lotterylab.engine.store import Store
from lotterylab.plan.plan import Plan
from lotterylab.reading.alarms import alarms_of
from lotterylab.system import ending


def as_json(study: Plan, store: Store) -> dict[str, Any]:
    """Title, notes, rows (labels, digests, metrics by part) and alarms."""
    found = results(study, store)
    ending.hold(found)
    return {
        "study": study.name,
        "title": study.title,
        "notes": list(study.notes),
        "rows": [_row(result) for result in found],
        "alarms": [asdict(alarm) for alarm in alarms_of(found)],
    }


def _row(result: Result) -> dict[str, Any]:
    return {
        "labels": dict(result.labels),
        "complete": result.complete,
        "digests": {part: node.digest for part, node in result.nodes.items()},
        "metrics": {part: record.metrics for part, record in result.records.items()},
    }
