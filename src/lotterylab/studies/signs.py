"""Mask, signs and magnitudes of a winning ticket are crossed, to see which of them it needs.

The mask is the ticket's or a random one, the signs are the initial ones, those of an early step or those of the end,
and the magnitudes are the initial ones, fresh ones or one constant a layer.   [zhou2019deconstructing, section 4.2;
gadhikar2024masks; oh2025find]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from lotterylab.asking.study import Study
from lotterylab.combining import SignedConstant, Signs
from lotterylab.criteria import Magnitude
from lotterylab.plan.nodes import Combine, Data, Node, Shuffle
from lotterylab.plan.plan import Plan, Row
from lotterylab.procedures import Ticket, control
from lotterylab.studies.controls import CONTROLS
from lotterylab.studies.lenet_arms import LOW, LOW_ROUND, SPEC, Arm, Lenet, Options
from lotterylab.studies.signs_claims import ARMS, OUTLINE, PREDICTIONS, QUESTION

EARLY = 0.05  # of the steps of the dense run: where the rewound signs are from

MASKS: dict[str, Callable[[Lenet, Node], Node]] = {
    "ticket": lambda network, mask: mask,
    "random mask": lambda network, mask: Shuffle(mask=mask, seed=network.seed),
}
SIGNS: dict[str, Callable[[Lenet], Node]] = {
    "initial": lambda network: network.start,
    "rewound": lambda network: network.dense.at(max(1, round(EARLY * network.options.steps))),
    "final": lambda network: network.dense.final,
    "fresh": lambda network: network.fresh,
}
MAGNITUDES: dict[str, Callable[[Lenet], Node]] = {
    "initial": lambda network: network.start,
    "fresh": lambda network: network.fresh,
    "constant": lambda network: Combine(of={"state": network.start}, rule=SignedConstant()),
}


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    networks = (Lenet(options=options, data=data, seed=seed) for seed in options.all_seeds)
    return Plan(
        title=f"Mask, signs and magnitudes, LeNet-300-100 on {data.spec.title}, {options.steps:,} steps a run",
        rows=tuple(row for network in networks for row in _rows(network)),
        predictions=PREDICTIONS,
    )


def _rows(network: Lenet) -> Iterator[Row]:
    yield network.dense_row("dense")
    for mask, signs, size in ARMS:
        run = network.chosen(crossed(mask, signs, size), LOW_ROUND)
        yield network.row(mask, f"{size} magnitudes, {signs} signs", run, sparsity=LOW)
    run = network.chosen(crossed("ticket", "initial", "initial"), LOW_ROUND)
    ticket = Ticket(round=LOW_ROUND, run=run, found_by=(network.dense,))
    longer = control("dense-same-cost", ticket, network.seed, CONTROLS)
    yield network.row("dense", "dense", longer, control="dense same cost", sparsity=LOW)


def crossed(mask: str, signs: str, size: str) -> Arm:
    """Return the arm with a mask, and a start of these signs and magnitudes; biases are the initial ones, 0."""

    def arm(network: Lenet, round: int) -> Mapping[str, Node]:
        parts = {"signs": SIGNS[signs](network), "magnitudes": MAGNITUDES[size](network)}
        kept = MASKS[mask](network, network.ticket(Magnitude(), round))
        return {"mask": kept, "start": Combine(of=parts, rule=Signs())}

    return arm


STUDY = Study(name="signs", question=QUESTION, options=Options, data=SPEC, build=build, outline=OUTLINE)
