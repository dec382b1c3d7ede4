"""Does the initialisation change how soon a ticket is found, and how good it is?

Question 1 that the activation study left open.  "How soon": after how many epochs of the dense run the mask that
magnitude would give is nearly the one that it gives in the end, by Cohen's kappa.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro

from lotterylab.analysis import Overlap
from lotterylab.analysis.statistics import t_interval
from lotterylab.criteria import Magnitude
from lotterylab.engine.results import Result
from lotterylab.plan.nodes import Data, Measure, Node, Prune, Train
from lotterylab.plan.study import Prediction, Row, Study
from lotterylab.studies import small_cnn
from lotterylab.studies.judging import at, gains_more, less, minus, more, of
from lotterylab.studies.outline import Chart, Claim, Difference, Line, Outline
from lotterylab.studies.questions import shown
from lotterylab.studies.sized import Parts
from lotterylab.studies.ticket_lines import (
    ACCURACY,
    DENSE,
    RANDOM,
    REINIT,
    TICKET,
    accuracy_chart,
    accuracy_versus,
    cost_chart,
    paths_chart,
    pruning_chart,
)

QUESTION = "Does the initialisation change how soon a ticket is found, and how good it is?"
ACTIVATION = "tanh"
STANDARD, NORMALIZED = "pytorch", "glorot-normalized"
SOON = (0.1, 0.2, 0.4)  # shares of the dense run after which its mask is compared with the last one
LOW = small_cnn.RATE.after(4)
FIRST = small_cnn.RATE.share  # what the compared masks remove


@dataclass(frozen=True, kw_only=True)
class Options(small_cnn.Options):
    """``inits``: words of ``models.inits``."""

    inits: tuple[str, ...] = (STANDARD, NORMALIZED, "he-normal", "orthogonal")


@dataclass(frozen=True, kw_only=True)
class Request(small_cnn.SmallCnnRequest):
    """Options that say what is studied; the same ones name the same results."""

    inits: Annotated[tuple[str, ...] | None, tyro.conf.arg(metavar="INIT [INIT ...]", help_behavior_hint="")] = None
    """Words of lotterylab list models; default pytorch glorot-normalized he-normal orthogonal."""

    def parts(self) -> Parts:
        """CIFAR-10@5000."""
        return small_cnn.parts("init-tickets", Options, build, OUTLINE)


def build(options: Options, data: Data, *, title: str, notes: tuple[str, ...] = ()) -> Study:
    """The plan; seed by seed."""
    rows = [row for seed in options.all_seeds for init in options.inits for row in _rows(options, data, init, seed)]
    return Study(
        name="init-tickets",
        title=f"Tickets by initialisation, shallow CNN with {ACTIVATION} on {title}, {options.epochs} epochs a run",
        question=QUESTION,
        rows=tuple(rows),
        predictions=PREDICTIONS,
        notes=notes,
    )


def _rows(options: Options, data: Data, init: str, seed: int) -> Iterator[Row]:
    dense = small_cnn.dense_run(options, data, seed, activation=ACTIVATION, init=init)
    ladder = small_cnn.ladder(init, dense, seed)
    yield ladder.dense_row(**_soon(dense, seed))
    yield from ladder.rows("iterative", small_cnn.tickets(dense, options, seed), ("reinitialised", "random-mask"))


def _soon(dense: Train, seed: int) -> dict[str, Node]:
    """Agreement of the masks on the way with the last one: the same cut of the weights at each point."""
    last = Prune(criterion=Magnitude(), of=dense.final, sparsity=FIRST, seed=seed)
    parts: dict[str, Node] = {}
    for share in SOON:
        step = round(share * dense.total_steps)
        early = Prune(criterion=Magnitude(), of=dense.at(step), sparsity=FIRST, seed=seed)
        parts[part(share)] = Measure(quantity=Overlap(), of={"a": early, "b": last})
    return parts


def part(share: float) -> str:
    """What the agreement after this share of the training is called in a row."""
    return f"after_{round(100 * share)}_percent"


def _gain(init: str) -> tuple[Line, Line]:
    return of(TICKET, protocol=init), of(RANDOM, protocol=init)


def _dense(init: str) -> Line:
    return of(DENSE, protocol=init)


OURS = (
    Claim(
        key="1a",
        text="After 20 % of the training the mask agrees more with the last one (kappa) from the normalized "
        "initialisation than from PyTorch's.",
        judge=more(_dense(NORMALIZED), _dense(STANDARD), f"{part(0.2)}.kappa", 0.0, digits=3),
    ),
    Claim(
        key="1b",
        text="At 6.25 % of the weights the ticket from the normalized initialisation is more accurate than from "
        "PyTorch's.",
        judge=more(of(TICKET, protocol=NORMALIZED), of(TICKET, protocol=STANDARD), ACCURACY, LOW),
    ),
    Claim(
        key="1c",
        text="What the ticket gains over a random mask at 6.25 % is more from PyTorch's initialisation than from the "
        "normalized one.",
        judge=gains_more(_gain(STANDARD), _gain(NORMALIZED), ACCURACY, LOW),
    ),
    Claim(
        key="1d",
        text="At 6.25 % re-initialising the ticket costs accuracy from the normalized initialisation.",
        judge=less(of(REINIT, protocol=NORMALIZED), of(TICKET, protocol=NORMALIZED), ACCURACY, LOW),
    ),
)
PREDICTIONS = tuple(
    Prediction(key=one.key, claim=one.text, expected="Confirmed by an interval over seeds.") for one in OURS
)


def _conclude(results: Sequence[Result], found: Sequence[Difference]) -> str:
    """How soon and how good, by initialisation, the best first."""
    parts = []
    for init in dict.fromkeys(str(row.labels["protocol"]) for row in results):
        ticket = at(of(TICKET, protocol=init), results, ACCURACY, LOW)
        gains = minus(ticket, at(of(RANDOM, protocol=init), results, ACCURACY, LOW))
        soon = at(_dense(init), results, f"{part(0.2)}.kappa", 0.0)
        if gains and soon:
            mean = sum(ticket.values()) / len(ticket)
            kappa = sum(soon.values()) / len(soon)
            text = (
                f"{init} {mean:.3f}, {shown(t_interval(gains.values()))} above a random mask, kappa {kappa:.2f} after "
                f"a fifth of the training (n = {len(gains)})"
            )
            parts.append((mean, text))
    if not parts:
        return "Nothing can be said yet: no seed is finished."
    return f"Tickets with 6.25 % of the weights, test accuracy: {'; '.join(text for _, text in sorted(parts)[::-1])}."


OUTLINE = Outline(
    charts=(
        accuracy_chart("protocol"),
        pruning_chart("protocol"),
        Chart(
            name="how-soon",
            title="How soon the mask settles: after a fifth of the training, by initialisation",
            lines=(DENSE,),
            y=f"{part(0.2)}.kappa",
            y_axis="agreement with the last mask, kappa",
            x="train.epochs",
            x_axis="epochs of the dense run",
        ),
        cost_chart("protocol", (TICKET,)),
        paths_chart("protocol", (TICKET, RANDOM)),
    ),
    versus=accuracy_versus(DENSE, REINIT, RANDOM),
    claims=OURS,
    conclude=_conclude,
    would_change="More seeds; a learning rate chosen for each initialisation; a deeper network, in which a bad scale "
    "of the initial weights does more harm.",
    doubts=(
        "One learning rate for all initialisations: what trains slowly at this rate may train well at another.",
        "Orthogonal and He weights are larger than the others; tanh saturates with them.",
        "5,000 training images and a shallow network: what holds here need not hold at scale.",
    ),
)
