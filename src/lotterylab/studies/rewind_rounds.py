"""Is a different rewind point in each round of pruning better than a fixed one?

Question 5 that the activation study left open: the same iterative pruning with six ways to choose where it goes back
to, all within the first 7 % of the training.  Where the last round goes back to may matter alone, so that each way that
changes is held against the fixed point at which it ends.   [frankle2019stabilizing; frankle2020linear]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lotterylab.asking.options import option
from lotterylab.asking.study import Study
from lotterylab.models.activations import ACTIVATIONS
from lotterylab.plan.nodes import Data
from lotterylab.plan.plan import Plan, Prediction, Row
from lotterylab.reading.charts import Chart
from lotterylab.reading.claims import Claim
from lotterylab.reading.differences import Comparison, Difference
from lotterylab.reading.doubts import if_below
from lotterylab.reading.judging import apart_from, at, equal, level_reached, more, nothing, percent
from lotterylab.reading.lines import Line
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows, mean
from lotterylab.studies import small_cnn
from lotterylab.studies.ticket_lines import ACCURACY, DENSE, L2, MARGIN, cost_chart, paths_chart

QUESTION = "Is a different rewind point in each round of pruning better than a fixed one?"
JUDGED = 4  # the round whose tickets are compared
LOW = small_cnn.RATE.after(JUDGED)
FARTHEST = 0.07  # of the training: the farthest that [frankle2019stabilizing] needed
INIT = "glorot-normalized"

# (round, of how many until the level that is judged; in later ones it stays) -> share of the training
WAYS: Mapping[str, Callable[[int, int], float]] = {
    "reset": lambda round, rounds: 0.0,
    "fixed, 2 %": lambda round, rounds: 0.02,
    "fixed, 7 %": lambda round, rounds: FARTHEST,
    "rising": lambda round, rounds: FARTHEST * round / rounds,
    "falling": lambda round, rounds: FARTHEST * (rounds + 1 - round) / rounds,
    "fixed, where falling ends": lambda round, rounds: FARTHEST / rounds,
}
SEVEN, NEAR = "fixed, 7 %", "fixed, where falling ends"
WITH_RANDOM = ("reset", SEVEN, "rising", "falling")  # random masks of the same starts


@dataclass(frozen=True, kw_only=True)
class Options(small_cnn.Options):
    """What may be asked of the study."""

    activation: str = option("relu", help="A word of lotterylab list activations", choices=ACTIVATIONS)


def build(options: Options, data: Data) -> Plan:
    """The plan; seed by seed."""
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
    last = min(options.rounds, JUDGED)
    for name, share in WAYS.items():

        def rewind_to(round: int, share: Callable[[int, int], float] = share) -> int:
            return int(share(min(round, last), last) * dense.total_steps + 0.5)

        found = small_cnn.tickets(dense, options, seed, rewind_to=rewind_to)
        # where it begins matters only together with its values: a random mask of the same start
        yield from ladder.rows(name, found, ("random-mask",) if name in WITH_RANDOM else ())


LINES = {name: Line(name=name, labels={"method": name, "control": ""}) for name in WAYS}
RANDOM = {
    name: Line(name=f"random mask, {name}", labels={"method": name, "control": "random mask"}) for name in WITH_RANDOM
}
OURS = (
    Claim(
        key="5a",
        text="At 6.25 % of the weights the rising rewind point and the fixed one at 7 % are equally accurate (0.01).",
        judge=equal(LINES["rising"], LINES["fixed, 7 %"], ACCURACY, LOW, margin=MARGIN),
    ),
    Claim(
        key="5b",
        text="The falling rewind point and the fixed one at which it ends are equally accurate at 6.25 % (0.01).",
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
)
PREDICTIONS = tuple(
    Prediction(key=one.key, claim=one.text, expected="Confirmed by an interval over seeds.") for one in OURS
)


def _conclude(results: Rows, found: Sequence[Difference]) -> str:
    """Each way against the fixed point at 7 %, at the sparsest level."""
    fixed, low = LINES["fixed, 7 %"], level_reached(results, LOW)
    parts = apart_from(fixed, LINES.values(), results, ACCURACY, low)
    if not parts:
        return nothing(results)
    reached = mean(at(fixed, results, ACCURACY, low))
    of = f"With {percent(low)} of the weights"
    return f"{of}, a fixed rewind to 7 % reaches {reached:.3f}; minus that: {'; '.join(parts)}."


OUTLINE = Outline(
    charts=(
        Chart(
            name="accuracy",
            title="Test accuracy by where each round goes back to",
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
        cost_chart("protocol", tuple(LINES.values())),
        paths_chart("protocol", (*LINES.values(), *RANDOM.values())),
    ),
    comparisons=tuple(
        Comparison(
            key=f"accuracy, {a.name} against {b.name}",
            a=a,
            b=b,
            read=ACCURACY,
            what="accuracy",
            margin=MARGIN,
            planned=(LOW,),
        )
        for a, b in (
            (LINES["rising"], LINES["fixed, 7 %"]),
            (LINES["falling"], LINES[NEAR]),
            (LINES["fixed, 7 %"], DENSE),
            (LINES["fixed, 7 %"], LINES["reset"]),
            (LINES["fixed, 2 %"], LINES["reset"]),
            (LINES["rising"], LINES["falling"]),
        )
    ),
    claims=OURS,
    conclude=_conclude,
    would_change="More seeds; a network that cannot be reset to its initial weights (ResNet-20), where rewinding "
    "matters more; rewind points beyond 7 %.",
    doubts=(
        "A shallow network has tickets at its initial weights, so that there is little for rewinding to gain.",
        "A rewound run trains T - k steps: a far point is a shorter training.",
        if_below("images", 45_000, "{value} training images: at scale it may be otherwise."),
    ),
)
STUDY = Study(
    name="rewind-rounds", question=QUESTION, options=Options, data=small_cnn.SPEC, build=build, outline=OUTLINE
)
