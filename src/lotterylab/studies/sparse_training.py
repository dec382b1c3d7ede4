"""Does a mask that moves while the network trains beat one that stands still, and the two-pass way of tickets?

The sparse-training baselines of GraSP's table: SET and RigL move a sparse mask, gradual pruning grows it from the dense
network, a static random mask stands still; beside them iterative magnitude pruning, a small dense network and the dense
one.   [mocanu2018scalable; evci2020rigging; zhu2017prune; wang2020picking, table 3]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.asking.study import Study
from lotterylab.criteria import Magnitude, Random
from lotterylab.data import Cifar10
from lotterylab.interventions import RigL, Set
from lotterylab.masks.counts import Rate
from lotterylab.models import ShallowCnn
from lotterylab.plan.nodes import Data, Dense, Init, Node, Prune, Train
from lotterylab.plan.plan import Plan, Row
from lotterylab.procedures import Ticket, control, iterative
from lotterylab.procedures.choosing import TRIAL_SEED, best_rate
from lotterylab.reading.charts import Chart
from lotterylab.reading.claims import Claim, predictions
from lotterylab.reading.differences import Difference
from lotterylab.reading.doubts import if_below
from lotterylab.reading.judging import apart_from, at, gains_more, level_reached, more, nothing, percent
from lotterylab.reading.lines import Line, of
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows, mean
from lotterylab.studies.controls import CONTROLS
from lotterylab.studies.levels import Ladder
from lotterylab.studies.moving import FRACTION, UNTIL, gradual, updates_between
from lotterylab.studies.small_cnn import SMALL, recipe_for
from lotterylab.studies.ticket_lines import ACCURACY, DENSE, MARGIN, SAME_COST, accuracy_of_pairs, cost_chart

QUESTION = "Does a mask that moves while the network trains beat one that stands still?"
LEVELS = (0.9, 0.95)
LOW = LEVELS[-1]
ROUNDS = (0.5, 0.75, *LEVELS)  # of iterative pruning

NAMES = {
    "static": "static random mask",
    "static uniform": "static, uniform",
    "set": "SET",
    "rigl": "RigL",
    "rigl uniform": "RigL, uniform",
    "gradual": "gradual pruning",
    "iterative": "iterative, reset",
    "small dense": "small dense network",
}
LINES = {key: Line(name=name, labels={"method": key, "control": ""}) for key, name in NAMES.items()}
MOVING, UNIFORM = ("static", "set", "rigl", "gradual"), ("static uniform", "rigl uniform")


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    """``Options`` holds the options of the study."""

    lengths: tuple[int, ...] = sized(
        quick=(3,), standard=(30, 90), paper=(30, 90, 270), help="Epochs of each run; only the shortest has all arms"
    )
    seeds: int = number_of_seeds(quick=3, standard=8, paper=8)
    rates: tuple[float, ...] = option((0.03, 0.1, 0.3), help="Learning rates to choose from, for each arm")


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    rows = [
        row for seed in options.all_seeds for epochs in options.lengths for row in _rows(options, data, seed, epochs)
    ]
    on, lengths = data.spec.title, ", ".join(map(str, options.lengths))
    return Plan(
        title=f"Sparse training, shallow CNN on {on}, {lengths} epochs a run", rows=tuple(rows), predictions=PREDICTIONS
    )


def _rows(options: Options, data: Data, seed: int, epochs: int) -> Iterator[Row]:
    dense = _chosen(options, data, seed, epochs, "dense", 0.0)
    ladder = Ladder(protocol=f"{epochs} epochs", activation="relu", dense=dense, rate=Rate(share=0.5), seed=seed)
    yield ladder.dense_row(rate=dense.recipe.optimizer.lr)
    shortest = epochs == min(options.lengths)  # longer trainings have fewer arms, at the lowest level alone
    for sparsity in LEVELS if shortest else (LOW,):
        for arm in (*MOVING, *(UNIFORM if shortest and sparsity == LOW else ())):
            run = _chosen(options, data, seed, epochs, arm, sparsity)
            parts: dict[str, Node] = {"train": run, "rate": run.recipe.optimizer.lr}
            yield ladder.row(arm, {**parts, **_cut(run)}, sparsity=sparsity)
        small = _chosen(options, data, seed, epochs, "small dense", sparsity)
        yield ladder.row("small dense", {"train": small, "rate": small.recipe.optimizer.lr}, sparsity=sparsity)
    if shortest:
        yield from _iterative(ladder)


def _iterative(ladder: Ladder) -> Iterator[Row]:
    """Yield the tickets of iterative pruning, and the dense network trained for as long as the last of them took."""
    tickets = iterative(ladder.dense, ROUNDS, criterion=Magnitude(), scope="global", seed=ladder.seed)
    for ticket, sparsity in zip(tickets, ROUNDS, strict=True):
        if sparsity in LEVELS:
            yield ladder.row("iterative", ladder.parts(ticket, ticket.run), sparsity=sparsity, round=ticket.round)
    longer = control("dense-same-cost", tickets[-1], ladder.seed, CONTROLS)
    yield ladder.row("iterative", {"train": longer}, control="dense same cost", sparsity=LOW, round=len(tickets))


def _cut(run: Train) -> dict[str, Node]:
    return {"prune": run.mask} if isinstance(run.mask, Prune) else {}


def _chosen(options: Options, data: Data, seed: int, epochs: int, arm: str, sparsity: float) -> Train:
    """Return the run of an arm, at the rate that was best for it on validation for a seed of its own."""
    rate = best_rate(options.rates, lambda rate: _run(data, TRIAL_SEED, epochs, arm, sparsity, rate))
    return _run(data, seed, epochs, arm, sparsity, rate)


def _run(data: Data, seed: int, epochs: int, arm: str, sparsity: float, rate: Any) -> Train:
    start = Init(model=ShallowCnn(init="he-normal", shape=data.spec.shape, classes=data.spec.classes), seed=seed)
    recipe = recipe_for(epochs, rate)
    dense = Train(start=start, mask=Dense(model=start.model), data=data, recipe=recipe, order_seed=seed)
    if arm == "dense":
        return dense
    every = updates_between(dense)
    during: dict[str, Any] = {
        "set": Set(every=every, fraction=FRACTION, until=UNTIL),
        "rigl": RigL(every=every, fraction=FRACTION, until=UNTIL),
        "gradual": gradual(dense, sparsity),
    }
    word, _, uniform = arm.partition(" ")
    change = (during[word],) if word in during else ()
    if arm == "gradual":
        return replace(dense, recipe=replace(recipe, during=change))
    scope = "uniform" if uniform else "erk"
    mask = Prune(criterion=Random(), of=start, sparsity=sparsity, scope=scope, seed=seed)
    sparse = replace(dense, mask=mask, recipe=replace(recipe, during=change))
    return control("small-dense", Ticket(round=1, run=sparse), seed, CONTROLS) if arm == "small dense" else sparse


def line(arm: str, epochs: int) -> Line:
    """Return the line of an arm at a length of training."""
    return of(LINES[arm], protocol=f"{epochs} epochs")


OURS = (
    Claim(
        key="s1",
        text="After 30 epochs with 5 % of the weights RigL is more accurate than a static mask, by more than 0.01.",
        judge=more(line("rigl", 30), line("static", 30), ACCURACY, LOW, than=MARGIN),
    ),
    Claim(
        key="s2",
        text="There SET is more accurate than the static mask.",
        judge=more(line("set", 30), line("static", 30), ACCURACY, LOW),
    ),
    Claim(
        key="s3",
        text="There RigL is more accurate than SET.",
        judge=more(line("rigl", 30), line("set", 30), ACCURACY, LOW),
    ),
    Claim(
        key="s4",
        text="There gradual pruning is not less accurate than RigL by 0.01 or more.",
        judge=more(line("gradual", 30), line("rigl", 30), ACCURACY, LOW, than=-MARGIN),
    ),
    Claim(
        key="s5",
        text="There a static mask with ERK is more accurate than a uniform one by more than 0.01.",
        judge=more(line("static", 30), line("static uniform", 30), ACCURACY, LOW, than=MARGIN),
    ),
    Claim(
        key="s6",
        text="From 30 to 90 epochs RigL with 5 % of the weights gains more than the dense network.",
        judge=gains_more(
            (line("rigl", 90), line("rigl", 30)),
            (of(DENSE, protocol="90 epochs"), of(DENSE, protocol="30 epochs")),
            ACCURACY,
            LOW,
        ),
    ),
)
PREDICTIONS = predictions(OURS)


def _conclude(results: Rows, differences: Sequence[Difference]) -> str:
    """Return RigL's accuracy with the fewest weights at the shortest length, and each other arm minus it."""
    if not results:
        return nothing(results)
    low, length = level_reached(results, LOW), results.labels("protocol")[0]
    rows = results.where(protocol=length)
    parts = apart_from(LINES["rigl"], (*LINES.values(), DENSE), rows, ACCURACY, low)
    if not parts:
        return nothing(results)
    reached = mean(at(LINES["rigl"], rows, ACCURACY, low))
    begin = f"With {percent(low)} of the weights and {length}, RigL reaches {reached:.3f}."
    return f"{begin} The differences from it are: {'; '.join(parts)}."


OUTLINE = Outline(
    charts=(
        Chart(
            name="accuracy",
            title="Test accuracy of sparse training",
            lines=tuple(LINES.values()),
            y=ACCURACY,
            y_axis="test accuracy, fraction",
            panels="protocol",
            levels=(DENSE,),
        ),
        cost_chart("protocol", (*LINES.values(), SAME_COST)),
    ),
    comparisons=accuracy_of_pairs(
        (LINES["rigl"], LINES["static"]),
        (LINES["rigl"], LINES["gradual"]),
        (LINES["rigl"], LINES["iterative"]),
        (LINES["rigl"], LINES["small dense"]),
        (LINES["rigl"], LINES["rigl uniform"]),
        (LINES["rigl"], DENSE),
        (LINES["iterative"], SAME_COST),
        level=LOW,
    ),
    claims=OURS,
    conclude=_conclude,
    would_change="More seeds, a deeper network with norms, or longer training, which moving masks are said to need.",
    doubts=(
        "The learning rate is chosen for each arm and length by one trial a rate.",
        "Longer trainings have no uniform masks, no iterative pruning, and one level.",
        "Iterative pruning trains four networks to find the sparsest ticket; the chart of costs shows it.",
        if_below("images", 45_000, SMALL),
    ),
)
STUDY = Study(
    name="sparse-training",
    question=QUESTION,
    options=Options,
    data=Cifar10(train=5_000, validation=1_000, test=10_000),
    build=build,
    outline=OUTLINE,
)
