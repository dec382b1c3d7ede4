"""Deconstructing lottery tickets: criteria of masks, values of kept weights, values of removed weights.

One dense run gives all masks.  Nine criteria cut it; the mask of large final weights is trained from the rewound
weights and from others, and with removed weights at 0 and at other values; and masks are measured on the untrained
network.   [zhou2019deconstructing]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

from lotterylab import criteria
from lotterylab.analysis import Accuracy
from lotterylab.asking.study import Study
from lotterylab.combining import PermutedMagnitudes, SignedConstant, Signs, ZeroIfShrunk
from lotterylab.plan.nodes import Combine, Data, Measure, Node, Permute
from lotterylab.plan.plan import Plan, Row
from lotterylab.procedures import Ticket, control, iterative
from lotterylab.studies.controls import CONTROLS
from lotterylab.studies.deconstructing_claims import (
    ITERATIVE,
    KEPT,
    LEVELS,
    ONE_SHOT,
    OUTLINE,
    PREDICTIONS,
    QUESTION,
    REMOVED,
    UNTRAINED,
)
from lotterylab.studies.lenet_arms import LOW_ROUND, MIDDLE_ROUND, RATE, SPEC, Arm, Lenet, Options
from lotterylab.views import Criterion

CRITERIA: dict[str, Criterion] = {
    "large final": criteria.Magnitude(),
    "small final": criteria.SmallFinal(),
    "large init": criteria.LargeInit(),
    "small init": criteria.SmallInit(),
    "large init, large final": criteria.LargeInitLargeFinal(),
    "small init, small final": criteria.SmallInitSmallFinal(),
    "magnitude increase": criteria.MagnitudeIncrease(),
    "movement": criteria.Movement(),
    "random": criteria.Random(),  # layer by layer it has the counts of the others
}
SIGNED: dict[str, Criterion] = {
    "large final, same sign": criteria.LargeFinalOfSign(sign="same"),
    "large final, other sign": criteria.LargeFinalOfSign(sign="different"),
    "magnitude increase, same sign": criteria.MagnitudeIncreaseOfSign(sign="same"),
    "magnitude increase, other sign": criteria.MagnitudeIncreaseOfSign(sign="different"),
}
STARTS: dict[str, Callable[[Lenet, Node], Node]] = {
    "rewind": lambda network, mask: network.start,
    "fresh": lambda network, mask: network.fresh,
    "fresh, signs kept": lambda network, mask: Combine(
        of={"magnitudes": network.fresh, "signs": network.start}, rule=Signs()
    ),
    "permuted": lambda network, mask: Permute(of=network.start, seed=network.seed),
    "permuted, signs kept": lambda network, mask: Combine(
        of={"state": network.start}, rule=PermutedMagnitudes(), seed=network.seed
    ),
    "reshuffled": lambda network, mask: Permute(of=network.start, seed=network.seed, mask=mask),
    "reshuffled, signs kept": lambda network, mask: Combine(
        of={"state": network.start, "mask": mask}, rule=PermutedMagnitudes(), seed=network.seed
    ),
    "constant, random signs": lambda network, mask: Combine(
        of={"state": network.start}, rule=SignedConstant(signs="random"), seed=network.seed
    ),
    "constant, signs kept": lambda network, mask: Combine(of={"state": network.start}, rule=SignedConstant()),
}
HOLDS: dict[str, Callable[[Lenet], Mapping[str, Node]]] = {
    "zero": lambda network: {},
    "frozen": lambda network: {"frozen": network.start},
    "zero if shrunk": lambda network: {
        "frozen": Combine(of={"initial": network.start, "final": network.dense.final}, rule=ZeroIfShrunk())
    },
}
LARGE = "large final"
IN_ROUNDS = (LARGE, "magnitude increase", "movement")
ENDS = (4, 8, MIDDLE_ROUND, LOW_ROUND)  # iterative pruning trains after each of these rounds of 20 %


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    networks = (Lenet(options=options, data=data, seed=seed) for seed in options.all_seeds)
    return Plan(
        title=f"Deconstructing lottery tickets, LeNet-300-100 on {data.spec.title}, {options.steps:,} steps a run",
        rows=tuple(row for network in networks for row in _rows(network)),
        predictions=PREDICTIONS,
    )


def _rows(network: Lenet) -> Iterator[Row]:
    arms: dict[str, dict[str, Arm]] = {
        ONE_SHOT: {name: cut(name) for name in CRITERIA},
        ITERATIVE: {name: cut_in_rounds(name) for name in IN_ROUNDS},
        KEPT: {name: started(name) for name in STARTS},
        REMOVED: {name: held(name) for name in HOLDS},
    }
    for protocol, each in arms.items():
        yield network.dense_row(protocol)
        for name, arm in each.items():
            for round in (MIDDLE_ROUND, LOW_ROUND):
                yield network.row(protocol, name, network.chosen(arm, round), sparsity=RATE.after(round))
    for protocol, arm, round in ((ONE_SHOT, cut(LARGE), MIDDLE_ROUND), (ITERATIVE, cut_in_rounds(LARGE), LOW_ROUND)):
        found_by = (network.dense,) if protocol == ONE_SHOT else in_rounds(network, LARGE)[-1].found_by
        ticket = Ticket(round=round, run=network.chosen(arm, round), found_by=found_by)
        longer, level = control("dense-same-cost", ticket, network.seed, CONTROLS), RATE.after(round)
        yield network.row(protocol, "dense", longer, control="dense same cost", sparsity=level)
    yield from _untrained(network)


def _untrained(network: Lenet) -> Iterator[Row]:
    """Yield each mask on the untrained network, beside the dense run that found it."""
    for name, criterion in (CRITERIA | SIGNED).items():
        for round in LEVELS:
            mask = network.ticket(criterion, round)
            measured = Measure(quantity=Accuracy(), of={"state": network.start, "mask": mask}, data=network.data)
            row = network.row(UNTRAINED, name, network.dense, control="untrained", sparsity=RATE.after(round))
            yield replace(row, nodes={**row.nodes, "prune": mask, "untrained": measured})


def cut(name: str) -> Arm:
    """Return the arm of a criterion that cuts the dense run once."""
    return lambda network, round: {"mask": network.ticket(CRITERIA[name], round)}


def cut_in_rounds(name: str) -> Arm:
    """Return the arm of a criterion that cuts in rounds, with trainings at the dense network's rate in between."""
    return lambda network, round: {"mask": in_rounds(network, name)[ENDS.index(round)].mask}


def in_rounds(network: Lenet, name: str) -> list[Ticket]:
    """Return the tickets of iterative pruning, one for each of ``ENDS``."""
    cuts = [replace(RATE, rounds=end - begin) for begin, end in pairwise((0, *ENDS))]
    return iterative(network.dense, cuts, criterion=CRITERIA[name], **network.cut)


def started(name: str) -> Arm:
    """Return the arm that trains the ticket's mask from other weights."""

    def arm(network: Lenet, round: int) -> Mapping[str, Node]:
        mask = network.ticket(CRITERIA[LARGE], round)
        return {"mask": mask, "start": STARTS[name](network, mask)}

    return arm


def held(name: str) -> Arm:
    """Return the arm that holds what the ticket's mask removes at 0, or at other values."""
    return lambda network, round: {"mask": network.ticket(CRITERIA[LARGE], round), **HOLDS[name](network)}


STUDY = Study(name="deconstructing", question=QUESTION, options=Options, data=SPEC, build=build, outline=OUTLINE)
