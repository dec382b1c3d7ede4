"""The reading of the study ``rewinding``: its lines, its claims and predictions from before the runs, its figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lotterylab.masks.counts import Rate
from lotterylab.reading.answers import in_words
from lotterylab.reading.charts import Chart, Entry, NumberTable
from lotterylab.reading.claims import Claim, predictions
from lotterylab.reading.differences import Comparison, Difference
from lotterylab.reading.doubts import if_below
from lotterylab.reading.judging import above, apart_from, at, less, more, nothing, percent
from lotterylab.reading.lines import Line
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows, mean
from lotterylab.studies.ticket_lines import (
    ACCURACY,
    ANGLE,
    DENSE,
    INSTABILITY,
    L2,
    MARGIN,
    cost_chart,
    paths_chart,
)

QUESTION = (
    "At initialisation, this ResNet's tickets are no better than random masks. Does rewinding to slightly later in "
    "training help, and are those tickets stable?"
)
RATE = Rate(share=0.5)
LAST = 3  # rounds: 12.5 % of the weights are left
LOW = RATE.after(LAST)
POINTS = {"rewind to 0": 0.0, "rewind to 2 %": 0.02, "rewind to 7 %": 0.07}
START, LATE = "rewind to 0", "rewind to 7 %"
LEARNING_RATE, FINE_TUNING = "learning-rate rewinding", "fine-tuning"
HIGH, LOW_RATE, WARM_UP = "ResNet-20", "ResNet-20, low rate", "ResNet-20, warm-up"  # the recipes

LINES = {
    name: Line(name=name, labels={"method": name, "control": "", "protocol": HIGH})
    for name in (*POINTS, LEARNING_RATE, FINE_TUNING)
}
OTHERS = {
    name: Line(name=f"{START}, {name}", labels={"method": START, "control": "", "protocol": name})
    for name in (LOW_RATE, WARM_UP)
}
OTHER_RANDOM = {
    name: Line(
        name=f"random mask, {START}, {name}", labels={"method": START, "control": "random mask", "protocol": name}
    )
    for name in OTHERS
}


def _control(name: str, word: str, called: str) -> Line:
    """Return a control of a rewind point, at the high rate."""
    return Line(name=called, labels={"method": name, "control": word, "protocol": HIGH})


RANDOM = {name: _control(name, "random mask", f"random mask, {name}") for name in POINTS}
ORDERS = {name: _control(name, "other order", f"{name}, two orders") for name in POINTS}
RANDOM_ORDERS = {
    name: _control(name, "random mask, other order", f"random mask, {name}, two orders") for name in POINTS
}
REINIT = _control(START, "reinitialised", "re-initialised")
DENSE_ORDER = Line(name="dense, two orders", labels={"method": "dense", "control": "other order", "protocol": HIGH})
OTHER_ORDERS = {
    name: Line(
        name=f"{START}, two orders, {name}", labels={"method": START, "control": "other order", "protocol": name}
    )
    for name in OTHERS
}
OTHER_RANDOM_ORDERS = {
    name: Line(
        name=f"random mask, two orders, {name}",
        labels={"method": START, "control": "random mask, other order", "protocol": name},
    )
    for name in OTHERS
}
# the same arms in every panel; the panel is the recipe
DRAWN = {name: Line(name=name, labels={"method": name, "control": ""}) for name in LINES}
DRAWN_RANDOM = {
    name: Line(name=f"random mask, {name}", labels={"method": name, "control": "random mask"}) for name in POINTS
}
STABILISING = "frankle2019stabilizing"
CLAIMS = (
    Claim(
        key="1",
        text="A ticket of 16.7 % is more accurate when rewound to iteration 500 of 30,000 than when reset to 0 (ours: "
        "2 % of the training, 12.5 % of the weights).",
        judge=more(LINES["rewind to 2 %"], LINES[START], ACCURACY, LOW),
        source=STABILISING,
    ),
    Claim(
        key="2",
        text="A ticket that is reset to 0 is no more stable to the data order than a random mask (judged as an angle "
        "less by no more than 5 degrees).",
        judge=more(ORDERS[START], RANDOM_ORDERS[START], ANGLE, LOW, than=-5.0, digits=1),
        published="angles of 87.7 and 88.0 degrees at 16.7 %",
        source=STABILISING,
    ),
    Claim(
        key="3",
        text="Learning-rate rewinding is at least as accurate as rewinding the weights (12.5 %; ours: 7 % of the "
        "training), within 0.01.",
        judge=more(LINES[LEARNING_RATE], LINES[LATE], ACCURACY, LOW, than=-MARGIN),
        source="renda2020comparing",
    ),
    Claim(
        key="4",
        text="Rewinding the weights is at least as accurate as fine-tuning for the same number of steps (12.5 %; ours: "
        "7 %, and the last rate of the dense run), within 0.01.",
        judge=more(LINES[LATE], LINES[FINE_TUNING], ACCURACY, LOW, than=-MARGIN),
        source="renda2020comparing",
    ),
    Claim(
        key="5",
        text="At the low rate (0.01) a ticket that is reset is more accurate than a random mask (12.5 %).",
        judge=more(OTHERS[LOW_RATE], OTHER_RANDOM[LOW_RATE], ACCURACY, LOW),
        source="frankle2019lottery",
    ),
    Claim(
        key="6",
        text="With warm-up (0.03) a ticket that is reset is more accurate than a random mask (12.5 %).",
        judge=more(OTHERS[WARM_UP], OTHER_RANDOM[WARM_UP], ACCURACY, LOW),
        source="frankle2019lottery",
    ),
    Claim(
        key="7",
        text="A ticket that is reset to 0 is unstable: between two data orders the error rises by more than 0.02 above "
        "the mean of the ends (12.5 %).",
        judge=above(ORDERS[START], INSTABILITY, LOW, than=0.02),
        source="frankle2020linear",
    ),
    Claim(
        key="8",
        text="At the low rate (0.01) a ticket that is reset is more stable to the data order (angle) than at the high "
        "rate.",
        judge=less(OTHER_ORDERS[LOW_RATE], ORDERS[START], ANGLE, LOW, digits=1),
        source=STABILISING,
    ),
    Claim(
        key="9",
        text="At the high rate a ticket that is reset is no more accurate than a re-initialised ticket, within 0.01.",
        judge=less(LINES[START], REINIT, ACCURACY, LOW, than=MARGIN),
        source="renda2020comparing",
    ),
    Claim(
        key="a",
        text="A ticket rewound to 7 % is more accurate than a random mask from the same start.",
        judge=more(LINES[LATE], RANDOM[LATE], ACCURACY, LOW),
    ),
    Claim(
        key="b",
        text="A ticket rewound to 7 % is more stable to the data order (angle) than a ticket that is reset.",
        judge=less(ORDERS[LATE], ORDERS[START], ANGLE, LOW, digits=1),
    ),
    Claim(
        key="c",
        text="After a rewind to 7 % the error rises less between two data orders (instability) than after a reset.",
        judge=less(ORDERS[LATE], ORDERS[START], INSTABILITY, LOW),
    ),
    Claim(
        key="d",
        text="At the high rate a ticket that is reset is no more accurate than a random mask, within 0.01.",
        judge=less(LINES[START], RANDOM[START], ACCURACY, LOW, than=MARGIN),
    ),
    Claim(
        key="e",
        text="A ticket of 12.5 % that is reset is no more stable (instability) than the dense network, within 0.02.",
        judge=more(ORDERS[START], DENSE_ORDER, INSTABILITY, LOW, than=-0.02),
    ),
)
PREDICTIONS = predictions(CLAIMS)


def _headline(results: Rows, differences: Sequence[Difference]) -> str:
    """Return rewinding to 7 % against the reset."""
    pairs = [one for one in differences if (one.comparison.a, one.comparison.b) == (LINES[LATE], LINES[START])]
    sides = "a ticket rewound to 7 %", "a reset ticket"
    return next((in_words(pair, *sides) for pair in pairs if pair.planned), nothing(results))


def _conclude(results: Rows, differences: Sequence[Difference]) -> str:
    """Return each way against the reset, at the sparsest level."""
    parts = apart_from(LINES[START], LINES.values(), results, ACCURACY, LOW)
    if not parts:
        return nothing(results)
    reached = mean(at(LINES[START], results, ACCURACY, LOW))
    begin = f"With {percent(LOW)} of the weights, a reset to 0 reaches {reached:.3f}."
    return f"{begin} The differences from it are: {'; '.join(parts)}."


def _accuracy(a: Line, b: Line, key: str) -> Comparison:
    return Comparison(key=f"accuracy, {key}", a=a, b=b, read=ACCURACY, what="accuracy", margin=MARGIN, planned=(LOW,))


def _orders(name: str, read: str, what: str, margin: float, digits: int) -> Comparison:
    """Return the comparison of ticket and random mask, each trained in two data orders."""
    return Comparison(
        key=f"{what}, {name}",
        a=ORDERS[name],
        b=RANDOM_ORDERS[name],
        read=read,
        what=what,
        margin=margin,
        more_is="worse",
        digits=digits,
    )


# for each column of the table: ticket and random mask, once, and each in two data orders
STARTS = {name: ((LINES[name], RANDOM[name]), (ORDERS[name], RANDOM_ORDERS[name])) for name in POINTS} | {
    f"{START}, {name.partition(', ')[2]}": (
        (OTHERS[name], OTHER_RANDOM[name]),
        (OTHER_ORDERS[name], OTHER_RANDOM_ORDERS[name]),
    )
    for name in OTHERS
}
MEASURES = (  # the number, whether it is of two orders, its digits, the paper's values for START, LOW_RATE, WARM_UP
    ("order, L2", "order.masked_l2", True, 1, ("66.4 / 66.7", "7.1 / 28.9", "9.5 / 37.4")),
    ("order, degrees", ANGLE, True, 1, ()),
    ("pruning, L2", L2, False, 1, ("54.4 / 53.4", "19.8 / 26.6", "24.8 / 34.6")),
    ("pruning, degrees", "distances.masked_angle", False, 1, ()),
    ("instability", INSTABILITY, True, 3, ()),
    ("accuracy", ACCURACY, False, 3, ("0.877 / 0.877", "0.891 / 0.861", "0.903 / 0.868")),
)


def _stability() -> Iterator[tuple[str, tuple[Entry | str, ...]]]:
    """Yield the rows of the table: each number of the ticket and of the random mask, and the paper's values."""
    for what, read, of_orders, digits, paper in MEASURES:
        for which, side in enumerate(("ticket", "random mask")):
            lines = (pairs[of_orders][which] for pairs in STARTS.values())
            yield f"{what}: {side}", tuple(Entry(line=line, read=read, sparsity=LOW, digits=digits) for line in lines)
        if paper:
            reset, *others = paper
            yield f"{what}: the paper's", (reset, "", "", *others)


STABILITY = NumberTable(
    name="stability",
    title="Stability to the data order and to pruning, 12.5 % of the weights",
    how="Distances are over the kept weights at the end of training: between two data orders, and between the pruned "
    "and the dense network of the same order. Smaller is more stable. The paper's values are ticket / random mask, at "
    "16.7 % and the whole width.",
    columns=("", *STARTS),
    rows=tuple(_stability()),
)
OUTLINE = Outline(
    tables=(STABILITY,),
    charts=(
        Chart(
            name="accuracy",
            title="Test accuracy by rewind point",
            lines=(*DRAWN.values(), DRAWN_RANDOM[START], DRAWN_RANDOM[LATE]),
            y=ACCURACY,
            y_axis="test accuracy, fraction",
            levels=(DENSE,),
        ),
        Chart(
            name="pruning-stability",
            title="Stability to pruning: distance from the dense network over the kept weights",
            lines=tuple(DRAWN.values()),
            y=L2,
            y_axis="L2 distance",
        ),
        cost_chart("protocol", tuple(DRAWN.values())),
        paths_chart("protocol", (*DRAWN.values(), *DRAWN_RANDOM.values())),
    ),
    comparisons=(
        *(_accuracy(line, LINES[START], name) for name, line in LINES.items() if name != START),
        *(_accuracy(LINES[name], RANDOM[name], f"{name} random") for name in POINTS),
        *(_accuracy(LINES[name], DENSE, f"{name} dense") for name in (START, LATE)),
        _accuracy(LINES[START], REINIT, "re-initialised"),
        *(_accuracy(OTHERS[name], OTHER_RANDOM[name], f"{name} random") for name in OTHERS),
        *(_orders(name, INSTABILITY, "instability", 0.02, 4) for name in POINTS),
        *(_orders(name, ANGLE, "angle between two data orders", 5.0, 1) for name in POINTS),
    ),
    claims=CLAIMS,
    headline=_headline,
    conclude=_conclude,
    would_change="More seeds, 20 % a round, or the whole width, all images and about 30,000 steps (--size paper).",
    doubts=(
        if_below("width", 1, "The network has {value} of the papers' width; it cannot reach their 90 %."),
        if_below("images", 45_000, "It has {value} training images; the papers have at least 45,000."),
        if_below("steps", 20_000, "It trains for {value} steps, the papers' for 30,000, so low rates do not get far."),
        "Between two networks, batch norms are estimated anew; interpolated statistics would give higher barriers.",
        "Rewinding, learning-rate rewinding and fine-tuning train T - k steps; the reset trains T.",
        "Each of three rounds removes half of the weights, at every size; the papers prune 20 % a round.",
        "The last layer, 1 % of the weights, is pruned with all others; the papers leave it whole.",
    ),
)
