"""The lines and the claims of the study of total costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from lotterylab.interventions import Gradual
from lotterylab.models import Narrowed
from lotterylab.plan.nodes import Prune, Train
from lotterylab.plan.plan import Prediction
from lotterylab.reading.claims import Claim, Judgement
from lotterylab.reading.costs import trainings
from lotterylab.reading.joint import alike, none_above
from lotterylab.reading.judging import Judge, at, less, more, over
from lotterylab.reading.lines import Line, Ranked, of
from lotterylab.reading.rows import PerSeed, Rows
from lotterylab.studies.ticket_lines import ACCURACY

SPARSITY = 0.9
SHORT, MIDDLE, LONG = BUDGETS = (30, 60, 150)
CLOSE = 0.02  # of accuracies: four errors of a paired difference on 10,000 images
ABOVE = 0.005  # the lead that counts: more than one such error
LOSS, MACS, SPARSE_MACS = "train.test_loss", "cost.macs", "cost.sparse_macs"
NAMES = {
    "dense": "dense",
    "small dense": "small dense network",
    "one-shot": "one-shot magnitude",
    "iterative": "iterative magnitude",
    "snip": "SNIP",
    "grasp": "GraSP",
    "synflow": "SynFlow",
    "random": "random, ERK",
    "gradual": "gradual pruning",
    "set": "SET",
    "rigl": "RigL",
}
ARMS = tuple(NAMES)
LINES = {arm: Line(name=name, labels={"method": arm, "control": ""}) for arm, name in NAMES.items()}
SPARSE = tuple(arm for arm in ARMS if arm != "dense")


def line(arm: str, budget: int) -> Line:
    """Return the line of an arm at a budget."""
    return of(LINES[arm], protocol=f"{budget} epochs")


def best(budget: int, rank: int) -> Ranked:
    """Return the line that comes first, second, ... in accuracy at a budget, whichever it is."""
    protocol, word = f"{budget} epochs", {1: "best", 2: "second"}[rank]
    labels = {"protocol": protocol, "method": "", "control": ""}
    among = tuple(line(arm, budget) for arm in ARMS)
    return Ranked(name=f"{word} at {protocol}", labels=labels, among=among, read=ACCURACY, rank=rank)


def mean_weights(row: Any) -> float | None:
    """Return the mean share of the dense network's weights over all training of a row, finding included.

    It follows from the plan: a run counts with the share that its mask keeps, gradual pruning with the mean of its
    schedule, a small dense network with its own size.   [jin2025journey, the average parameter count]
    """
    last = row.nodes.get("train")
    if not isinstance(last, Train):
        return None
    steps = trainings(last)
    return sum(count * _share(run) for run, count in steps.items()) / sum(steps.values())


def _share(run: Train) -> float:
    rule = next((rule for rule in run.recipe.during if isinstance(rule, Gradual)), None)
    if rule is not None:
        return sum(1 - _reached(rule, step) for step in range(run.total_steps)) / run.total_steps
    if isinstance(run.model, Narrowed):
        return 1 - float(run.model.cuts[-1])  # type: ignore[arg-type]
    return 1 - float(run.mask.sparsity) if isinstance(run.mask, Prune) else 1.0  # type: ignore[arg-type]


def _reached(rule: Gradual, step: int) -> float:
    """Return the sparsity after a step's update and pruning, which the next update sees."""
    if step < rule.begin_step:
        return rule.initial
    done = min(step, rule.end_step) - rule.begin_step
    return rule.target(rule.begin_step + done // rule.every * rule.every)


def above_dense_curve(arm: str, budget: int) -> Judge:
    """Return a judge of "an arm is above the dense network at as many multiply-accumulates without zeros".

    The dense network's accuracy at the arm's own number is read off between its budgets, on a logarithmic axis, seed
    by seed; below its smallest budget, the accuracy of that budget stands in, which costs more than the arm.
    """

    def judge(results: Rows) -> Judgement:
        ours, cost = (at(line(arm, budget), results, read, SPARSITY) for read in (ACCURACY, SPARSE_MACS))
        budgets = results.labels("protocol")
        curve = {protocol: points for protocol in budgets if (points := _points(results, protocol))}
        points = {seed: sorted(each[seed] for each in curve.values() if seed in each) for seed in ours}
        theirs = {seed: _between(each, cost.get(seed)) for seed, each in points.items()}
        reached = {seed: accuracy for seed, accuracy in theirs.items() if accuracy is not None}
        nearest = min(curve, key=lambda protocol: _away(curve[protocol], cost), default="")
        dense = of(LINES["dense"], protocol=nearest).rows(results)
        sides = (NAMES[arm], line(arm, budget).rows(results)), (f"dense, at the arithmetic of {NAMES[arm]}", dense)
        return over(ours, reached, ACCURACY, sides=sides)

    return judge


def _points(results: Rows, protocol: str) -> dict[int, tuple[float, float]]:
    """Return the cost and the accuracy of the dense network of a budget, by seed."""
    dense = of(LINES["dense"], protocol=protocol).rows(results)
    accuracy, cost = dense.per_seed(ACCURACY), dense.per_seed(SPARSE_MACS)
    return {seed: (cost[seed], accuracy[seed]) for seed in accuracy if seed in cost}


def _away(points: dict[int, tuple[float, float]], cost: PerSeed) -> float:
    """Return how far the dense network's costs are from an arm's, as a logarithm."""
    both = [abs(math.log(points[seed][0] / cost[seed])) for seed in points if seed in cost]
    return min(both, default=math.inf)


def _between(points: Sequence[tuple[float, float]], cost: float | None) -> float | None:
    """Return the accuracy at a cost, linear in its logarithm between points; that of an end beyond it."""
    if not points or cost is None:
        return None
    if cost <= points[0][0]:
        return points[0][1]
    for (low, first), (high, second) in pairwise(points):
        if cost <= high:
            return first + (second - first) * math.log(cost / low) / math.log(high / low)
    return points[-1][1]


OURS = (
    *(
        Claim(
            key=f"f1, {budget}",
            text=f"With {budget} epochs in all, as many multiply-accumulates with zeros multiplied, no network of 10 % "
            f"of the weights is more accurate than the dense one by more than {ABOVE:g}.",
            judge=none_above(
                [line(arm, budget) for arm in SPARSE], line("dense", budget), ACCURACY, SPARSITY, than=ABOVE
            ),
        )
        for budget in BUDGETS
    ),
    *(
        Claim(
            key=key,
            text=f"Without zeros, {NAMES[arm]} of {LONG} epochs is more accurate than a dense network with as many "
            "multiply-accumulates.",
            judge=above_dense_curve(arm, LONG),
        )
        for key, arm in (("f2a", "gradual"), ("f2b", "rigl"))
    ),
    Claim(
        key="f3",
        text=f"With {LONG} epochs in all, iterative magnitude pruning is less accurate than gradual pruning.",
        judge=less(line("iterative", LONG), line("gradual", LONG), ACCURACY, SPARSITY),
    ),
    Claim(
        key="f4",
        text=f"With {LONG} epochs in all, SNIP, GraSP and SynFlow are equal within {CLOSE:g}.",
        judge=alike([line(arm, LONG) for arm in ("snip", "grasp", "synflow")], ACCURACY, SPARSITY, margin=CLOSE),
    ),
    Claim(
        key="f5",
        text=f"The law of the mean number of weights does not hold: with {LONG} epochs RigL has a lower test loss than "
        "the small dense network, although the means are equal.",
        judge=less(line("rigl", LONG), line("small dense", LONG), LOSS, SPARSITY),
    ),
    Claim(
        key="f6",
        text=f"The law orders dense networks: with {LONG} epochs the small one is less accurate than the whole one by "
        f"more than {CLOSE:g}.",
        judge=more(line("dense", LONG), line("small dense", LONG), ACCURACY, SPARSITY, than=CLOSE),
    ),
)
REFUTED = {
    "f1": f"Refuted by one method whose difference, corrected for the methods, lies above +{ABOVE:g}.",
    "f2": "Refuted by an interval below 0.",
    "f3": "Refuted by an interval above 0.",
    "f4": f"Refuted by a pair whose difference lies outside ±{CLOSE:g}.",
    "f5": "Refuted by an interval above 0.",
    "f6": f"Refuted by an interval below +{CLOSE:g}.",
}
PREDICTIONS = tuple(
    Prediction(
        key=claim.key, claim=claim.text, expected=f"Confirmed by an interval over seeds. {REFUTED[claim.key[:2]]}"
    )
    for claim in OURS
)
