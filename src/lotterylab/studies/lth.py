"""The rows of the lottery ticket experiments: iterative and one-shot tickets, and their controls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lotterylab.analysis import Overlap
from lotterylab.criteria import Magnitude
from lotterylab.data import Augment, NamedStream
from lotterylab.masks.counts import Rate
from lotterylab.plan.nodes import Data, Dense, Init, Measure, Train
from lotterylab.plan.plan import Row
from lotterylab.procedures import iterative, one_shot
from lotterylab.studies import lth_controls
from lotterylab.studies.levels import Ladder
from lotterylab.training.optim import Adam
from lotterylab.training.recipe import Recipe
from lotterylab.training.schedules import Constant

CONTROLS = ("reinitialised", "random-mask")


def recipe(steps: int, rate: float, *, during: tuple[Any, ...] = ()) -> Recipe:
    """Return the recipe: Adam, batches of 60, validation loss every 100 steps.   [frankle2019lottery, figure 2]

    ``during``: interventions, which the paper has not.
    """
    return Recipe(
        epochs=0,
        steps=steps,
        optimizer=Adam(lr=rate),
        schedule=Constant(),
        augment=Augment(),
        stream=NamedStream(),
        batch_size=60,
        watch=("validation",),
        watch_every=100,
        pick="validation-loss",
        during=during,
    )


def rows(
    name: str, model: Any, training: Recipe, rate: Rate, data: Data, *, rounds: int, order_round: int, seed: int
) -> Iterator[Row]:
    """Yield the rows of one seed: the dense run, tickets of each round with controls, and one-shot tickets.

    A one-shot ticket has the counts of its round, and the overlap with the iterative ticket.  ``order_round``: the
    round whose ticket and random mask are trained in a second data order too, and which has all other controls.
    """
    dense = Train(
        start=Init(model=model, seed=seed), mask=Dense(model=model), data=data, recipe=training, order_seed=seed
    )
    ladder = Ladder(protocol=name, activation=model.activation, dense=dense, rate=rate, seed=seed)
    cut = {"criterion": Magnitude(), "scope": "layerwise", "seed": seed}
    tickets = iterative(dense, [rate] * rounds, **cut)
    once = [
        Rate(share=rate.share, convolution=rate.convolution, output=rate.output, rounds=round)
        for round in range(1, rounds + 1)
    ]
    yield ladder.dense_row()
    yield from ladder.rows("iterative", tickets, CONTROLS)
    for ticket, other in zip(one_shot(dense, once, **cut), tickets, strict=True):
        overlap = Measure(quantity=Overlap(), of={"a": ticket.mask, "b": other.mask})
        yield ladder.ticket_row("one-shot", ticket, overlap=overlap)
    if rounds >= order_round:
        chosen = tickets[order_round - 1]
        for word in ("", "random-mask"):
            yield ladder.other_order("iterative", chosen, word)
        yield from ladder.controls("iterative", [chosen], lth_controls.WORDS)
