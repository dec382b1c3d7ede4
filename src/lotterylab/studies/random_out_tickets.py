"""Tickets with RandomOut: question 2 of the activation study.

RandomOut draws filters that hardly learn anew while the dense network trains.  A filter that was drawn anew has another
initial value than the first draw, so the study resets tickets in two ways: to the initial weights as they were first
drawn, and as they were amended.   [cohen2016randomout; frankle2019lottery]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lotterylab import protocols
from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.asking.study import Study
from lotterylab.criteria import Magnitude
from lotterylab.data import Cifar10
from lotterylab.interventions import RandomOut, SameResets
from lotterylab.masks.counts import Rate
from lotterylab.models import ShallowCnn
from lotterylab.plan.nodes import Data, Dense, Init, Node, Prune, ResetsOf, Train
from lotterylab.plan.plan import Plan, Row
from lotterylab.procedures import Ticket
from lotterylab.procedures.choosing import TRIAL_SEED, best_rate
from lotterylab.reading.answers import in_words
from lotterylab.reading.charts import Entry, NumberTable
from lotterylab.reading.claims import Claim, predictions
from lotterylab.reading.differences import Difference
from lotterylab.reading.doubts import if_below
from lotterylab.reading.judging import apart_from, at, equal, less, level_reached, nothing, percent
from lotterylab.reading.lines import Line, of
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows, mean, read_from
from lotterylab.studies.levels import Ladder
from lotterylab.studies.random_out_reading import resets
from lotterylab.studies.small_cnn import SMALL, recipe_for
from lotterylab.studies.ticket_lines import (
    ACCURACY,
    DENSE,
    MARGIN,
    SAME_COST,
    accuracy_chart,
    accuracy_of_pairs,
    cost_chart,
)

QUESTION = "Do winning tickets gain from RandomOut, which draws filters that hardly learn anew?"
RATE = Rate(share=0.75)  # two rounds: 25 and 6.25 % of the weights
LOW = RATE.after(2)
CHOSEN, HIGH = "chosen rate", "three times the rate"
FAILED = 0.2  # twice the accuracy of a guess; a network up to it did not train

PLAIN, DRAWN, AMENDED = "iterative", "RandomOut, reset as first drawn", "RandomOut, reset as amended"
EVERY, RANDOM_FILTERS, DEAD = "RandomOut in every round", "random filters, as amended", "RandomOut of dead filters"


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    """``Options`` holds the options of the study."""

    epochs: int = sized(quick=4, standard=20, paper=120, help="Epochs of each run, dense and pruned")
    seeds: int = number_of_seeds(quick=3, standard=10, paper=10)
    rates: tuple[float, ...] = option((0.01, 0.03, 0.1, 0.3), help="Learning rates to choose from")


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    rows = [row for seed in options.all_seeds for name in (CHOSEN, HIGH) for row in _rows(options, data, seed, name)]
    on = data.spec.title
    return Plan(
        title=f"RandomOut and tickets, shallow CNN (16-32-64) on {on}, {options.epochs} epochs a run",
        rows=tuple(rows),
        predictions=PREDICTIONS,
    )


def dense_run(options: Options, data: Data, seed: int, protocol: str) -> Train:
    """Return the dense run of a seed, at the rate that was best on validation for another seed, or at three times."""
    model = ShallowCnn(
        activation="relu",
        init="glorot-normalized",
        shape=data.spec.shape,
        classes=data.spec.classes,
        widths=(16, 32, 64),
    )

    def run(rate: Any, seed: int) -> Train:
        recipe = recipe_for(options.epochs, rate)
        start, mask = Init(model=model, seed=seed), Dense(model=model)
        return Train(start=start, mask=mask, data=data, recipe=recipe, order_seed=seed)

    rate = best_rate(options.rates, lambda rate: run(rate, TRIAL_SEED), times=3 if protocol == HIGH else 1)
    return run(rate, seed)


def _rows(options: Options, data: Data, seed: int, protocol: str) -> Iterator[Row]:
    dense = dense_run(options, data, seed, protocol)
    plain, last = dense.recipe, options.epochs // 2 * dense.steps_per_epoch  # no filter is drawn after half the run
    weak = RandomOut(threshold=0.1, rule="median", end_step=last)
    dead = RandomOut(rule="dead", patience=dense.steps_per_epoch, end_step=last)

    def during(*interventions: Any) -> protocols.Recipe:
        return replace(plain, during=interventions)

    out = replace(dense, recipe=during(weak))
    same = replace(dense, recipe=during(SameResets(log=ResetsOf(run=out))))
    rare = replace(dense, recipe=during(dead))
    ladder = Ladder(protocol=protocol, activation="relu", dense=dense, rate=RATE, seed=seed)
    yield ladder.dense_row(rate=dense.recipe.optimizer.lr)
    for name, run in (("RandomOut", out), ("random filters", same), ("dead filters", rare)):
        yield ladder.row(f"dense, {name}", {"train": run})
    arms: tuple[tuple[str, Train, protocols.Recipe, Callable[[list[Train]], Node], tuple[str, ...]], ...] = (
        (PLAIN, dense, plain, lambda runs: dense.at(0), ("random-mask",)),
        (DRAWN, out, plain, lambda runs: out.at(0), ()),
        (AMENDED, out, plain, lambda runs: out.at("amended"), ("random-mask",)),
        (EVERY, out, during(weak), lambda runs: runs[-1].at("amended"), ()),
        (RANDOM_FILTERS, same, plain, lambda runs: same.at("amended"), ("random-mask",)),
        (DEAD, rare, plain, lambda runs: rare.at("amended"), ()),
    )
    for method, first, recipe, start, controls in arms:
        tickets = _tickets(first, recipe, start, seed)
        yield from ladder.rows(method, tickets, controls)
        if method == PLAIN:
            yield from ladder.controls(method, tickets[-1:], ("dense-same-cost",))


def _tickets(first: Train, recipe: protocols.Recipe, start: Callable[[list[Train]], Node], seed: int) -> list[Ticket]:
    """Return the tickets of iterative magnitude pruning; ``start``: from the runs so far to the next run's start."""
    runs, tickets = [first], []
    for round in (1, 2):
        earlier = runs[-1].mask if round > 1 else None
        mask = Prune(criterion=Magnitude(), of=runs[-1].final, mask=earlier, sparsity=RATE, seed=seed)
        run = replace(first, start=start(runs), mask=mask, recipe=recipe)
        tickets.append(Ticket(round=round, run=run, found_by=tuple(runs)))
        runs.append(run)
    return tickets


LINES = {
    name: Line(name=name if name != PLAIN else "ticket", labels={"method": name, "control": ""})
    for name in (PLAIN, DRAWN, AMENDED, EVERY, RANDOM_FILTERS, DEAD)
}
RANDOM = {
    name: Line(
        name=f"random mask, {'ticket' if name == PLAIN else name}", labels={"method": name, "control": "random mask"}
    )
    for name in (PLAIN, AMENDED, RANDOM_FILTERS)
}


def failed(row: Any) -> float | None:
    """Return 1 for a network that did not train, 0 for a network that did."""
    accuracy = read_from(row, ACCURACY)
    return None if accuracy is None else float(accuracy <= FAILED)


def line(name: str, protocol: str = CHOSEN) -> Line:
    """Return the line of a method's tickets at a rate."""
    return of(LINES[name], protocol=protocol)


OURS = (
    Claim(
        key="2a",
        text="At 6.25 % of the weights the ticket of RandomOut, reset as amended, is as accurate as the plain one "
        "(0.01).",
        judge=equal(line(AMENDED), line(PLAIN), ACCURACY, LOW, margin=MARGIN),
    ),
    Claim(
        key="2b",
        text="Reset to the weights as first drawn, it is less accurate than reset as amended, by more than 0.01.",
        judge=less(line(DRAWN), line(AMENDED), ACCURACY, LOW, than=-MARGIN),
    ),
    Claim(
        key="2c",
        text="With as many random filters drawn anew, the ticket is less accurate than the plain one.",
        judge=less(line(RANDOM_FILTERS), line(PLAIN), ACCURACY, LOW),
    ),
    Claim(
        key="2d",
        text="At three times the rate fewer seeds of the ticket of RandomOut, reset as amended, fail to train (up to "
        "0.2) than of the plain one.",
        judge=less(line(AMENDED, HIGH), line(PLAIN, HIGH), failed, LOW, digits=2),
    ),
    Claim(
        key="2e",
        text="Where only filters are drawn that were dead for an epoch, the ticket is as accurate as the plain one "
        "(0.01).",
        judge=equal(line(DEAD), line(PLAIN), ACCURACY, LOW, margin=MARGIN),
    ),
)
PREDICTIONS = predictions(OURS)


def _headline(results: Rows, differences: Sequence[Difference]) -> str:
    """Return RandomOut's ticket, reset as amended, against the plain ticket at the chosen rate."""
    sides = LINES[AMENDED], LINES[PLAIN]
    pairs = [one for one in differences if one.planned and (one.comparison.a, one.comparison.b) == sides]
    chosen = (in_words(pair, "a RandomOut ticket", "a plain one") for pair in pairs if CHOSEN in pair.panel)
    return next(chosen, nothing(results))


def _conclude(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the plain ticket's accuracy at the chosen rate, and each other way minus it."""
    low, chosen = level_reached(results, LOW), results.where(protocol=CHOSEN)
    parts = apart_from(LINES[PLAIN], LINES.values(), chosen, ACCURACY, low)
    if not parts:
        return nothing(results)
    reached = mean(at(LINES[PLAIN], chosen, ACCURACY, low))
    begin = f"With {percent(low)} of the weights, the plain ticket reaches {reached:.3f}."
    return f"{begin} The differences from it are: {'; '.join(parts)}."


def _resets(arm: str) -> tuple[str, tuple[Entry, ...]]:
    """Return the filters that an arm's dense run drew anew, at each rate."""
    dense = Line(name=f"dense, {arm}", labels={"method": f"dense, {arm}", "control": ""})
    return arm, tuple(Entry(line=of(dense, protocol=name), read=resets, digits=1) for name in (CHOSEN, HIGH))


OUTLINE = Outline(
    charts=(
        accuracy_chart("protocol", (*LINES.values(), *RANDOM.values())),
        cost_chart("protocol", (*LINES.values(), SAME_COST)),
    ),
    tables=(
        NumberTable(
            name="resets",
            title="Filters that the dense network drew anew",
            how="Mean over seeds, of 48 filters, each of which may be drawn more than once.",
            columns=("arm", CHOSEN, HIGH),
            rows=tuple(map(_resets, ("RandomOut", "random filters", "dead filters"))),
        ),
    ),
    comparisons=accuracy_of_pairs(
        (LINES[AMENDED], LINES[PLAIN]),
        (LINES[EVERY], LINES[PLAIN]),
        (LINES[AMENDED], LINES[RANDOM_FILTERS]),
        (LINES[PLAIN], RANDOM[PLAIN]),
        (LINES[AMENDED], RANDOM[AMENDED]),
        (LINES[PLAIN], DENSE),
        (LINES[PLAIN], SAME_COST),
        level=LOW,
    ),
    claims=OURS,
    headline=_headline,
    conclude=_conclude,
    would_change="More seeds, a network in which more seeds fail to train, or another threshold.",
    doubts=(
        "The threshold is a tenth of a layer's median; the paper's is absolute and depends on the batch.",
        "The learning rate is chosen for the dense network without RandomOut, with one trial for each rate.",
        if_below("images", 45_000, SMALL),
    ),
)
STUDY = Study(
    name="random-out-tickets",
    question=QUESTION,
    options=Options,
    data=Cifar10(train=5_000, validation=1_000, test=10_000),
    build=build,
    outline=OUTLINE,
)
