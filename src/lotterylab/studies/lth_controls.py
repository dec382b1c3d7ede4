"""Further controls of an iterative ticket at one level: their lines and predictions."""

from __future__ import annotations

from lotterylab.reading.claims import Claim
from lotterylab.reading.differences import Comparison
from lotterylab.reading.judging import equal, less, more
from lotterylab.reading.lines import Line

SHORT = {  # word of the control -> its name on the page
    "permuted": "initial weights permuted",
    "reshuffled": "kept weights permuted",
    "inverted": "scores inverted",
    "corrupted-labels": "mask from random labels",
    "small-dense": "small dense network",
    "small-dense-same-compute": "small dense network, longer",
    "dense-same-cost": "dense, at the ticket's cost",
}
WORDS = tuple(SHORT)
LINES = {
    word: Line(name=name, labels={"method": "iterative", "control": word.replace("-", " ")})
    for word, name in SHORT.items()
}


LONGER = ("small-dense-same-compute", "dense-same-cost")


def versus(ticket: Line, early: str, final: str, margin: float, level: float) -> tuple[Comparison, ...]:
    """Return the comparison of the ticket with each control, planned at one level.

    The accuracy is that of the lowest validation loss (``early``), or that after the last step (``final``) for controls
    that train longer, since a run and its continuation may share their lowest point.
    """
    return tuple(
        Comparison(
            key=f"controls, {word}",
            a=ticket,
            b=line,
            read=final if word in LONGER else early,
            what="accuracy after the last step" if word in LONGER else "accuracy",
            margin=margin,
            planned=(level,),
        )
        for word, line in LINES.items()
    )


def claims(
    ticket: Line, dense: Line, early: str, final: str, level: float, *, percent: str, margin: float
) -> tuple[Claim, ...]:
    """Return our predictions, at the level ``percent`` of the weights."""

    def better(key: str, word: str, why: str) -> Claim:
        read = final if word in LONGER else early
        text = f'At {percent} the ticket is more accurate than the control "{SHORT[word]}": {why}'
        return Claim(key=key, text=text, judge=more(ticket, LINES[word], read, level))

    return (
        better("m1", "permuted", "the place of each weight matters."),
        better("m2", "reshuffled", "the place matters even if all kept values are there."),
        better("m3", "corrupted-labels", "a mask from data with nothing to learn knows less."),
        better("m4", "small-dense", "sparse beats small at the same number of weights and steps."),
        better("m5", "small-dense-same-compute", "also at the same amount of arithmetic (last step)."),
        Claim(
            key="m6",
            text=f"Inverted scores make the worst mask at {percent}: less accurate than the mask from random labels.",
            judge=less(LINES["inverted"], LINES["corrupted-labels"], early, level),
        ),
        Claim(
            key="m7",
            text=f"The dense network gains nothing by training for as long as the ticket ({percent}) took to find: "
            f"after the last step it equals the dense run within {margin:g}.",
            judge=equal(LINES["dense-same-cost"], dense, final, level, margin=margin),
        ),
    )
