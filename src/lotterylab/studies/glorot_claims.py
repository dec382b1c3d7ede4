"""The published claims on activations and initialisations, and our predictions from before the runs."""

from __future__ import annotations

from collections.abc import Sequence

from lotterylab.engine.results import Result
from lotterylab.reading.answers import in_words
from lotterylab.reading.charts import Chart, Entry, HistogramChart, LayerChart, NumberTable
from lotterylab.reading.claims import Claim, predictions
from lotterylab.reading.differences import Comparison, Difference
from lotterylab.reading.doubts import if_below
from lotterylab.reading.judging import at, less, minus, more, nothing
from lotterylab.reading.lines import Line, of
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows, in_common, mean
from lotterylab.reading.words import capital, interval_text
from lotterylab.statistics import t_interval

QUESTION = (
    "How do activation and initialisation change the activations and gradients of each layer, and the error of a deep "
    "fully connected network?"
)
ACCURACY, JACOBIAN = "train.test_accuracy", "start_jacobian.average"
MARGIN = 0.005
FLOOR = 0.2  # twice chance; an accuracy below it says nothing about what longer training would reach
DEPTHS = ("4 hidden layers", "5 hidden layers")
DEPTH = DEPTHS[-1]
ACTIVATIONS = ("tanh", "softsign", "sigmoid")
PAPER = "glorot2010understanding"

STANDARD = Line(name="standard", labels={"method": "glorot-heuristic"})
NORMALIZED = Line(name="normalized", labels={"method": "glorot-normalized"})
LINES = (STANDARD, NORMALIZED)


def _error(row: Result) -> float | None:
    accuracy = row.metric(ACCURACY)
    return None if accuracy is None else 1 - accuracy


def _deep(line: Line, activation: str) -> Line:
    return of(line, protocol=DEPTH, activation=activation)


def _published(key: str, text: str, judge, published: str) -> Claim:
    return Claim(key=key, text=text, judge=judge, published=published, source=PAPER)


CLAIMS = (
    _published(
        "1",
        "tanh, 5 layers: the normalized initialisation reaches a lower test error than the standard one.",
        more(_deep(NORMALIZED, "tanh"), _deep(STANDARD, "tanh"), ACCURACY, 0.0),
        "errors: MNIST 1.64 and 1.76 %, CIFAR-10 52.92 and 55.9 %",
    ),
    _published(
        "2",
        "5 layers, standard initialisation: sigmoid reaches a higher test error than tanh.",
        less(_deep(STANDARD, "sigmoid"), _deep(STANDARD, "tanh"), ACCURACY, 0.0, floor=FLOOR),
        "errors: MNIST 2.21 and 1.76 %, CIFAR-10 57.28 and 55.9 %",
    ),
    _published(
        "3",
        "tanh: the mean singular value of a layer's Jacobian at the start is about 0.8 normalized and 0.5 standard "
        "(judged as a difference of 0.2 or more).",
        more(_deep(NORMALIZED, "tanh"), _deep(STANDARD, "tanh"), JACOBIAN, 0.0, than=0.2, digits=3),
        "about 0.8 and 0.5",
    ),
    Claim(
        key="a",
        text="softsign, 5 layers: the standard initialisation is better, or both are equal within 0.01.",
        judge=less(_deep(NORMALIZED, "softsign"), _deep(STANDARD, "softsign"), ACCURACY, 0.0, than=0.01),
    ),
    Claim(
        key="b",
        text="sigmoid, 5 layers: the normalized initialisation helps too.",
        judge=more(_deep(NORMALIZED, "sigmoid"), _deep(STANDARD, "sigmoid"), ACCURACY, 0.0, floor=FLOOR),
    ),
)
PREDICTIONS = predictions(CLAIMS)


def _headline(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the effect of the normalized initialisation on tanh: on the gain of a layer, and on the error."""
    gains = minus(*(at(_deep(line, "tanh"), results, JACOBIAN, 0.0) for line in (NORMALIZED, STANDARD)))
    if not gains:
        return in_words(differences[0]) if differences else nothing(results)
    panel = f"{DEPTH}, tanh"
    outcome = next((difference.outcome for difference in differences if difference.panel == panel), "open")
    error = {"more": "is lower", "less": "is higher", "equal": "is equal", "open": "is undecided"}[outcome]
    size = interval_text(t_interval(gains.values()), sign=True)
    return (
        f"With tanh and {DEPTH}, the normalized initialisation changes the mean gain of a layer by {size} "
        f"(n = {len(gains)}); the test error {error}."
    )


def _conclude(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the normalized against the standard initialisation, by activation, at five layers."""
    parts = []
    for activation in dict.fromkeys(str(row.labels["activation"]) for row in results):
        sides = in_common(*(at(_deep(line, activation), results, ACCURACY, 0.0) for line in (NORMALIZED, STANDARD)))
        apart = minus(*sides)
        if apart:
            error = 1 - mean(sides[0])
            at_chance = ", at chance" if 1 - error < FLOOR else ""
            size = interval_text(t_interval(apart.values()), 4, sign=True)
            parts.append(
                f"{capital(activation)} has the error {error:.4f}{at_chance}; its accuracy is {size} against the "
                f"standard initialisation (n = {len(apart)})."
            )
    if not parts:
        return nothing(results)
    return f"These are the test errors of 5 hidden layers with the normalized initialisation. {' '.join(parts)}"


def _layers(name: str, title: str, metric: str, axis: str, *, log: bool = False) -> LayerChart:
    return LayerChart(
        name=name, title=title, metric=metric, y_axis=axis, lines=LINES, within={"protocol": DEPTH}, log=log
    )


OUTLINE = Outline(
    charts=(
        Chart(
            name="accuracy",
            title="Test accuracy and the Jacobian at the start, for each depth",
            lines=LINES,
            y=ACCURACY,
            y_axis="test accuracy, fraction",
            x="start_jacobian.average",
            x_axis="mean singular value of a layer's Jacobian at the start",
            panels="activation",
        ),
        _layers("start-std", "Activations at the start, 5 layers", "start_units.std", "standard deviation"),
        _layers("start-mean", "Activations at the start, 5 layers: their mean", "start_units.mean", "mean"),
        _layers("early-mean", "Activations after a tenth of the training: their mean", "early_units.mean", "mean"),
        _layers("end-mean", "Activations at the end: their mean", "end_units.mean", "mean"),
        _layers(
            "early-percentile",
            "98th percentile of the activations after a tenth of the training",
            "early_units.percentile_98",
            "98th percentile",
        ),
        _layers(
            "end-percentile",
            "98th percentile of the activations at the end",
            "end_units.percentile_98",
            "98th percentile",
        ),
        _layers("end-std", "Activations at the end, 5 layers", "end_units.std", "standard deviation"),
        _layers(
            "early-saturated", "Saturated after a tenth of the training", "early_units.saturated", "share of units"
        ),
        _layers("end-saturated", "Saturated at the end", "end_units.saturated", "share of units"),
        _layers(
            "start-backward",
            "Back-propagated gradients at the start",
            "start_gradients.backward_variance",
            "variance",
            log=True,
        ),
        _layers(
            "start-weights",
            "Weight gradients at the start",
            "start_gradients.weight_gradient_variance",
            "variance",
            log=True,
        ),
        _layers(
            "end-weights", "Weight gradients at the end", "end_gradients.weight_gradient_variance", "variance", log=True
        ),
        HistogramChart(
            name="start-histogram",
            title="Histograms of the activations at the start, 5 layers",
            metrics="start_units",
            x_axis="activation",
            lines=LINES,
            within={"protocol": DEPTH},
        ),
        HistogramChart(
            name="end-histogram",
            title="Histograms of the activations at the end, 5 layers",
            metrics="end_units",
            x_axis="activation",
            lines=LINES,
            within={"protocol": DEPTH},
        ),
    ),
    tables=(
        NumberTable(
            name="errors",
            title="Test error by activation, initialisation and depth",
            how="Errors are fractions after the last step, at the learning rate that was best on validation. The "
            "paper has, with 5 hidden layers, standard and normalized: MNIST tanh 0.0176 and 0.0164, softsign 0.0164 "
            "and 0.0172, sigmoid 0.0221; CIFAR-10 tanh 0.559 and 0.529, softsign 0.558 and 0.538, sigmoid 0.573.",
            columns=("activation, initialisation", *DEPTHS),
            rows=tuple(
                (
                    f"{activation}, {line.name}",
                    tuple(
                        Entry(line=of(line, protocol=depth, activation=activation), read=_error, digits=4)
                        for depth in DEPTHS
                    ),
                )
                for activation in ACTIVATIONS
                for line in LINES
            ),
        ),
    ),
    comparisons=(Comparison(key="accuracy", a=NORMALIZED, b=STANDARD, read=ACCURACY, what="accuracy", margin=MARGIN),),
    claims=CLAIMS,
    headline=_headline,
    conclude=_conclude,
    would_change="The paper's 5 million updates and 1,000 units (--size paper), or its endless Shapeset, which is not "
    "available here.",
    doubts=(
        if_below("steps", 5_000_000, "A run has {value} updates at most; the paper trains to the end."),
        "The learning rate is chosen from six rates, with one trial each.",
        if_below("images", 40_000, "The training set has {value} images; the paper's have 40,000 and more."),
    ),
)
