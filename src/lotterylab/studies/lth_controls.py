"""All the other controls of an iterative ticket, at one level: their lines, and what was predicted of them."""

from __future__ import annotations

from lotterylab.reading.claims import Claim
from lotterylab.reading.differences import Comparison
from lotterylab.reading.judging import equal, less, more
from lotterylab.reading.lines import Line

SHORT = {  # word of the control -> what the page calls it
    "permuted": "initial weights permuted",
    "reshuffled": "kept weights permuted",
    "inverted": "scores inverted",
    "corrupted-labels": "mask from random labels",
    "small-dense": "small dense network",
    "small-dense-same-compute": "small dense network, longer",
    "dense-same-cost": "dense, for what the ticket cost",
}
WORDS = tuple(SHORT)
LINES = {
    word: Line(name=name, labels={"method": "iterative", "control": word.replace("-", " ")})
    for word, name in SHORT.items()
}


LONGER = ("small-dense-same-compute", "dense-same-cost")


def versus(ticket: Line, early: str, final: str, margin: float, level: float) -> tuple[Comparison, ...]:
    """The ticket against each of them, planned at one level.

    Where the validation loss was lowest (``early``); of those that train longer after the last step (``final``), since
    of a run and its continuation the lowest point may be the same.
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
    """What we expected of them, at the level ``percent`` of the weights."""

    def better(key: str, word: str, why: str) -> Claim:
        read = final if word in LONGER else early
        text = f'At {percent} the ticket is more accurate than the control "{SHORT[word]}": {why}'
        return Claim(key=key, text=text, judge=more(ticket, LINES[word], read, level))

    return (
        better("m1", "permuted", "which weight is where matters."),
        better("m2", "reshuffled", "so it does where the kept values are all there."),
        better("m3", "corrupted-labels", "a mask found where there is nothing to learn knows less."),
        better("m4", "small-dense", "sparse beats small at as many weights and steps."),
        better("m5", "small-dense-same-compute", "also where the small one has as much arithmetic (last step)."),
        Claim(
            key="m6",
            text=f"Inverted scores make the worst mask at {percent}: less accurate than the one from random labels.",
            judge=less(LINES["inverted"], LINES["corrupted-labels"], early, level),
        ),
        Claim(
            key="m7",
            text=f"The dense network gains nothing by training for as long as the ticket ({percent}) took to find: "
            f"after the last step equal to the dense one within {margin:g}.",
            judge=equal(LINES["dense-same-cost"], dense, final, level, margin=margin),
        ),
    )
