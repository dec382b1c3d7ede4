"""Early masks and leads by initialisation: what question 1 asks of each initialisation, without its dense network.

How soon a ticket is found: the one-shot ticket of an early mask minus that of the last mask.  How good it is: the
ticket's lead over the dense run of its own initialisation.   [frankle2019lottery; you2020drawing]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from lotterylab.engine.results import Result
from lotterylab.plan.nodes import Node, Train
from lotterylab.plan.plan import Row
from lotterylab.procedures import Ticket
from lotterylab.reading.charts import Entry, NumberTable
from lotterylab.reading.claims import Claim
from lotterylab.reading.differences import Comparison
from lotterylab.reading.judging import gains_more, more
from lotterylab.reading.lines import Line, of
from lotterylab.reading.rows import Read
from lotterylab.studies import small_cnn
from lotterylab.studies.levels import Ladder
from lotterylab.studies.ticket_lines import ACCURACY, MARGIN, TICKET

INITS = ("pytorch", "glorot-normalized", "he-normal", "orthogonal")
EARLY = (0.1, 0.2, 0.4)  # shares of the dense run after which a mask is cut and trained
LOW = small_cnn.RATE.after(small_cnn.JUDGED)
AT_ONCE = "one-shot"


def method(share: float) -> str:
    """Return the label of the one-shot ticket whose mask is cut after this share of the training."""
    return AT_ONCE if share == 1.0 else f"{AT_ONCE} after {100 * share:g} %"


def at_once(ladder: Ladder, cuts: dict[float, Node]) -> Iterator[Row]:
    """Yield the one-shot ticket of the last mask, and of each early mask beside it; ``cuts``: share -> mask."""
    runs = {share: replace(ladder.dense, start=ladder.dense.at("start"), mask=mask) for share, mask in cuts.items()}
    for share in (1.0, *EARLY):
        ticket = Ticket(round=small_cnn.JUDGED, run=runs[share], found_by=(ladder.dense,))
        late = {"late": runs[1.0]} if share < 1.0 else {}
        yield ladder.ticket_row(method(share), ticket, **late)


def beside_dense(row: Row, dense: Train) -> Row:
    """Return a ticket's row with its dense run as a part; rows of controls stay as they are."""
    return row if row.labels["control"] else replace(row, nodes={**row.nodes, "dense": dense})


def _minus(row: Result, part: str) -> float | None:
    own, other = row.metric(ACCURACY), row.metric(f"{part}.test_accuracy")
    return None if own is None or other is None else float(own) - float(other)


def lead(row: Result) -> float | None:
    """Return the accuracy of a ticket minus that of its own dense run."""
    return _minus(row, "dense")


def change(row: Result) -> float | None:
    """Return the accuracy of an early mask's ticket minus that of the last mask's ticket."""
    return _minus(row, "late")


LINES = {
    share: Line(
        name=AT_ONCE if share == 1.0 else f"{AT_ONCE}, mask after {100 * share:g} % of the training",
        labels={"method": method(share), "control": ""},
    )
    for share in (1.0, *EARLY)
}
LATE = LINES[1.0]


def _loss(share: float, init: str) -> tuple[Line, Line]:
    return of(LINES[share], protocol=init), of(LATE, protocol=init)


CLAIMS = (
    *(
        Claim(
            key=key,
            text=f"{name}, 6.25 %: the one-shot ticket of the mask after 40 % of the training is less accurate than "
            "that of the last mask by no more than 0.01.",
            judge=more(*_loss(0.4, init), ACCURACY, LOW, than=-MARGIN),
        )
        for key, name, init in (
            ("1h", "PyTorch's initialisation", "pytorch"),
            ("1i", "Normalized initialisation", "glorot-normalized"),
        )
    ),
    Claim(
        key="1j",
        text="With the mask after 40 % of the training the ticket of 6.25 % loses less against that of the last mask "
        "from the normalized initialisation than from PyTorch's.",
        judge=gains_more(_loss(0.4, "glorot-normalized"), _loss(0.4, "pytorch"), ACCURACY, LOW),
    ),
)


def _explored(line: Line, read: Read, what: str) -> Iterator[Comparison]:
    """Yield the comparison of each pair of initialisations; chosen when the results were known, corrected apart."""
    for first, second in combinations(INITS, 2):
        yield Comparison(
            key=f"{what}, {first} and {second}",
            a=of(line, protocol=first),
            b=of(line, protocol=second),
            read=read,
            what=what,
            margin=MARGIN,
            planned=(),
            family=what,
        )


COMPARISONS = (
    *_explored(TICKET, lead, "lead over the own dense network"),
    *(
        comparison
        for share in EARLY
        for comparison in _explored(LINES[share], change, f"mask after {100 * share:g} % minus the last mask")
    ),
)


def _cells(line: Line, read: Read) -> tuple[Entry, ...]:
    return tuple(Entry(line=of(line, protocol=init), read=read, sparsity=LOW) for init in INITS)


TABLE = NumberTable(
    name="early-masks",
    title="Lead of the ticket of 6.25 %, and change of accuracy with early masks, by initialisation",
    how="Test accuracy of the iterative ticket minus that of its own dense run, and of the one-shot ticket of an early "
    "mask minus that of the last mask.",
    columns=("", *INITS),
    rows=(
        ("ticket minus its dense network", _cells(TICKET, lead)),
        *((f"mask after {100 * share:g} % minus the last mask", _cells(LINES[share], change)) for share in EARLY),
    ),
)
