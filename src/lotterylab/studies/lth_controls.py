"""All the other controls of an iterative ticket, at one level: their lines, and what was predicted of them."""

from __future__ import annotations

from lotterylab.studies.judging import equal, less, more
from lotterylab.studies.outline import Claim, Line, Versus

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


def versus(ticket: Line, read: str, margin: float) -> tuple[Versus, ...]:
    """The ticket against each of them."""
    return tuple(
        Versus(key=f"controls, {word}", a=ticket, b=line, read=read, what="accuracy", margin=margin)
        for word, line in LINES.items()
    )


def claims(ticket: Line, dense: Line, read: str, level: float, *, percent: str, margin: float) -> tuple[Claim, ...]:
    """What we expected of them, at the level ``percent`` of the weights."""

    def better(key: str, word: str, why: str) -> Claim:
        text = f'At {percent} the ticket is more accurate than the control "{SHORT[word]}": {why}'
        return Claim(key=key, text=text, judge=more(ticket, LINES[word], read, level))

    return (
        better("m1", "permuted", "which weight is where matters."),
        better("m2", "reshuffled", "so it does where the kept values are all there."),
        better("m3", "corrupted-labels", "a mask found where there is nothing to learn knows less."),
        better("m4", "small-dense", "sparse beats small at as many weights and steps."),
        better("m5", "small-dense-same-compute", "also where the small one is trained for as much arithmetic."),
        Claim(
            key="m6",
            text=f"Inverted scores make the worst mask at {percent}: less accurate than the one from random labels.",
            judge=less(LINES["inverted"], LINES["corrupted-labels"], read, level),
        ),
        Claim(
            key="m7",
            text=f"The dense network gains nothing by training for as long as the ticket ({percent}) took to find: "
            f"equal to the dense one within {margin:g} where its validation loss is lowest.",
            judge=equal(LINES["dense-same-cost"], dense, read, level, margin=margin),
        ),
    )
