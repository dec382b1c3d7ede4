"""The reading of the study of Early-Bird tickets with RandomOut: arms, claims, charts, and its answer."""

from __future__ import annotations

from collections.abc import Sequence

from lotterylab.interventions import EarlyBird
from lotterylab.reading.answers import in_words
from lotterylab.reading.charts import Chart, Entry, HeatChart, NumberTable
from lotterylab.reading.claims import Claim, predictions
from lotterylab.reading.differences import Comparison, Difference
from lotterylab.reading.doubts import if_below
from lotterylab.reading.judging import above, at, equal, more, nothing
from lotterylab.reading.lines import Line, of
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Read, Rows, mean
from lotterylab.reading.words import interval_text, listed
from lotterylab.statistics import t_interval
from lotterylab.studies.early_bird_claims import emergence
from lotterylab.studies.random_out_reading import resets
from lotterylab.studies.small_cnn import SMALL
from lotterylab.studies.ticket_lines import ACCURACY, MARGIN, accuracy_of

QUESTION = "Does RandomOut help or hinder Early-Bird tickets?"
CUT = 0.5  # the share of channels that leave
NORMS, PLAIN = PROTOCOLS = ("batch norm", "no norms, filters by layer")
OFF, OUT, RANDOM_FILTERS, DEAD = "no RandomOut", "RandomOut", "random filters", "RandomOut of dead filters"
ARMS = (OFF, OUT, RANDOM_FILTERS, DEAD)
EPOCH = 1.0  # of an emergence: the least delay that a user would notice
EPOCHS = emergence(CUT)


def line(arm: str, protocol: str = "", control: str = "") -> Line:
    """Return the line of an arm's ticket, or of one of its controls, in a protocol or in all."""
    whole = Line(name=f"{arm}, {control}" if control else arm, labels={"method": arm, "control": control})
    return of(whole, protocol=protocol) if protocol else whole


def search(arm: str, protocol: str = "") -> Line:
    """Return the line of an arm's search."""
    return line(arm, protocol, "search")


def _of_protocol(number: int, protocol: str) -> tuple[Claim, ...]:
    words = "With norms" if protocol == NORMS else "Without norms"
    return (
        Claim(
            key=f"7a{number}",
            text=f"{words}: with RandomOut the ticket emerges more than one epoch later than without.",
            judge=more(search(OUT, protocol), search(OFF, protocol), EPOCHS, 0.0, than=EPOCH, digits=1),
        ),
        Claim(
            key=f"7b{number}",
            text=f"{words}: RandomOut changes the accuracy of the Early-Bird ticket by less than {MARGIN:g}.",
            judge=equal(line(OUT, protocol), line(OFF, protocol), ACCURACY, CUT, margin=MARGIN),
        ),
        Claim(
            key=f"7c{number}",
            text=f"{words}: it is the drawing and not the choice of filters that delays. With as many random filters "
            "the ticket emerges within one epoch of RandomOut's.",
            judge=equal(search(RANDOM_FILTERS, protocol), search(OUT, protocol), EPOCHS, 0.0, margin=EPOCH, digits=1),
        ),
    )


OURS = (
    *_of_protocol(1, NORMS),
    *_of_protocol(2, PLAIN),
    Claim(
        key="7d",
        text="With norms no filter is dead for an epoch, so that RandomOut of dead filters draws none.",
        judge=above(search(DEAD, NORMS), lambda row: _negative(resets(row)), 0.0, than=-0.5, digits=1),
    ),
)
PREDICTIONS = predictions(OURS)


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


def _headline(results: Rows, differences: Sequence[Difference]) -> str:
    """Return RandomOut's ticket against the plain one, with norms."""
    sides = (line(OUT), line(OFF))
    pairs = [one for one in differences if one.planned and (one.comparison.a, one.comparison.b) == sides]
    chosen = (in_words(pair, "a ticket with RandomOut", "one without") for pair in pairs if NORMS in pair.panel)
    return next(chosen, nothing(results))


def _conclude(results: Rows, differences: Sequence[Difference]) -> str:
    """Return the emergence, the accuracy and the number of drawn filters of each arm, by protocol."""
    parts = []
    for protocol in PROTOCOLS:
        arms = []
        for arm in ARMS:
            epochs = at(search(arm, protocol), results, EPOCHS, 0.0)
            reached = at(line(arm, protocol), results, ACCURACY, CUT)
            drawn = at(search(arm, protocol), results, resets, 0.0)
            if epochs and reached:
                many = f", {mean(drawn):,.0f} filters drawn" if drawn else ""
                when = interval_text(t_interval(epochs.values()), 1)
                arms.append(f"{arm} {mean(reached):.3f} after {when} epochs (n = {len(reached)}{many})")
        if arms:
            parts.append(f"{protocol.capitalize()}: {listed(arms)}.")
    if not parts:
        return nothing(results)
    return " ".join(["These are the tickets' accuracies and the epochs at which they emerge.", *parts])


def _entries(read: Read, control: str, *, sparsity: float, digits: int) -> tuple[tuple[str, tuple[Entry, ...]], ...]:
    def entry(arm: str, protocol: str) -> Entry:
        return Entry(line=line(arm, protocol, control), read=read, sparsity=sparsity, digits=digits)

    return tuple((arm, tuple(entry(arm, protocol) for protocol in PROTOCOLS)) for arm in ARMS)


TICKETS = tuple(map(line, ARMS))
CONTROLS = tuple(line(arm, control=control) for arm in (OFF, OUT) for control in ("random channels", "last mask"))
OUTLINE = Outline(
    charts=(
        HeatChart(
            name="masks",
            title="Distance between the masks of each two epochs",
            lines=tuple(map(search, (OFF, OUT, RANDOM_FILTERS))),
            metrics=(("", f"train.{EarlyBird(sparsity=CUT).name}"),),
            axis="epoch",
            panels="protocol",
        ),
        Chart(
            name="macs",
            title="Test accuracy against the arithmetic of search and training",
            lines=(*TICKETS, *CONTROLS),
            y=ACCURACY,
            y_axis="test accuracy, fraction",
            x="cost.macs",
            x_axis="multiply-accumulates of all runs together",
        ),
    ),
    tables=(
        NumberTable(
            name="emergence",
            title="Epoch of emergence",
            how="Mean over seeds, by the paper's rule; a ticket that never emerged counts with the last epoch.",
            columns=("search", *PROTOCOLS),
            rows=_entries(EPOCHS, "search", sparsity=0.0, digits=1),
        ),
        NumberTable(
            name="resets",
            title="Filters that were drawn anew",
            how="Mean over seeds, of 96 filters, each of which may be drawn more than once.",
            columns=("search", *PROTOCOLS),
            rows=_entries(resets, "search", sparsity=0.0, digits=0)[1:],
        ),
    ),
    comparisons=(
        accuracy_of("RandomOut against none", line(OUT), line(OFF), CUT, parts="channels"),
        accuracy_of("RandomOut against random filters", line(OUT), line(RANDOM_FILTERS), CUT, parts="channels"),
        accuracy_of(
            "with RandomOut, ticket against random channels",
            line(OUT),
            line(OUT, "", "random channels"),
            CUT,
            parts="channels",
        ),
        accuracy_of(
            "with RandomOut, ticket against last mask", line(OUT), line(OUT, "", "last mask"), CUT, parts="channels"
        ),
        Comparison(
            key="emergence, RandomOut against none",
            a=search(OUT),
            b=search(OFF),
            read=EPOCHS,
            what="epochs until the ticket emerges",
            margin=EPOCH,
            more_is="worse",
            digits=1,
        ),
    ),
    claims=OURS,
    headline=_headline,
    conclude=_conclude,
    would_change="More seeds, a deeper network, or a threshold that draws more filters for longer.",
    doubts=(
        "The threshold is a tenth of a layer's median; the paper's is absolute and depends on the batch.",
        "With norms the masks rank scales, which RandomOut does not draw: it reaches them through the filters alone.",
        "A ticket that goes on keeps the rate of its search, which is chosen for each arm by one trial a rate.",
        if_below("images", 45_000, SMALL),
    ),
)
