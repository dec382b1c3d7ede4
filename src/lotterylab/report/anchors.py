"""Links from a number to the runs behind it, and from a run to its settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lotterylab.plan.digest import digest
from lotterylab.plan.nodes import Train
from lotterylab.plan.plan import LABELS
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import DIVERGED_MARK
from lotterylab.report.markup import Html, tag

OTHER = re.compile(r"[^a-z0-9.]+")


def run_anchor(labels: Mapping[str, Any]) -> str:
    """Return the id of a run's line in "All runs"."""
    return "run-" + OTHER.sub("-", "_".join(str(labels[name]) for name in LABELS).lower().replace("_", " "))


def run_links(rows: Rows) -> Html:
    """Return the seeds of finished rows, each as a link to its line."""
    by_seed = {int(row.labels["seed"]): row.labels for row in rows.trained}
    lost = rows.diverged.seeds
    links = [
        tag("a", f"{seed}{DIVERGED_MARK if seed in lost else ''}", href=f"#{run_anchor(labels)}")
        for seed, labels in sorted(by_seed.items())
    ]
    legend = "(* diverged)" if any(seed in lost for seed in by_seed) else ""
    word = "seed " if len(links) == 1 else "seeds "
    return tag("span", word, [[link, " "] for link in links], legend, class_="runs")


def settings_of(run: Train) -> dict[str, Any]:
    """Return the settings of a run that do not depend on its seed, mask and weights."""
    return {"model": run.model, "data": run.data.spec, "recipe": run.recipe, "first step": run.first_step}


def settings_anchor(run: Train) -> str:
    """Return the id of a run's settings."""
    return f"settings-{digest(list(settings_of(run).values()))[:12]}"
