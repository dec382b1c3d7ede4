"""The reading of the study ``signs``: its lines, its predictions from before the runs, its figures.

All numbers are at 3.6 % of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence

from lotterylab.reading.answers import in_words
from lotterylab.reading.charts import DifferenceChart, Entry, NumberTable
from lotterylab.reading.claims import Claim, refutable
from lotterylab.reading.differences import Comparison, Difference
from lotterylab.reading.judging import apart_from, at, equal, gains_more, less, more, nothing, percent
from lotterylab.reading.lines import Line, of
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows, mean
from lotterylab.studies.lenet_arms import APART, FEWER_STEPS, LOW, MARGIN, WHY
from lotterylab.studies.ticket_lines import ACCURACY, accuracy_of_pair

QUESTION = "Does a winning ticket need its mask, its signs or its magnitudes?"
MASKS, SIGNS = ("ticket", "random mask"), ("initial", "rewound", "final", "fresh")
MAGNITUDES = ("initial", "fresh", "constant")
ARMS = (
    *((mask, signs, size) for mask in MASKS for signs in ("initial", "rewound", "final") for size in MAGNITUDES),
    *((mask, "fresh", "fresh") for mask in MASKS),  # the control of both factors: the mask alone
)
LINES = {
    (signs, size): Line(
        name=f"{size} magnitudes, {signs} signs", labels={"method": f"{size} magnitudes, {signs} signs"}
    )
    for signs in SIGNS
    for size in MAGNITUDES
}
REWOUND = LINES["initial", "initial"]
LONGER = Line(name="dense, at the ticket's cost", labels={"protocol": "dense", "control": "dense same cost"})


def line(mask: str, signs: str, size: str) -> Line:
    """Return the line of an arm."""
    return of(LINES[signs, size], protocol=mask)


TICKET = line("ticket", "initial", "initial")
SIGNED, UNSIGNED = line("ticket", "initial", "fresh"), line("ticket", "fresh", "fresh")
RANDOM_SIGNED, RANDOM_UNSIGNED = line("random mask", "initial", "fresh"), line("random mask", "fresh", "fresh")


OURS: tuple[tuple[Claim, str], ...] = (  # each with what refutes it
    (
        Claim(
            key="s1",
            text="In the ticket's mask, fresh magnitudes with the initial signs are more accurate than with fresh "
            f"signs, by more than {APART:g}.",
            judge=more(SIGNED, UNSIGNED, ACCURACY, LOW, than=APART),
        ),
        f"an interval below {APART:g}",
    ),
    *(
        (
            Claim(
                key=key,
                text=f"With the ticket's mask and initial signs, {name} as accurate as initial ones ({APART:g}).",
                judge=equal(line("ticket", "initial", size), TICKET, ACCURACY, LOW, margin=APART),
            ),
            f"an interval outside {APART:g}",
        )
        for key, size, name in (("s2", "fresh", "fresh magnitudes are"), ("s3", "constant", "constant magnitudes are"))
    ),
    (
        Claim(
            key="s4",
            text="In the ticket's mask, fresh magnitudes with the final signs are more accurate than with the initial "
            f"ones, by more than {MARGIN:g}.",
            judge=more(line("ticket", "final", "fresh"), SIGNED, ACCURACY, LOW, than=MARGIN),
        ),
        f"an interval below {MARGIN:g}",
    ),
    (
        Claim(
            key="s5",
            text=f"There the signs of an early step are at most {MARGIN:g} less accurate than the initial ones.",
            judge=more(line("ticket", "rewound", "fresh"), SIGNED, ACCURACY, LOW, than=-MARGIN),
        ),
        f"an interval below -{MARGIN:g}",
    ),
    (
        Claim(
            key="s6",
            text=f"In a random mask, initial magnitudes are as accurate with final as with initial signs ({APART:g}).",
            judge=equal(
                line("random mask", "final", "initial"),
                line("random mask", "initial", "initial"),
                ACCURACY,
                LOW,
                margin=APART,
            ),
        ),
        f"an interval outside {APART:g}",
    ),
    (
        Claim(
            key="s7",
            text="The mask alone helps: with fresh signs and magnitudes the ticket's mask is more accurate than a "
            f"random one, by more than {APART:g}.",
            judge=more(UNSIGNED, RANDOM_UNSIGNED, ACCURACY, LOW, than=APART),
        ),
        f"an interval below {APART:g}",
    ),
    (
        Claim(
            key="s8",
            text="Initial signs gain more over fresh ones in the ticket's mask than in a random one.",
            judge=gains_more((SIGNED, UNSIGNED), (RANDOM_SIGNED, RANDOM_UNSIGNED), ACCURACY, LOW),
        ),
        "an interval below 0",
    ),
    (
        Claim(
            key="s9",
            text=f"The ticket's mask with its final signs and one constant is at most {APART:g} less accurate than the "
            "rewound ticket.",
            judge=more(line("ticket", "final", "constant"), TICKET, ACCURACY, LOW, than=-APART),
        ),
        f"an interval below -{APART:g}",
    ),
    (
        Claim(
            key="s10",
            text=f"The rewound ticket is not {MARGIN:g} more accurate than the dense network trained for as long as "
            "both its runs.",
            judge=less(TICKET, LONGER, ACCURACY, LOW, than=MARGIN),
        ),
        f"an interval above {MARGIN:g}",
    ),
)
PREDICTIONS = refutable(OURS)


def _versus(a: Line, b: Line, family: str = "", *, planned: bool = False) -> Comparison:
    return accuracy_of_pair(a, b, LOW, margin=MARGIN, family=family, planned=planned)


STARTS = tuple(dict.fromkeys((signs, size) for _, signs, size in ARMS))
COMPARISONS = (
    _versus(SIGNED, UNSIGNED, planned=True),
    _versus(line("ticket", "final", "fresh"), SIGNED, planned=True),
    _versus(TICKET, LONGER, planned=True),
    *(_versus(LINES[arm], REWOUND, "starts") for arm in STARTS if LINES[arm] != REWOUND),
    *(
        _versus(line("ticket", *arm), line("random mask", *arm), "masks", planned=arm == ("fresh", "fresh"))
        for arm in STARTS
    ),
)


def _headline(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the initial signs against fresh ones, on fresh magnitudes in the ticket's mask."""
    pairs = [one for one in differences if (one.comparison.a, one.comparison.b) == (SIGNED, UNSIGNED)]
    a, b = "a ticket's mask with its initial signs", "with fresh signs"
    return in_words(pairs[0], a, b) if pairs else nothing(results)


def _conclude(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the rewound ticket's accuracy, and minus it the arms in which the most has changed."""
    if not (reached := at(TICKET, results, ACCURACY, LOW)):
        return nothing(results)
    arms = [line("ticket", *arm) for arm in (("initial", "fresh"), ("initial", "constant"), ("final", "constant"))]
    arms += [UNSIGNED, line("random mask", "initial", "initial"), RANDOM_UNSIGNED, LONGER]
    parts = apart_from(TICKET, arms, results, ACCURACY, LOW, digits=4)
    begin = f"With {percent(LOW)} of the weights, the rewound ticket reaches {mean(reached):.4f} (n = {len(reached)})."
    return f"{begin} The differences from it are: {'; '.join(parts)}."


def _cells(mask: str, size: str) -> tuple[str, tuple[Entry | str, ...]]:
    """Return the row of a mask and magnitudes in the table of accuracies, with a cell for each kind of signs."""
    cells = (
        Entry(line=line(mask, signs, size), read=ACCURACY, sparsity=LOW, digits=4)
        if (mask, signs, size) in ARMS
        else ""
        for signs in SIGNS
    )
    return f"{mask}, {size} magnitudes", tuple(cells)


OUTLINE = Outline(
    charts=(
        DifferenceChart(
            name="starts",
            title="Test accuracy from other starts, minus that from the initial weights",
            family="starts",
            x_axis="difference of test accuracy",
        ),
    ),
    tables=(
        NumberTable(
            name="crossed",
            title="Test accuracy by mask, magnitudes and signs",
            how="Means over seeds. Fresh signs have fresh magnitudes only.",
            columns=("mask and magnitudes", *(f"{signs} signs" for signs in SIGNS)),
            rows=tuple(_cells(mask, size) for mask in MASKS for size in MAGNITUDES),
        ),
    ),
    comparisons=COMPARISONS,
    claims=tuple(claim for claim, _ in OURS),
    headline=_headline,
    conclude=_conclude,
    predicted=f"Written into the study before anything ran. {WHY}",
    after_a_look="Results of lth-mnist were known. It trains the same network on five of these seeds, with tickets, "
    "fresh weights in their masks and random masks. Claim s7 is no surprise after it.",
    would_change="More seeds, a network with norms, or masks found in rounds.",
    doubts=(
        "Each arm's rate is chosen by one run a rate; the dense network at the ticket's cost has the dense rate.",
        "The constant is the standard deviation of all initial weights of a layer, not of the kept ones.",
        "The rewound signs are those of the dense run after 5 % of its steps; other steps were not tried.",
        "The mask is cut once, by final magnitudes, so that it and the final signs come from one run.",
        FEWER_STEPS,
    ),
)
