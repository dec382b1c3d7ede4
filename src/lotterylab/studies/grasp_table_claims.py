"""The reading of GraSP's table: lines, claims, tables beside the paper's numbers, and its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lotterylab.reading.answers import in_words
from lotterylab.reading.charts import Chart, Entry, NumberTable
from lotterylab.reading.claims import Claim, Judgement, predictions
from lotterylab.reading.differences import Difference
from lotterylab.reading.doubts import if_below
from lotterylab.reading.judging import Judge, at, equal, less, more, nothing, over, percent
from lotterylab.reading.lines import Line
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Read, Rows, mean
from lotterylab.reading.words import interval_text, listed
from lotterylab.statistics import t_interval
from lotterylab.studies.ticket_lines import ACCURACY, DENSE, accuracy_of_pairs

LEVELS = LOW, MIDDLE, HIGH = (0.9, 0.95, 0.98)
CLOSE = 0.02  # of accuracies: five seeds resolve 0.013 at the larger committed spreads; four errors of 10,000 images
SHARE = 0.01  # of Early-Bird's time
AT_START, MOVING, BIRD = ("snip", "grasp", "random"), ("set", "dsr", "deep-r"), "early-bird"
SECONDS, TO_MASK, MACS, SPARSE_MACS = "cost.seconds_to_mask", "cost.macs_to_mask", "cost.macs", "cost.sparse_macs"
NAMES = {
    "snip": "SNIP",
    "grasp": "GraSP",
    "random": "random, ERK",
    "set": "SET",
    "dsr": "DSR",
    "deep-r": "Deep-R",
    "gradual": "gradual pruning",
    "obd": "OBD, fine-tuned",
    "iterative": "iterative magnitude",
    BIRD: "Early-Bird",
    "search": "search of Early-Bird",
}
LINES = {method: Line(name=name, labels={"method": method, "control": ""}) for method, name in NAMES.items()}
TABLE = tuple(method for method in NAMES if method not in (BIRD, "search"))
PAPER = {  # test accuracies of VGG-19 on CIFAR-10 after 160 epochs
    "dense": ("0.9423", "", ""),
    "iterative": ("0.9351", "0.9292", "0.9234"),
    "snip": ("0.9363", "0.9343", "0.9205"),
    "grasp": ("0.9330", "0.9304", "0.9219"),
}
RELEASED = {"dense": "0.935", "snip": "0.923", "grasp": "0.918", "random": "0.912"}  # VGG-16 at 90 %
GRASP, EARLY_BIRD = LINES["grasp"], LINES[BIRD]


def a_share_of(read: str, share: float) -> Judge:
    """Return a judge of "GraSP needs less than a share of Early-Bird's cost until the mask is known"."""

    def judge(results: Rows) -> Judgement:
        ours, theirs = at(GRASP, results, read, LOW), at(EARLY_BIRD, results, read, LOW)
        sides = (
            (f"{100 * share:g} % of Early-Bird's", EARLY_BIRD.rows(results)),
            ("GraSP's", GRASP.rows(results).where(sparsity=LOW)),
        )
        scale = 1e9 if read == TO_MASK else 1.0
        limit = {seed: share * value / scale for seed, value in theirs.items()}
        return over(limit, {seed: value / scale for seed, value in ours.items()}, read, sides=sides, digits=2)

    return judge


PUBLISHED = (
    Claim(
        key="p1",
        text="With 2 % of the weights GraSP is more accurate than SNIP.",
        source="wang2020picking",
        published="significantly better at extreme sparsity",
        judge=more(GRASP, LINES["snip"], ACCURACY, HIGH),
    ),
    Claim(
        key="p2",
        text="With 5 % of the weights GraSP is more accurate than random pruning.",
        source="frankle2021pruning",
        published="SNIP, GraSP and SynFlow surpass random pruning",
        judge=more(GRASP, LINES["random"], ACCURACY, MIDDLE),
    ),
    Claim(
        key="p3",
        text="With 5 % of the weights GraSP is less accurate than magnitude pruning after training.",
        source="frankle2021pruning",
        published="they remain below magnitude pruning after training",
        judge=less(GRASP, LINES["iterative"], ACCURACY, MIDDLE),
    ),
)
OURS = (
    Claim(
        key="g1",
        text=f"With 10 % of the weights GraSP and SNIP are equal within {CLOSE:g}.",
        judge=equal(GRASP, LINES["snip"], ACCURACY, LOW, margin=CLOSE),
    ),
    Claim(
        key="g2",
        text=f"With 2 % of the weights gradual pruning is more accurate than GraSP by more than {CLOSE:g}.",
        judge=more(LINES["gradual"], GRASP, ACCURACY, HIGH, than=CLOSE),
    ),
    Claim(
        key="g3",
        text="There SET is more accurate than the random mask that it begins with.",
        judge=more(LINES["set"], LINES["random"], ACCURACY, HIGH),
    ),
    Claim(
        key="g4",
        text="There DSR is more accurate than Deep-R.",
        judge=more(LINES["dsr"], LINES["deep-r"], ACCURACY, HIGH),
    ),
    Claim(
        key="c1",
        text=f"GraSP is faster than Early-Bird: its mask is known in less than {100 * SHARE:g} % of the seconds.",
        judge=a_share_of(SECONDS, SHARE),
    ),
    Claim(
        key="c2",
        text=f"It is known after less than {100 * SHARE:g} % of the multiply-accumulates.",
        judge=a_share_of(TO_MASK, SHARE),
    ),
    Claim(
        key="c3",
        text="Early-Bird is cheaper: search and training need fewer multiply-accumulates, zeros included, than "
        "GraSP with 10 % of the weights and its zeros multiplied.",
        judge=less(EARLY_BIRD, GRASP, lambda row: _scaled(row, MACS), LOW, digits=2),
    ),
    Claim(
        key="c4",
        text="Early-Bird with 30 % of the channels is at most "
        f"{CLOSE:g} less accurate than GraSP with 10 % of the weights, about as many.",
        judge=more(EARLY_BIRD, GRASP, ACCURACY, LOW, than=-CLOSE),
    ),
)
PREDICTIONS = predictions(OURS, "Confirmed by an interval over seeds; refuted by one beyond.")


def _scaled(row: Any, metric: str, unit: float = 1e12) -> float | None:
    value = row.metric(metric)
    return None if value is None else value / unit


def _headline(results: Rows, differences: Sequence[Difference]) -> str:
    """Return GraSP against SNIP with the fewest weights."""
    pair = (GRASP, LINES["snip"])
    found = [one for one in differences if one.planned and (one.comparison.a, one.comparison.b) == pair]
    return in_words(found[-1]) if found else nothing(results)


def _conclude(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the order of the methods at each sparsity, and the two cost claims."""
    sentences = []
    for level in LEVELS:
        reached = {NAMES[method]: at(LINES[method], results, ACCURACY, level) for method in TABLE}
        means = {name: mean(values) for name, values in reached.items() if values}
        if means:
            order = sorted(means, key=lambda name: -means[name])
            each = listed(f"{name} {means[name]:.3f}" for name in order)
            sentences.append(f"With {percent(level)} of the weights: {each}.")
    if not sentences:
        return nothing(results)
    seconds = {name: at(line, results, SECONDS, LOW) for name, line in (("GraSP", GRASP), ("Early-Bird", EARLY_BIRD))}
    if all(seconds.values()):
        each = " and ".join(f"{interval_text(t_interval(v.values()), 2)} s ({name})" for name, v in seconds.items())
        sentences.append(f"The mask is known after {each}.")
    return " ".join(sentences)


def _entries(method: str, read: Read = ACCURACY, digits: int = 3) -> tuple[Entry, ...]:
    line = DENSE if method == "dense" else LINES[method]
    return tuple(Entry(line=line, read=read, sparsity=level, digits=digits) for level in LEVELS)


def _cost(method: str) -> tuple[str, tuple[Entry, ...]]:
    reads: tuple[tuple[Read, int], ...] = (
        (SECONDS, 2),
        (lambda row: _scaled(row, TO_MASK, 1e9), 2),
        (lambda row: _scaled(row, MACS), 2),
        (lambda row: _scaled(row, SPARSE_MACS), 2),
    )
    return NAMES[method], tuple(
        Entry(line=LINES[method], read=read, sparsity=LOW, digits=digits) for read, digits in reads
    )


TABLES = (
    NumberTable(
        name="paper",
        title="Test accuracy beside the papers'",
        how="Ours are means over seeds, of the last epoch. GraSP's numbers are of VGG-19 on CIFAR-10 after 160 epochs, "
        "the best epoch on the test images; they were noted from memory and are not checked against the paper's text. "
        "SynFlow's authors released VGG-16's. Only the order within a column can be compared.",
        columns=(
            "method",
            *(f"{100 * level:.0f} %" for level in LEVELS),
            *(f"GraSP's, {100 * level:.0f} %" for level in LEVELS),
            "SynFlow's release, 90 %",
        ),
        rows=(
            ("dense", (*_entries("dense"), *PAPER["dense"], RELEASED["dense"])),
            *(
                (NAMES[method], (*_entries(method), *PAPER.get(method, ("",) * 3), RELEASED.get(method, "")))
                for method in TABLE
            ),
            ("MLPrune", ("not built", "", "", "", "", "", "")),
        ),
    ),
    NumberTable(
        name="costs-to-mask",
        title="Cost with 10 % of the weights, and of Early-Bird with 30 % of the channels",
        how="Until the mask is known: all runs before the last, the scores of each cut, and the last run up to the "
        "last step at which its mask may change.",
        columns=(
            "method",
            "seconds until the mask",
            "MACs until the mask, 1e9",
            "MACs in all, zeros included, 1e12",
            "without zeros, 1e12",
        ),
        rows=tuple(_cost(method) for method in (*TABLE, BIRD)),
    ),
)
PAIRS = tuple(
    (GRASP, LINES[other]) for other in ("snip", "iterative", "gradual", "obd", "set", "dsr", "deep-r", "random")
)
OUTLINE = Outline(
    charts=(
        Chart(
            name="accuracy",
            title="Test accuracy at GraSP's three sparsities",
            lines=tuple(LINES[method] for method in TABLE),
            y=ACCURACY,
            y_axis="test accuracy, fraction",
            x="sparsity",
            x_axis="removed weights, fraction",
            levels=(DENSE,),
        ),
        Chart(
            name="cost",
            title="Test accuracy against the total cost, without zeros",
            lines=(*(LINES[method] for method in (*TABLE, BIRD)), DENSE),
            y=ACCURACY,
            y_axis="test accuracy, fraction",
            x=SPARSE_MACS,
            x_axis="multiply-accumulates of all runs together, without zeros",
            panels="",
            log_x=True,
        ),
    ),
    tables=TABLES,
    comparisons=accuracy_of_pairs(*PAIRS, level=HIGH),
    claims=(*PUBLISHED, *OURS),
    headline=_headline,
    conclude=_conclude,
    would_change="The paper's widths, images and 160 epochs, more seeds, or MLPrune, which is missing here.",
    doubts=(
        "All methods have equal epochs a run, so that methods after training cost two to six times as much.",
        "The learning rate is chosen for each method at 95 %, by one trial a rate; iterative pruning's by one cut.",
        "Seconds are of one thread of a processor, on which small batches cost more than their arithmetic.",
        "OBD takes the mean of 30 random sign vectors for the diagonal, on 100 images.",
        "Early-Bird removes channels, so that its share of the weights is about a tenth and not exactly.",
        if_below(
            "images", 45_000, "VGG-11 has a quarter of its width and {value} training images: at scale it may differ."
        ),
        if_below("epochs", 160, "Each run has {value} epochs; the paper has 160."),
    ),
)
