"""Rewind points by round: question 5 of the activation study.

Iterative pruning runs with six ways to choose the rewind point, all within the first 7 % of the training.  Perhaps only
the point of the last round matters, so each changing way is compared with the fixed point at which it ends.
[frankle2019stabilizing; frankle2020linear]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lotterylab.asking.options import option
from lotterylab.asking.study import Study
from lotterylab.models.activations import ACTIVATIONS
from lotterylab.plan.nodes import Data
from lotterylab.plan.plan import Plan, Row
from lotterylab.reading.answers import in_words
from lotterylab.reading.charts import Chart
from lotterylab.reading.claims import Claim, predictions
from lotterylab.reading.differences import Difference
from lotterylab.reading.doubts import if_below
from lotterylab.reading.judging import apart_from, at, equal, level_reached, more, nothing, percent
from lotterylab.reading.lines import Line
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows, mean
from lotterylab.studies import small_cnn
from lotterylab.studies.ticket_lines import ACCURACY, DENSE, L2, MARGIN, accuracy_of_pairs, cost_chart, paths_chart

QUESTION = "Is a different rewind point in each round of pruning better than a fixed one?"
LOW = small_cnn.RATE.after(small_cnn.JUDGED)
FARTHEST = 0.07  # of the training: the latest point that [frankle2019stabilizing] needed
INIT = "glorot-normalized"

# (round, rounds up to the judged level; later rounds keep its point) -> share of the training
WAYS: Mapping[str, Callable[[int, int], float]] = {
    "reset": lambda round, rounds: 0.0,
    "fixed, 2 %": lambda round, rounds: 0.02,
    "fixed, 7 %": lambda round, rounds: FARTHEST,
    "rising": lambda round, rounds: FARTHEST * round / rounds,
    "falling": lambda round, rounds: FARTHEST * (rounds + 1 - round) / rounds,
    "fixed, where falling ends": lambda round, rounds: FARTHEST / rounds,
}
RESET, SEVEN, NEAR = "reset", "fixed, 7 %", "fixed, where falling ends"
WITH_RANDOM = (RESET, SEVEN, "rising", "falling")  # ways with a random mask from the same start


@dataclass(frozen=True, kw_only=True)
class Options(small_cnn.Options):
    """``Options`` holds the options of the study."""

    activation: str = option("relu", help="The activation function (lotterylab list activations)", choices=ACTIVATIONS)


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    rows = [row for seed in options.all_seeds for row in _rows(options, data, seed)]
    on = data.spec.title
    return Plan(
        title=f"Rewind points by round, shallow CNN ({options.activation}) on {on}, {options.epochs} epochs a run",
        rows=tuple(rows),
        predictions=PREDICTIONS,
    )


def _rows(options: Options, data: Data, seed: int) -> Iterator[Row]:
    dense = small_cnn.dense_run(options, data, seed, activation=options.activation, init=INIT)
    ladder = small_cnn.ladder("shallow CNN", dense, seed)
    yield ladder.dense_row(**small_cnn.rate_of(dense))
    last = min(options.rounds, small_cnn.JUDGED)
    for name, share in WAYS.items():

        def rewind_to(round: int, share: Callable[[int, int], float] = share) -> int:
            return int(share(min(round, last), last) * dense.total_steps + 0.5)

        tickets = small_cnn.tickets(dense, options, seed, rewind_to=rewind_to)
        yield from ladder.rows(name, tickets, ("random-mask",) if name in WITH_RANDOM else ())
        if name == RESET:  # the costliest way, because a run that was rewound to step k trains T - k steps
            yield from small_cnn.same_cost(ladder, name, tickets)


LINES = {name: Line(name=name, labels={"method": name, "control": ""}) for name in WAYS}
RANDOM = {
    name: Line(name=f"random mask, {name}", labels={"method": name, "control": "random mask"}) for name in WITH_RANDOM
}
SAME_COST = Line(name="dense, at the cost of reset", labels={"method": RESET, "control": "dense same cost"})
OURS = (
    Claim(
        key="5a",
        text="The rising rewind point and the fixed point at 7 % are equally accurate at 6.25 % of the weights (0.01).",
        judge=equal(LINES["rising"], LINES["fixed, 7 %"], ACCURACY, LOW, margin=MARGIN),
    ),
    Claim(
        key="5b",
        text="The falling rewind point and the fixed point at which it ends are equally accurate at 6.25 % (0.01).",
        judge=equal(LINES["falling"], LINES[NEAR], ACCURACY, LOW, margin=MARGIN),
    ),
    Claim(
        key="5c",
        text="Rewinding to 7 % is more accurate at 6.25 % than resetting.",
        judge=more(LINES["fixed, 7 %"], LINES["reset"], ACCURACY, LOW),
    ),
    Claim(
        key="5d",
        text="At 6.25 % the ticket rewound to 7 % is more accurate than a random mask rewound to 7 %.",
        judge=more(LINES["fixed, 7 %"], RANDOM["fixed, 7 %"], ACCURACY, LOW),
    ),
    Claim(
        key="5e",
        text="At 6.25 % the dense network is more accurate than the reset ticket if it is trained for as long as "
        "finding and training that ticket took.",
        judge=more(SAME_COST, LINES[RESET], ACCURACY, LOW),
    ),
)
PREDICTIONS = predictions(OURS)


def _headline(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the rising rewind point against the fixed point at 7 %."""
    rising = [one for one in differences if one.comparison.a == LINES["rising"] and one.comparison.b == LINES[SEVEN]]
    sides = "a rising rewind point", "a fixed one"
    return next((in_words(pair, *sides) for pair in rising if pair.planned), nothing(results))


def _conclude(results: Rows, differences: Sequence[Difference]) -> str:
    """Return each way against the fixed point at 7 %, at the sparsest level."""
    fixed, low = LINES["fixed, 7 %"], level_reached(results, LOW)
    parts = apart_from(fixed, (*LINES.values(), SAME_COST), results, ACCURACY, low)
    if not parts:
        return nothing(results)
    reached = mean(at(fixed, results, ACCURACY, low))
    begin = f"With {percent(low)} of the weights, a fixed rewind point at 7 % reaches {reached:.3f}."
    return f"{begin} The differences from it are: {'; '.join(parts)}."


OUTLINE = Outline(
    charts=(
        Chart(
            name="accuracy",
            title="Test accuracy by rewind point",
            lines=(*LINES.values(), *RANDOM.values()),
            y=ACCURACY,
            y_axis="test accuracy, fraction",
            levels=(DENSE,),
        ),
        Chart(
            name="pruning-stability",
            title="Stability to pruning: distance from the dense network over the kept weights",
            lines=tuple(LINES.values()),
            y=L2,
            y_axis="L2 distance",
        ),
        cost_chart("protocol", (*LINES.values(), SAME_COST)),
        paths_chart("protocol", (*LINES.values(), *RANDOM.values())),
    ),
    comparisons=accuracy_of_pairs(
        (LINES["rising"], LINES["fixed, 7 %"]),
        (LINES["falling"], LINES[NEAR]),
        (LINES["fixed, 7 %"], DENSE),
        (LINES[RESET], SAME_COST),
        (LINES["fixed, 7 %"], LINES["reset"]),
        (LINES["fixed, 2 %"], LINES["reset"]),
        (LINES["rising"], LINES["falling"]),
        level=LOW,
    ),
    claims=OURS,
    headline=_headline,
    conclude=_conclude,
    predicted="5a to 5d were written before anything ran; 5e when all other results were known, and before a dense "
    "network had run for as long as a ticket.",
    would_change="More seeds, a network without tickets at its initial weights (ResNet-20), where rewinding matters "
    "more, or rewind points beyond 7 %.",
    doubts=(
        "A shallow network has tickets at its initial weights, so rewinding can gain little.",
        "A run rewound to step k trains T - k steps, so a later point means a shorter training.",
        if_below("images", 45_000, small_cnn.SMALL),
    ),
)
STUDY = Study(
    name="rewind-rounds", question=QUESTION, options=Options, data=small_cnn.SPEC, build=build, outline=OUTLINE
)
