"""The charts, the tables and the answer of the study of total costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lotterylab.reading.charts import Chart, Entry, NumberTable
from lotterylab.reading.differences import Comparison, Difference
from lotterylab.reading.doubts import if_below
from lotterylab.reading.judging import at, nothing
from lotterylab.reading.lines import Line, Ranked, of
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Read, Rows, mean
from lotterylab.reading.words import interval_text, listed
from lotterylab.studies.frontier_claims import (
    BUDGETS,
    LINES,
    LOSS,
    MACS,
    NAMES,
    OURS,
    SPARSE,
    SPARSE_MACS,
    SPARSITY,
    best,
    line,
    mean_weights,
)
from lotterylab.studies.small_cnn import SMALL
from lotterylab.studies.ticket_lines import ACCURACY, MARGIN

COMPARISONS = (
    *(
        Comparison(
            key=f"accuracy, best and second at {budget} epochs",
            a=best(budget, 1),
            b=best(budget, 2),
            read=ACCURACY,
            what="accuracy",
            margin=MARGIN,
        )
        for budget in BUDGETS
    ),
    *(
        Comparison(
            key=f"accuracy, {NAMES[arm]} and dense",
            a=LINES[arm],
            b=LINES["dense"],
            read=ACCURACY,
            what="accuracy",
            margin=MARGIN,
            planned=(),
            family="the dense network of the same budget",
        )
        for arm in SPARSE
    ),
)


def _headline(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the best method at each budget, and whether its lead over the second is resolved."""
    leads = [lead for lead in differences if lead.planned and isinstance(lead.comparison.a, Ranked)]
    if not leads:
        return nothing(results)
    resolved = [lead for lead in leads if lead.better == lead.comparison.a]
    largest = max(resolved, key=lambda lead: lead.interval.mean, default=None)
    parts = []
    for lead in leads:
        first, second = (_name(side, results) for side in (lead.comparison.a, lead.comparison.b))
        size = f"{interval_text(lead.interval, 3, sign=True)} on {second}" if lead is largest else "resolved"
        parts.append(f"{first} at {_budget(lead)} ({size if lead in resolved else 'not resolved'})")
    return f"Most accurate: {listed(parts)}; n = {min(lead.interval.n for lead in leads)}."


def _budget(lead: Difference) -> str:
    return str(lead.comparison.a.labels["protocol"])


def _name(side: Line, results: Rows) -> str:
    chosen = side.chosen(results) if isinstance(side, Ranked) else side
    return NAMES[str(chosen.labels["method"])] if chosen else ""


def _conclude(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the accuracies of the dense network, the best lead at each budget, and the front without zeros."""
    sentences = []
    for lead in (one for one in differences if one.planned and isinstance(one.comparison.a, Ranked)):
        first, second = (_name(side, results) for side in (lead.comparison.a, lead.comparison.b))
        dense = at(of(LINES["dense"], protocol=_budget(lead)), results, ACCURACY, SPARSITY)
        reached = f" (the dense network reaches {mean(dense):.3f})" if dense and first != "dense" else ""
        size = interval_text(lead.interval, 4, sign=True)
        resolved = "resolved" if lead.better == lead.comparison.a else "not resolved"
        sentences.append(f"At {_budget(lead)}, {first} minus {second} is {size}, {resolved}{reached}.")
    if not sentences:
        return nothing(results)
    front = front_of(results)
    if front:
        sentences.append(f"Without zeros, no arm is both cheaper and more accurate than {listed(front)}.")
    return " ".join(sentences)


def front_of(results: Rows) -> list[str]:
    """Return the arms than which no other is cheaper without zeros and at least as accurate in the mean."""
    arms = []
    for (method, protocol), rows in results.by("method", "protocol").items():
        accuracy, cost = rows.per_seed(ACCURACY), rows.per_seed(SPARSE_MACS)
        if accuracy and cost and method in NAMES:
            arms.append((mean(cost), mean(accuracy), f"{NAMES[method]} of {protocol}"))
    return [
        name
        for cost, accuracy, name in sorted(arms)
        if not any(c <= cost and a >= accuracy and other != name for c, a, other in arms)
    ]


def _billions(row: Any) -> float | None:
    macs = row.metric("cost.macs_to_mask")
    return None if macs is None else macs / 1e9


def _until_mask(read: Read, name: str, title: str, digits: int) -> NumberTable:
    def entries(arm: str) -> tuple[Entry, ...]:
        return tuple(Entry(line=line(arm, one), read=read, sparsity=SPARSITY, digits=digits) for one in BUDGETS)

    return NumberTable(
        name=name,
        title=title,
        how="All runs before the last, the scores of each cut, and the last run up to the last step at which its mask "
        "may change. Means over seeds.",
        columns=("method", *(f"{budget} epochs" for budget in BUDGETS)),
        rows=tuple((NAMES[arm], entries(arm)) for arm in SPARSE),
    )


def _chart(name: str, title: str, x: str, x_axis: str) -> Chart:
    return Chart(
        name=name,
        title=title,
        lines=tuple(LINES.values()),
        y=ACCURACY,
        y_axis="test accuracy, fraction",
        x=x,
        x_axis=x_axis,
        panels="",
        log_x=True,
    )


OUTLINE = Outline(
    charts=(
        _chart(
            "frontier",
            "Test accuracy against the total cost, without zeros",
            SPARSE_MACS,
            "multiply-accumulates of all runs together, without zeros",
        ),
        _chart(
            "frontier-as-done",
            "Test accuracy against the total cost, zeros multiplied",
            MACS,
            "multiply-accumulates of all runs together, zeros multiplied",
        ),
        Chart(
            name="mean-weights",
            title="Test loss against the mean number of weights over all training",
            lines=tuple(LINES.values()),
            y=LOSS,
            y_axis="test loss",
            x=mean_weights,
            x_axis="mean share of the weights over all training",
            log_x=True,
            law="law of the mean number of weights",
        ),
    ),
    tables=(
        _until_mask("cost.seconds_to_mask", "seconds-to-mask", "Seconds of one thread until the mask is known", 2),
        _until_mask(_billions, "macs-to-mask", "Multiply-accumulates until the mask is known, 1e9", 2),
    ),
    comparisons=COMPARISONS,
    claims=OURS,
    headline=_headline,
    conclude=_conclude,
    would_change="More seeds, a deeper network with norms, budgets in which the dense network no longer gains, or "
    "hardware that skips zeros.",
    doubts=(
        "The learning rate is chosen for each arm by one trial a rate at the middle budget, and kept for the others.",
        "The mean of the best is somewhat too high, because the best is chosen by it; the test of its lead is not.",
        "Rounds of pruning have the shortest runs; at a small budget they are hardly trained.",
        "All arms see 5,000 images again and again, while the law of the mean number of weights is of fresh data.",
        "All seeds share their validation and test images, so that intervals over seeds leave the choice of these out.",
        if_below("images", 45_000, SMALL),
    ),
)
