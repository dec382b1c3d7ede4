"""Stability by activation at equal learning rates: the arms of question 4 that a rate for each activation left open.

The learning rate alone moves the angle between two trainings, so that ReLU's and tanh's networks are also trained at
each other's rate.  Angles are read as shares of the dense network's angle too, and tickets against random masks, which
are stable themselves if they are sparse.   [frankle2019stabilizing; frankle2020linear]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lotterylab.analysis import Barrier
from lotterylab.engine.results import Result
from lotterylab.plan.nodes import Node, Train
from lotterylab.plan.plan import Row
from lotterylab.reading.charts import Entry, NumberTable
from lotterylab.reading.claims import Claim
from lotterylab.reading.differences import Comparison
from lotterylab.reading.judging import at, gains_more, less, minus, more
from lotterylab.reading.lines import Line, of
from lotterylab.reading.rows import Read, Rows
from lotterylab.reading.words import interval_text, listed
from lotterylab.statistics import t_interval
from lotterylab.studies import small_cnn
from lotterylab.studies.levels import Ladder, behind
from lotterylab.studies.ticket_lines import ANGLE, INSTABILITY, ORDER, RANDOM_ORDER

# no statistics are estimated; the committed results have this name
POINTS = Barrier(points=11, at="everywhere")
LEVELS = tuple(small_cnn.RATE.after(rounds) for rounds in (2, small_cnn.JUDGED))  # 25 % and 6.25 % are left
LOW = LEVELS[-1]
DENSE, TICKET = "dense, the other's rate", "iterative, the other's rate"
OTHER = {"relu": "tanh", "tanh": "relu"}  # whose rate a network is also trained at


def at_the_rate_of(options: small_cnn.Options, ladder: Ladder, other: Train) -> Iterator[Row]:
    """Yield the dense run and the sparsest ticket at another network's rate, each in two orders, and a random mask."""
    rate: Node = other.recipe.optimizer.lr
    recipe = replace(ladder.dense.recipe, optimizer=replace(ladder.dense.recipe.optimizer, lr=rate))
    ladder = replace(ladder, dense=replace(ladder.dense, recipe=recipe))
    yield ladder.row(DENSE, {"train": ladder.dense, "rate": rate})
    yield ladder.dense_in_other_order(POINTS, method=DENSE)
    ticket = small_cnn.tickets(ladder.dense, options, ladder.seed)[: small_cnn.JUDGED][-1]
    yield ladder.ticket_row(TICKET, ticket, **behind(ticket.run))
    for word in ("", "random-mask"):
        yield ladder.other_order(TICKET, ticket, word, barrier=POINTS, dense_order=dense_order(ladder))


def dense_order(ladder: Ladder) -> Node:
    """Return the distances between two orders of the dense network, as a part of the rows that are read against it."""
    return ladder.dense_in_other_order(POINTS).nodes["order"]


def share_of_dense(row: Result) -> float | None:
    """Return the angle between two orders of a sparse network over that of its dense network."""
    own, dense = row.metric(ANGLE), row.metric("dense_order.masked_angle")
    return None if own is None or not dense else float(own) / float(dense)


OTHER_ORDER = Line(name="ticket at the other's rate, two orders", labels={"method": TICKET, "control": "other order"})
OTHER_RANDOM_ORDER = Line(
    name="random mask at the other's rate, two orders",
    labels={"method": TICKET, "control": "random mask, other order"},
)
RELU, TANH = of(ORDER, activation="relu"), of(ORDER, activation="tanh")
RELU_AT_TANHS, TANH_AT_RELUS = of(OTHER_ORDER, activation="relu"), of(OTHER_ORDER, activation="tanh")
CLAIMS = (
    Claim(
        key="4f",
        text="At tanh's learning rate the angle between two data orders of the ticket at 6.25 % is larger with ReLU "
        "than with tanh.",
        judge=more(RELU_AT_TANHS, TANH, ANGLE, LOW, digits=1),
    ),
    Claim(
        key="4g",
        text="At ReLU's learning rate that angle is larger with ReLU than with tanh.",
        judge=more(RELU, TANH_AT_RELUS, ANGLE, LOW, digits=1),
    ),
    Claim(
        key="4h",
        text="ReLU's ticket at 6.25 %: the step from its own rate to tanh's lowers the angle by more than the step "
        "from ReLU to tanh does at tanh's rate.",
        judge=gains_more((RELU, RELU_AT_TANHS), (RELU_AT_TANHS, TANH), ANGLE, LOW, digits=1),
    ),
    Claim(
        key="4i",
        text="At tanh's learning rate the angle of ReLU's ticket at 6.25 % is a larger share of its dense network's "
        "angle than that of tanh's ticket.",
        judge=more(RELU_AT_TANHS, TANH, share_of_dense, LOW, digits=3),
    ),
    Claim(
        key="4j",
        text="ReLU at tanh's learning rate, 6.25 %: the error rises less between two data orders of the ticket than of "
        "a random mask.",
        judge=less(RELU_AT_TANHS, of(OTHER_RANDOM_ORDER, activation="relu"), INSTABILITY, LOW),
    ),
)


def _explored(a: Line, b: Line, read: Read, what: str, margin: float, digits: int) -> Comparison:
    """Return a comparison of stability, which was chosen when the results were known and is corrected apart."""
    return Comparison(
        key=f"{what}, {a.name} against {b.name}",
        a=a,
        b=b,
        read=read,
        what=what,
        margin=margin,
        more_is="worse",
        digits=digits,
        planned=(),
        family="stability",
    )


MEASURES: tuple[tuple[Read, str, float, int], ...] = (
    (INSTABILITY, "rise of the error", 0.02, 4),
    (ANGLE, "angle between two data orders", 5.0, 1),
    (share_of_dense, "angle over the dense network's", 0.1, 3),
)
AGAINST_RANDOM = tuple(_explored(ORDER, RANDOM_ORDER, *measure) for measure in MEASURES)
COMPARISONS = (
    *AGAINST_RANDOM,
    *(_explored(OTHER_ORDER, OTHER_RANDOM_ORDER, *measure) for measure in MEASURES),
    *(
        _explored(of(ORDER, activation=a), of(ORDER, activation=b), *MEASURES[-1])
        for a, b in (("relu", "tanh"), ("relu", "sigmoid"), ("tanh", "sigmoid"))
    ),
)


def _entries(activation: str, level: float) -> Iterator[Entry]:
    for read, _, _, digits in MEASURES:
        for line in (ORDER, RANDOM_ORDER):
            yield Entry(line=of(line, activation=activation), read=read, sparsity=level, digits=digits)


TABLE = NumberTable(
    name="stability",
    title="Stability to the data order of tickets and random masks",
    how="Between two trainings in two data orders: the rise of the error along the line, the angle of the kept "
    "weights, and this angle over the dense network's. Smaller is more stable. Each activation has its own "
    "learning rate.",
    columns=("", *(f"{what}, {side}" for _, what, _, _ in MEASURES for side in ("ticket", "random mask"))),
    rows=tuple(
        (f"{activation}, {100 * (1 - level):g} %", tuple(_entries(activation, level)))
        for activation in ("relu", "tanh", "sigmoid")
        for level in LEVELS
    ),
)


def against_random(results: Rows, level: float) -> str:
    """Return a sentence on the rise of the error of tickets minus that of random masks, by activation."""
    parts = []
    for name in dict.fromkeys(str(row.labels["activation"]) for row in results):
        sides = (at(of(line, activation=name), results, INSTABILITY, level) for line in (ORDER, RANDOM_ORDER))
        values = minus(*sides)
        if values:
            parts.append(f"{interval_text(t_interval(values.values()), 4, sign=True)} with {name} (n = {len(values)})")
    what = "The rise of the error between two data orders, ticket minus random mask, is"
    return f"{what} {listed(parts)}." if parts else ""
