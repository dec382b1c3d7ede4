"""The reading of a user's own loop: its number, its comparisons, its answer in one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lotterylab.reading.answers import in_words
from lotterylab.reading.charts import Chart
from lotterylab.reading.claims import read
from lotterylab.reading.differences import Comparison, Difference
from lotterylab.reading.lines import Line
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import rows_text

ACCURACY = "test_accuracy"
MARGIN = 0.01  # the largest difference that counts as equal
DENSE = Line(name="the dense network", labels={"method": "dense", "control": ""})


def metric_of(rows: Rows) -> str:
    """Return the number of the loop that is compared: the test accuracy, or else the first that ``eval_fn`` gave.

    "" if no run is finished.
    """
    given = dict.fromkeys(name for row in rows for name in row.metric("train.evaluated") or ())
    first = ACCURACY if ACCURACY in given else next(iter(given), "")
    return f"train.{first}" if first else ""


def outline_of(rows: Rows) -> Outline:
    """Return how the loop is read: one chart, and the tickets against the dense network and against each control."""
    metric = metric_of(rows)
    if not metric:
        return Outline()
    return Outline(charts=(chart_of(metric),), comparisons=tuple(_comparisons(rows, metric)))


def chart_of(metric: str) -> Chart:
    """Return the chart of a number over the kept weights, with controls and the dense network."""
    name = _spelled(metric)
    title = f"{name} over the kept weights"
    return Chart(
        name="numbers",
        title=title[0].upper() + title[1:],
        y=metric,
        y_axis=name,
        levels=(Line(name="dense", labels=DENSE.labels),),
        panels="",
    )


def differences_of(rows: Rows) -> Sequence[Difference]:
    """Return each comparison at each sparsity."""
    return read((), outline_of(rows).comparisons, rows)[1]


def compared(rows: Rows) -> str:
    """Return the sparsest tickets beside the dense network in one sentence; "" while nothing can be compared."""
    return _of_the_sparsest(differences_of(rows))


def answer(rows: Rows) -> str:
    """Return the answer in one sentence: the sparsest tickets beside the dense network, or else what is finished."""
    return compared(rows) or f"{rows_text(rows)}."


def _comparisons(rows: Rows, metric: str) -> Iterator[Comparison]:
    for method in rows.labels("method"):
        if method == "dense":
            continue
        ticket = Line(name="the ticket", labels={"method": method, "control": ""})
        controls = [control for control in rows.where(method=method).labels("control") if control]
        others = [DENSE, *(Line(name=str(word), labels={"method": method, "control": word}) for word in controls)]
        for other in others:
            yield Comparison(
                key=f"{method}-{other.name}",
                a=ticket,
                b=other,
                read=metric,
                what=_spelled(metric),
                margin=MARGIN,
                digits=3,
            )


def _of_the_sparsest(differences: Sequence[Difference]) -> str:
    of_dense = [difference for difference in differences if difference.comparison.b == DENSE]
    if not of_dense:
        return ""
    sparsest = max(of_dense, key=lambda difference: difference.sparsity)
    # the place is the loop's own name; an epoch of a user's loop is its whole training
    return in_words(replace(sparsest, panel="")).partition(" In all,")[0]


def _spelled(metric: str) -> str:
    return metric.partition(".")[2].replace("_", " ")
