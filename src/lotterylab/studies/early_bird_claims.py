"""The reading of the Early-Bird study: lines, claims, charts, and its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from lotterylab.interventions import EarlyBird
from lotterylab.plan.nodes import Train
from lotterylab.reading.answers import in_words
from lotterylab.reading.charts import Chart, Entry, HeatChart, NumberTable
from lotterylab.reading.claims import Claim, predictions
from lotterylab.reading.costs import PASSES
from lotterylab.reading.differences import Difference
from lotterylab.reading.doubts import if_below
from lotterylab.reading.judging import above, at, equal, less, more, nothing
from lotterylab.reading.lines import Line, of
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Read, Rows, mean
from lotterylab.reading.words import interval_text
from lotterylab.statistics import t_interval
from lotterylab.studies.small_cnn import SMALL
from lotterylab.studies.ticket_lines import ACCURACY, DENSE, accuracy_of_pairs

CUTS = (0.3, 0.5, 0.7)  # shares of the channels that leave
LOW = 0.5  # the share at which everything is compared
MARGIN = 0.02  # of accuracies: four errors of a paired difference on 10,000 images
SAVED = 0.4  # of the dense network's arithmetic
NEAR_CHANCE = 0.25  # of the distance of two random masks: a second rule, which does not depend on the share
ACTIVATIONS = ("relu", "tanh", "sigmoid")
FEWEST_MASKS = EarlyBird(sparsity=LOW).masks
Found: TypeAlias = Mapping[str, Any]


def _line(name: str, method: str, control: str = "") -> Line:
    return Line(name=name, labels={"method": method, "control": control})


BIRD, RANDOM = _line("Early-Bird", "early-bird"), _line("random channels", "early-bird", "random channels")
AGAIN, LATE = _line("Early-Bird, re-initialised", "early-bird", "reinitialised"), _line("last mask, reset", "last mask")
SMALL_DENSE, SEARCH = _line("small dense network", "small dense"), _line("search", "search")
SHORTER = _line("dense, fewer epochs", "dense", "fewer epochs")


def emergence(cut: float) -> Callable[[Any], float | None]:
    """Return the reading of the epoch at which a ticket emerged by the paper's rule; the last epoch for never."""
    return lambda row: _first(row, cut, lambda found: found["limit"])


def relative_emergence(cut: float) -> Callable[[Any], float | None]:
    """Return the reading of the epoch at which the masks came within a quarter of chance; the last epoch for never."""
    return lambda row: _first(row, cut, lambda found: NEAR_CHANCE * found["chance"])


def _first(row: Any, cut: float, limit: Callable[[Found], float]) -> float | None:
    found = found_in(row, cut)
    if found is None:
        return None
    far = found["distances"]
    settled = (epoch for epoch in range(FEWEST_MASKS, len(far) + 1) if far[epoch - 1] <= limit(found))
    return float(next(settled, len(far)))


def found_in(row: Any, cut: float) -> Found | None:
    """Return what a search says of a ticket; None if it says nothing, or in another form: a ledger may say anything."""
    found = row.metric(f"train.{EarlyBird(sparsity=cut).name}")
    if not isinstance(found, dict) or not isinstance(found.get("distances"), list):
        return None
    numbers = (*found["distances"], found.get("limit"), found.get("chance"))
    return found if found["distances"] and all(isinstance(one, int | float) for one in numbers) else None


def saved(row: Any) -> float | None:
    """Return the share of the arithmetic of a whole dense training that a row did not need, its search included."""
    macs, dense, run = row.metric("cost.macs"), row.metric("macs.dense"), row.nodes.get("train")
    if macs is None or not dense or not isinstance(run, Train):
        return None
    whole = PASSES * run.data.spec.train * run.recipe.epochs * sum(dense.values())
    return 1 - macs / whole


def within(line: Line, activation: str) -> Line:
    """Return a line of one activation."""
    return of(line, activation=activation)


OURS = (
    Claim(
        key="6a",
        text="With half of the channels removed, sigmoid's ticket emerges more than two epochs later than ReLU's.",
        judge=more(within(SEARCH, "sigmoid"), within(SEARCH, "relu"), emergence(LOW), 0.0, than=2, digits=1),
    ),
    *(
        Claim(
            key=key,
            text=f"{title}: the Early-Bird ticket is as accurate as the mask of the last epoch, reset and trained for "
            f"all epochs ({MARGIN:g}).",
            judge=equal(within(BIRD, name), within(LATE, name), ACCURACY, LOW, margin=MARGIN),
        )
        for key, name, title in (("6b", "relu", "ReLU"), ("6c", "tanh", "tanh"))
    ),
    Claim(
        key="6d",
        text="ReLU: the mask hardly matters. The Early-Bird ticket is less than 0.01 more accurate than random "
        "channels that were cut at the same epoch.",
        judge=less(within(BIRD, "relu"), within(RANDOM, "relu"), ACCURACY, LOW, than=0.01),
    ),
    Claim(
        key="6e",
        text=f"ReLU: the Early-Bird ticket is at most {MARGIN:g} less accurate than the dense network.",
        judge=more(within(BIRD, "relu"), within(DENSE, "relu"), ACCURACY, LOW, than=-MARGIN),
    ),
    Claim(
        key="6f",
        text=f"ReLU: with its search it needs at most {1 - SAVED:g} of the dense network's multiply-accumulates.",
        judge=above(within(BIRD, "relu"), saved, LOW, than=SAVED, digits=2),
    ),
    Claim(
        key="6g",
        text="Sigmoid's ticket is less accurate than ReLU's.",
        judge=less(within(BIRD, "sigmoid"), within(BIRD, "relu"), ACCURACY, LOW),
    ),
)
PREDICTIONS = predictions(OURS)


def _headline(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the ticket against random channels, for the first activation that has both."""
    pairs = [one for one in differences if one.planned and (one.comparison.a, one.comparison.b) == (BIRD, RANDOM)]
    return in_words(pairs[0], "an Early-Bird ticket", "random channels") if pairs else nothing(results)


def _conclude(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the epoch of emergence, the accuracies and the arithmetic by activation."""
    parts = []
    for name in dict.fromkeys(str(row.labels["activation"]) for row in results):
        epochs = at(within(SEARCH, name), results, emergence(LOW), 0.0)
        reached, whole = (at(within(line, name), results, ACCURACY, LOW) for line in (BIRD, DENSE))
        spared = at(within(BIRD, name), results, saved, LOW)
        if not (epochs and reached and whole and spared):
            continue
        never = _never(results, name)
        when = f"after {interval_text(t_interval(epochs.values()), 1)} epochs"
        when += f" (never for {never} of {len(epochs)} seeds, counted as the last epoch)" if never else ""
        less_macs = f"{100 * mean(spared):.0f} % less arithmetic"
        accuracy = f"reaches {mean(reached):.3f}, the dense network {mean(whole):.3f}"
        parts.append(f"{name}'s ticket emerges {when} and {accuracy}, with {less_macs} (n = {len(reached)})")
    if not parts:
        return nothing(results)
    return f"Half of the channels leave. {'; '.join(parts)}."


def _never(results: Rows, activation: str) -> int:
    found = (found_in(row, LOW) for row in within(SEARCH, activation).rows(results))
    return sum(1 for one in found if one is not None and one.get("step") is None)


def _entry(line: Line, activation: str, read: Read, *, sparsity: float = 0.0, digits: int = 3) -> Entry:
    return Entry(line=within(line, activation), read=read, sparsity=sparsity, digits=digits)


def _emergences(title: str, read: Callable[[float], Callable[[Any], float | None]], name: str, how: str) -> NumberTable:
    def row(cut: float) -> tuple[str, tuple[Entry, ...]]:
        return f"{100 * cut:.0f} %", tuple(_entry(SEARCH, one, read(cut), digits=1) for one in ACTIVATIONS)

    columns = ("channels removed", *ACTIVATIONS)
    return NumberTable(name=name, title=title, how=how, columns=columns, rows=tuple(map(row, CUTS)))


TICKETS = (BIRD, RANDOM, AGAIN, LATE, SMALL_DENSE)
OUTLINE = Outline(
    charts=(
        HeatChart(
            name="masks",
            title="Distance between the masks of each two epochs",
            lines=(SEARCH,),
            metrics=tuple((f"{100 * cut:.0f} % removed", f"train.{EarlyBird(sparsity=cut).name}") for cut in CUTS),
            axis="epoch",
        ),
        Chart(
            name="accuracy",
            title="Test accuracy of Early-Bird tickets and their controls",
            lines=TICKETS,
            y=ACCURACY,
            y_axis="test accuracy, fraction",
            x="sparsity",
            x_axis="channels removed, fraction",
            panels="activation",
            levels=(DENSE, SHORTER),
        ),
        Chart(
            name="macs",
            title="Test accuracy against the arithmetic of search and training",
            lines=(*TICKETS, DENSE, SHORTER),
            y=ACCURACY,
            y_axis="test accuracy, fraction",
            x="cost.macs",
            x_axis="multiply-accumulates of all runs together",
            panels="activation",
        ),
    ),
    tables=(
        _emergences(
            "Epoch of emergence, by the paper's rule",
            emergence,
            "emergence",
            "The newest of five masks lies within 0.1 of each other one. Mean over seeds; a ticket that never emerged "
            "counts with the last epoch.",
        ),
        _emergences(
            "Epoch of emergence, relative to chance",
            relative_emergence,
            "relative-emergence",
            "The same with a quarter of the distance of two random masks as the limit: 0.105, 0.125 and 0.105.",
        ),
        NumberTable(
            name="paper",
            title="Test accuracy with half of the channels, beside the paper's",
            how="The paper's numbers are of VGG-16 on CIFAR-100 (table 2); ours are means over seeds of a shallow CNN "
            "with ReLU on CIFAR-10. Only the order of the rows can be compared.",
            columns=("network", "ours", "paper"),
            rows=(
                ("dense", (_entry(DENSE, "relu", ACCURACY), "about 0.72")),
                ("Early-Bird", (_entry(BIRD, "relu", ACCURACY, sparsity=LOW), "0.713")),
                ("Early-Bird, re-initialised", (_entry(AGAIN, "relu", ACCURACY, sparsity=LOW), "0.697")),
            ),
        ),
    ),
    comparisons=accuracy_of_pairs(
        *((BIRD, other) for other in (RANDOM, LATE, AGAIN, SMALL_DENSE, DENSE, SHORTER)), level=LOW, parts="channels"
    ),
    claims=OURS,
    headline=_headline,
    conclude=_conclude,
    would_change="More seeds, a deeper network with more norms, or longer training, in which masks settle later.",
    doubts=(
        "The masks choose among 96 channels of two convolutions; the paper's networks have thousands in many layers.",
        "A ticket that goes on keeps the rate of its search; networks that begin afresh have rates of their own.",
        "The shorter dense network has three fifths of the epochs, whatever a ticket took.",
        if_below("images", 45_000, SMALL),
    ),
)
