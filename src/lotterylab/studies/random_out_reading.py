"""The reading of the study ``random-out``: its lines, its predictions from before the runs, its figures.

Reasons for the numbers: accuracies are equal within 0.01.  With 10,000 test images of which two networks decide a fifth
differently, a difference has a sampling error of sqrt(0.2 / 10,000) = 0.0045, so that 0.01 is more than two errors.  It
is less than a third of the paper's gain of 0.033.  Twenty seeds resolve a ratio of 1.9 between two standard deviations,
and six failures against none (nine after Holm's correction, which counts the tests of this page).  Six initialisations
in six orders resolve a ratio of 7 between two mean squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lotterylab.reading.charts import CrossedChart, DotChart, Entry, NumberTable
from lotterylab.reading.claims import Claim, predictions
from lotterylab.reading.differences import Difference
from lotterylab.reading.doubts import if_below
from lotterylab.reading.judging import above, at, equal, nothing
from lotterylab.reading.lines import Line
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows, in_common, read_from
from lotterylab.reading.spreads import (
    crossed_of,
    difference_of_shares,
    fewer,
    never,
    rows_vary_more,
    shares_text,
    spreads_less,
)
from lotterylab.reading.words import interval_text, listed
from lotterylab.statistics import Interval, McNemar, mcnemar, paired
from lotterylab.studies.small_cnn import SMALL
from lotterylab.studies.ticket_lines import ACCURACY, MARGIN, accuracy_of_pairs

QUESTION = "Does RandomOut save networks that would fail to train, and is the initialisation a lottery?"
NARROW, HALF, FULL = "x0.25", "x0.5", "x1"
CHOSEN, HIGH = "chosen rate", "three times the rate"
CROSSED, OTHER_IMAGES = "crossed, x1", "other images, x1"
PLAIN, OUT, DEAD, SAME = "plain", "RandomOut", "RandomOut, dead only", "random resets"
NORM, BOTH, NORM_DEAD = "batch norm", "batch norm + RandomOut", "batch norm + dead only"
ARMS = {  # controls stand where the claims need them: most networks fail, and filters count most, where there are few
    (NARROW, CHOSEN): (PLAIN, OUT, SAME, NORM, BOTH),
    (HALF, CHOSEN): (PLAIN, OUT, NORM),
    (FULL, CHOSEN): (PLAIN, OUT, NORM),
    (NARROW, HIGH): (PLAIN, OUT, DEAD, SAME, NORM, NORM_DEAD),
    (HALF, HIGH): (PLAIN, OUT),
    (FULL, HIGH): (PLAIN, OUT),
}
FAILED = 0.2  # twice the accuracy of a guess; a network up to it did not train
CLOSER = 0.1  # three standard deviations of the mean cosine of 32 pairs of random filters of 27 weights


def place(width: str, rate: str) -> str:
    """Return the label of a width at a rate."""
    return f"{width}, {rate}"


def failed(row: Any) -> float | None:
    """Return 1 for a network that did not train, 0 for a network that did."""
    accuracy = read_from(row, ACCURACY)
    return None if accuracy is None else float(accuracy <= FAILED)


def resets(row: Any) -> float | None:
    """Return how many filters of a run were drawn anew; None for a run without RandomOut."""
    by_layer = read_from(row, "train.resets")
    return None if by_layer is None else float(sum(by_layer.values()))


def closer(row: Any) -> float | None:
    """Return how much more alike filters are on other images than from another initialisation, matched in both."""
    same, other = (read_from(row, f"{part}.matched") for part in ("other_images", "other_init"))
    return None if same is None or other is None else same - other


LINES = {name: Line(name=name, labels={"method": name}) for name in (PLAIN, OUT, DEAD, SAME, NORM, BOTH, NORM_DEAD)}
TABLE = {rate: Line(name=f"{CROSSED}, {rate}", labels={"protocol": f"{CROSSED}, {rate}"}) for rate in (CHOSEN, HIGH)}
OTHERS = Line(name="difference of the mean cosines", labels={"protocol": OTHER_IMAGES})


def line(name: str, width: str, rate: str = CHOSEN) -> Line:
    """Return the line of an arm at a width and a rate."""
    return Line(name=f"{name} at {place(width, rate)}", labels={"method": name, "protocol": place(width, rate)})


OURS = (
    Claim(
        key="r1",
        text="At three times the rate fewer seeds of the narrowest network fail (accuracy up to 0.2) with RandomOut "
        "than without it.",
        published="26 % of the seeds of an Inception network without batch norm fail to train without RandomOut",
        judge=fewer(line(OUT, NARROW, HIGH), line(PLAIN, NARROW, HIGH), failed),
    ),
    Claim(
        key="r2",
        text="There fewer seeds fail than without it where only filters are drawn that were dead for an epoch.",
        judge=fewer(line(DEAD, NARROW, HIGH), line(PLAIN, NARROW, HIGH), failed),
    ),
    Claim(
        key="r3",
        text="At three times the rate fewer seeds of the widest network fail than of the narrowest, without RandomOut.",
        judge=fewer(line(PLAIN, FULL, HIGH), line(PLAIN, NARROW, HIGH), failed),
    ),
    Claim(
        key="r4",
        text="At the chosen rate the accuracy of the narrowest network spreads less over seeds with RandomOut.",
        published="a standard deviation of 1.3 % in place of 2 %",
        judge=spreads_less(line(OUT, NARROW), line(PLAIN, NARROW), ACCURACY),
    ),
    Claim(
        key="r5",
        text="With batch norm the narrowest network is as accurate with RandomOut as without it (0.01).",
        judge=equal(line(BOTH, NARROW), line(NORM, NARROW), ACCURACY, 0.0, margin=MARGIN),
    ),
    Claim(
        key="r6",
        text="With batch norm no filter of the narrowest network is dead for an epoch, even at three times the rate.",
        judge=never(line(NORM_DEAD, NARROW, HIGH), resets, "resets"),
    ),
    Claim(
        key="r7",
        text="The initialisation explains more of the variance of the widest network's accuracy than the data order.",
        judge=rows_vary_more(TABLE[CHOSEN], ACCURACY, rows="initialisation", columns="data order"),
    ),
    Claim(
        key="r8",
        text="First-layer filters of one initialisation trained on two sets of images are more alike than those of two "
        "initialisations trained on one set, by a mean cosine of more than 0.1.",
        judge=above(OTHERS, closer, 0.0, than=CLOSER, digits=3),
    ),
)
PREDICTIONS = predictions(OURS)
PLANNED = (
    (line(OUT, NARROW), line(PLAIN, NARROW)),
    (line(OUT, NARROW), line(SAME, NARROW)),
    (line(BOTH, NARROW), line(NORM, NARROW)),
)
EXPLORED = (
    *((line(OUT, width), line(PLAIN, width)) for width in (HALF, FULL)),
    *((line(NORM, width), line(PLAIN, width)) for width in (NARROW, HALF, FULL)),
)


def _headline(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the share of the networks that fail at the high rate with RandomOut, minus that without it, by width."""
    changes: dict[str, McNemar] = {}
    for width in (NARROW, FULL):
        ours, theirs = in_common(*(at(line(name, width, HIGH), results, failed, 0.0) for name in (OUT, PLAIN)))
        if ours:
            changes[width] = mcnemar(*({seed: value > 0 for seed, value in side.items()} for side in (ours, theirs)))
    if not changes:
        return nothing(results)
    shares = {width: interval_text(difference_of_shares(test), 2, sign=True) for width, test in changes.items()}
    each, n = listed(f"{share} at {width}" for width, share in shares.items()), min(t.n for t in changes.values())
    return f"With RandomOut the share of seeds that fail changes by {each} (three times the rate, n = {n})."


def _conclude(results: Rows, differences: Sequence[Difference]) -> str:
    """Return RandomOut's gain at each width, the shares of the variance, and the likeness of filters."""
    gains: dict[str, Interval] = {}
    for width in (NARROW, HALF, FULL):
        ours, theirs = in_common(*(at(line(name, width), results, ACCURACY, 0.0) for name in (OUT, PLAIN)))
        if ours:
            gains[width] = paired(ours, theirs)
    if not gains:
        return nothing(results)
    each = listed(f"{interval_text(gain, sign=True)} at {width}" for width, gain in gains.items())
    n = min(gain.n for gain in gains.values())
    sentences = [f"RandomOut changes the accuracy by {each} (chosen rate, n = {n})."]
    failures = {arm: at(line(arm, NARROW, HIGH), results, failed, 0.0) for arm in ARMS[NARROW, HIGH]}
    counts = [f"{sum(seeds.values()):.0f} of {len(seeds)} ({arm})" for arm, seeds in failures.items() if seeds]
    if counts:
        sentences.append(f"At {place(NARROW, HIGH)}, the seeds that fail are {listed(counts)}.")
    means = {
        width: [f"{interval.mean:.3f} ({arm})" for arm in (PLAIN, OUT) if (interval := _accuracy(arm, width, results))]
        for width in (NARROW, HALF, FULL)
    }
    reached = [f"{' and '.join(pair)} at {width}" for width, pair in means.items() if pair]
    if reached:
        sentences.append(f"Three times the rate reaches {listed(reached)}.")
    for rate, table in TABLE.items():
        found = crossed_of(table.rows(results), ACCURACY)
        if found is not None:
            sentences.append(f"{shares_text(found, 'initialisation', 'data order')} (x1, {rate}).")
    alike = [
        f"{of_rows.mean:.2f} {name}"
        for part, name in PAIRS.items()
        if (of_rows := OTHERS.rows(results).interval(f"{part}.matched"))
    ]
    if alike:
        sentences.append(f"Matched first-layer filters have a mean cosine of {', '.join(alike)}.")
    return " ".join(sentences)


def _accuracy(arm: str, width: str, results: Rows) -> Interval | None:
    """Return the accuracy of an arm at three times the rate, over its seeds."""
    return line(arm, width, HIGH).rows(results).interval(ACCURACY)


PAIRS = {
    "other_order": "in another data order",
    "other_images": "on other images",
    "other_init": "from another initialisation",
}


def _dots(name: str, title: str, widths: Sequence[str], arms: Sequence[str]) -> DotChart:
    """Return the accuracy of each seed, a panel for each width and rate."""
    return DotChart(
        name=name,
        title=title,
        within={"protocol": tuple(place(width, rate) for width in widths for rate in (CHOSEN, HIGH))},
        y=ACCURACY,
        y_axis="test accuracy, fraction",
        groups=tuple((arm, LINES[arm]) for arm in arms),
        panels="protocol",
    )


def _resets(arm: str) -> tuple[str, tuple[Entry | str, ...]]:
    """Return the row of an arm in the table of resets, with a cell for each width and rate."""
    return arm, tuple(
        Entry(line=line(arm, *where), read=resets, digits=1) if arm in arms else "" for where, arms in ARMS.items()
    )


RESETS = NumberTable(
    name="resets",
    title="Filters that are drawn anew",
    how="The number in a run, over both convolutions. Empty cells were not planned.",
    columns=("", *(place(*where) for where in ARMS)),
    rows=tuple(_resets(arm) for arm in (OUT, DEAD, SAME, BOTH, NORM_DEAD)),
)
FILTERS = NumberTable(
    name="filters",
    title="Likeness of first-layer filters of two runs that differ in one thing",
    how="Mean cosine, filter by filter and under the best one-to-one matching.",
    columns=("the second run", "filter by filter", "matched"),
    rows=tuple(
        (name, tuple(Entry(line=OTHERS, read=f"{part}.{kind}") for kind in ("cosine", "matched")))
        for part, name in PAIRS.items()
    ),
)
OUTLINE = Outline(
    charts=(
        _dots(
            "failures",
            "Test accuracy of each seed of the narrowest network",
            (NARROW,),
            (PLAIN, OUT, DEAD, SAME, NORM, BOTH, NORM_DEAD),
        ),
        _dots("accuracy", "Test accuracy of each seed of the wider networks", (HALF, FULL), (PLAIN, OUT, NORM)),
        CrossedChart(
            name="crossed",
            title="Test accuracy of the widest network by initialisation and data order",
            within={"protocol": tuple(table.name for table in TABLE.values())},
            y=ACCURACY,
            y_axis="test accuracy, fraction",
            columns="data order",
        ),
    ),
    tables=(RESETS, FILTERS),
    comparisons=(
        *accuracy_of_pairs(*PLANNED, level=0.0),
        *(replace(comparison, planned=()) for comparison in accuracy_of_pairs(*EXPLORED, level=0.0)),
    ),
    claims=OURS,
    headline=_headline,
    conclude=_conclude,
    predicted="Written into the study before anything ran. Accuracies are equal within 0.01: more than two sampling "
    "errors of 10,000 test images (0.0045), and less than a third of the paper's gain (0.033). A mean cosine of 0.1 is "
    "three standard deviations of that of 32 pairs of random filters.",
    after_a_look="The headline and the conclusion name the failures at x0.5 and x1 since all results were seen; no "
    "claim had been planned for them.",
    would_change="A deeper network, in which more seeds fail, the paper's absolute threshold, or more seeds.",
    doubts=(
        "The threshold is a tenth of a layer's median; the paper's is absolute and depends on the batch.",
        "If all filters of a layer are dead, their median is 0 and that rule draws none of them anew.",
        "The learning rate is chosen for each arm and width by one trial a rate; random resets have RandomOut's.",
        "Three times the rate is three times each arm's own, so that arms may also differ in their rate (rates.csv).",
        "All seeds train on the same images, so that the spread is that of the initialisation and the data order.",
        "The shares of the variance suppose normal effects, which failures at three times the rate are not.",
        if_below("images", 45_000, SMALL),
    ),
)
