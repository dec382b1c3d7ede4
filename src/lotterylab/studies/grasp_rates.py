"""GraSP's masks, each at a learning rate of its own: the arms of question 8 that the dense network's rate left open.

GraSP's weights begin with a squared gradient that is up to a thousand times the dense network's, so that one rate for
all masks may be too high for them.  Here the rate of each mask and each control is chosen on validation, by networks
with the same kind of mask and seeds that are not used elsewhere.   [wang2020picking]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from lotterylab.plan.nodes import Choose, Data, Node, Prune, Train
from lotterylab.plan.plan import Row
from lotterylab.procedures import control
from lotterylab.procedures.choosing import only_or_best
from lotterylab.reading.charts import Entry, NumberTable
from lotterylab.reading.claims import Claim
from lotterylab.reading.judging import at, equal, gains_more, minus, more
from lotterylab.reading.lines import Line, of
from lotterylab.reading.rows import Rows, in_common, mean
from lotterylab.reading.words import interval_text
from lotterylab.statistics import t_interval
from lotterylab.studies import activations_options
from lotterylab.studies.activations_arm import Arm
from lotterylab.studies.activations_options import TRIAL_SEEDS
from lotterylab.studies.activations_predictions import EQUAL_ACCURACY
from lotterylab.studies.protocols import CORRECTED
from lotterylab.studies.ticket_lines import ACCURACY

METHOD = "grasp, own rate"
HIGH = 0.9  # the sparsity at which the comparisons were planned
WORDS = ("", "random-mask", "reinitialised")  # the ticket and its controls
Rates: TypeAlias = Mapping[tuple[str, str], "Choose | float"]  # activation and control -> its learning rate


def chosen_rates(options: activations_options.Options, data: Data) -> Rates:
    """Return the choice of the rate for each activation and control, or the only rate."""
    return {(name, word): _chosen(options, data, name, word) for name in options.activations for word in WORDS}


def _chosen(options: activations_options.Options, data: Data, activation: str, word: str) -> Choose | float:
    arms = (Arm(CORRECTED, options, data, activation, seed) for seed in TRIAL_SEEDS)
    return only_or_best(options.rates, *(partial(_run, arm, word) for arm in arms))


def _run(arm: Arm, word: str, rate: Choose | float) -> Train:
    """Return the training of GraSP's ticket, or of its control, at a rate."""
    ticket = arm.ticket("grasp", HIGH)
    run = control(word, ticket, arm.seed) if word else ticket.run
    return replace(run, recipe=arm.recipe(arm.options.pruned_epochs, rate, hold=CORRECTED.hold))


def own_rate_rows(arm: Arm, rates: Rates) -> Iterator[Row]:
    """Yield GraSP's ticket and its controls, each at its own rate, for the activation and seed of an arm."""
    for word in WORDS:
        rate = rates[arm.model.activation, word]
        run = _run(arm, word, rate)
        mask = run.mask if isinstance(run.mask, Prune) else arm.ticket("grasp", HIGH).mask
        chosen: dict[str, Node] = {"rate": rate} if isinstance(rate, Choose) else {}
        row = arm.row(method=METHOD, control=word.replace("-", " "), sparsity=HIGH, nodes={"train": run, "prune": mask})
        yield replace(row, nodes={**row.nodes, **chosen})


def _line(name: str, method: str, control: str = "") -> Line:
    return Line(name=name, labels={"method": method, "control": control})


ARMS = {"GraSP": "", "random mask": "random mask", "re-initialised": "reinitialised"}
AT_DENSE_RATE = {name: _line(name, "grasp", control) for name, control in ARMS.items()}
AT_OWN_RATE = {name: _line(f"{name}, own rate", METHOD, control) for name, control in ARMS.items()}
OWN, OWN_RANDOM, OWN_REINIT = AT_OWN_RATE.values()


def _gain(lines: Mapping[str, Line], activation: str) -> tuple[Line, Line]:
    return of(lines["GraSP"], activation=activation), of(lines["random mask"], activation=activation)


RELU = {"activation": "relu"}
CLAIMS = (
    *(
        Claim(
            key=key,
            text=f"{name}, 0.9: GraSP's ticket is more accurate than a random mask of its layers' densities if each "
            "mask has a learning rate of its own.",
            judge=more(*_gain(AT_OWN_RATE, activation), ACCURACY, HIGH),
        )
        for key, name, activation in (("8f", "ReLU", "relu"), ("8g", "tanh", "tanh"))
    ),
    Claim(
        key="8h",
        text="sigmoid, 0.9: GraSP's gain over a random mask is larger at the dense network's rate than with a rate for "
        "each mask.",
        judge=gains_more(_gain(AT_DENSE_RATE, "sigmoid"), _gain(AT_OWN_RATE, "sigmoid"), ACCURACY, HIGH),
    ),
    Claim(
        key="8i",
        text="ReLU, 0.9: GraSP's ticket is more accurate at a rate of its own than at the dense network's rate.",
        judge=more(of(OWN, **RELU), of(AT_DENSE_RATE["GraSP"], **RELU), ACCURACY, HIGH),
    ),
    Claim(
        key="8j",
        text="ReLU, 0.9: with a rate for each, GraSP's ticket is equally accurate when re-initialised (0.02).",
        judge=equal(of(OWN_REINIT, **RELU), of(OWN, **RELU), ACCURACY, HIGH, margin=EQUAL_ACCURACY),
    ),
)
TABLE = NumberTable(
    name="own-rates",
    title="GraSP's masks of 10 % at the dense network's learning rate, and at a rate of their own",
    how="Test accuracy, and the rate that was best on validation for each kind of mask.",
    columns=("", "at the dense network's rate", "at its own rate", "its own rate"),
    rows=tuple(
        (
            f"{name}, {activation}",
            (
                Entry(line=of(AT_DENSE_RATE[name], activation=activation), read=ACCURACY, sparsity=HIGH),
                Entry(line=of(AT_OWN_RATE[name], activation=activation), read=ACCURACY, sparsity=HIGH),
                Entry(line=of(AT_OWN_RATE[name], activation=activation), read="rate.value", sparsity=HIGH),
            ),
        )
        for activation in ("relu", "tanh", "sigmoid")
        for name in ARMS
    ),
)


def at_own_rate(activation: str, results: Rows) -> str:
    """Return a sentence on GraSP's gain over random masks with a rate for each; "" if no seed has both."""
    ticket, random = in_common(*(at(line, results, ACCURACY, HIGH) for line in _gain(AT_OWN_RATE, activation)))
    gains = minus(ticket, random)
    if not gains:
        return ""
    gain = interval_text(t_interval(gains.values()), sign=True)
    return f"With a rate for each mask it reaches {mean(ticket):.3f}, which is {gain} (n = {len(gains)})."
