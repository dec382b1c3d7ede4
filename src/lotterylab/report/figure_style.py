"""Looks: one colour and one marker for each thing, on every figure.

Colours are those of Okabe and Ito ("Color Universal Design", 2008), which colour-blind readers can distinguish; markers
and line styles distinguish the same things without colour.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import chain, count

from lotterylab.reading.words import called
from lotterylab.report.grid import Look

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#767676"
WINE, INDIGO, OLIVE = "#882255", "#332288", "#999933"  # from Tol's muted scheme, for more than eight things

METHODS = {
    "dense": Look(colour=BLACK, marker="P"),
    "magnitude": Look(colour=BLUE, marker="o"),
    "first-order": Look(colour=VERMILLION, marker="s"),
    "grasp": Look(colour=GREEN, marker="^"),
    "snip": Look(colour=SKY, marker="h"),
    "snip-iterative": Look(colour=SKY, marker="d", line="--"),
    "synflow": Look(colour=WINE, marker="*", size=7.0),
    "synflow-one-shot": Look(colour=WINE, marker="1", line="--"),
    "magnitude-at-init": Look(colour=BLUE, marker="p", line="--"),
    "movement": Look(colour=BLUE, marker="<", line=":"),
    "magnitude-increase": Look(colour=BLUE, marker=">", line="-."),
    "obd": Look(colour=WINE, marker="4", line=":"),
    "small-final": Look(colour=ORANGE, marker="v", line="-."),
    "small-init": Look(colour=ORANGE, marker="2", line=":"),
    "large-init-large-final": Look(colour=PURPLE, marker="H"),
    "small-init-small-final": Look(colour=PURPLE, marker="8", line="-."),
    "large-final-same-sign": Look(colour=VERMILLION, marker="X", line="--"),
    "large-final-diff-sign": Look(colour=VERMILLION, marker="+", line=":"),
    "magnitude-increase-same-sign": Look(colour=GREEN, marker="D", line="--", size=4.5),
    "magnitude-increase-diff-sign": Look(colour=GREEN, marker="3", line=":"),
    "random": Look(colour=GREY, marker="x", line=":"),
}
CONTROLS = {
    "random mask": Look(colour=PURPLE, marker="D", line="--", size=4.5),
    "reinitialised": Look(colour=ORANGE, marker="v", line="-."),
    "permuted": Look(colour=SKY, marker="h", line="-."),
    "reshuffled": Look(colour=GREEN, marker="^", line="--"),
    "inverted": Look(colour=WINE, marker="P", line=":"),
}
TARGETS = (
    Look(colour=SKY, marker="o"),
    Look(colour=BLUE, marker="s", line="--"),
    Look(colour=VERMILLION, marker="^", line="-."),
    Look(colour=GREEN, marker="D", line=":"),
    Look(colour=PURPLE, marker="v", line="-"),
)
DENSE = {
    "dense, total epochs": Look(colour=GREY, marker="d", line="--", width=1.2),
    "dense, as many epochs": Look(colour=GREY, marker="s", line=":", width=1.6),
}
SPARSE = {  # with a dense network, SNIP, GraSP and SynFlow eleven colours on one chart
    "small dense network": Look(colour=GREY, marker="s", line="--"),
    "one-shot magnitude": Look(colour=INDIGO, marker="p", line="--"),
    "iterative magnitude": Look(colour=BLUE, marker="o"),
    "random, ERK": Look(colour=OLIVE, marker="x", line=":"),
    "gradual pruning": Look(colour=WINE, marker="*", size=7.0),
    "SET": Look(colour=PURPLE, marker="D", line="-.", size=4.5),
    "RigL": Look(colour=GREEN, marker="^"),
}
COLOURS = (BLUE, VERMILLION, ORANGE, GREY, GREEN, PURPLE, SKY, WINE)
MARKERS = ("o", "s", "v", "x", "^", "D", "h", "P", "*", "<", ">", "p", "d")
STROKES = ("-", "--", "-.", ":")
CHANCE = Look(colour=GREY, line=":", width=0.9)
REFERENCE = Look(colour=GREY, line="--", width=0.9)

RC = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "svg.fonttype": "none",  # text stays text: it can be searched and read aloud
    "svg.hashsalt": "lotterylab",
}


def looks(names: Iterable[str], curves: Collection[str] = ()) -> dict[str, Look]:
    """Return a look for each name, no two alike: its fixed look, or a look by its place among the names.

    ``curves``: the names that are drawn without markers.  Where not all can differ in colour and stroke, these do.
    """
    every = list(dict.fromkeys(names))
    known = {**{called(name): look for name, look in METHODS.items()}, **METHODS, **CONTROLS, **DENSE, **SPARSE}
    fixed = {name: known[name] for name in every if name in known}
    taken = {(look.colour, mark) for look in fixed.values() for mark in (look.marker, look.line)}
    few = len(COLOURS) * len(STROKES)  # the number of lines that differ without markers, as training curves are drawn
    first = [look for look in map(line, range(few)) if (look.colour, look.line) not in taken]
    free = (look for look in chain(first, map(line, count(few))) if (look.colour, look.marker) not in taken)
    others = [name for name in every if name not in fixed]
    if len(others) > len(first):
        others.sort(key=lambda name: name not in curves)
    given = fixed | dict(zip(others, free, strict=False))
    return {name: given[name] for name in every}


def target(number: int) -> Look:
    """Return the look of the number-th target sparsity of a study."""
    return TARGETS[number % len(TARGETS)]


def line(number: int) -> Look:
    """Return the look of the number-th line of a figure: colours change first, then markers."""
    colour, again = number % len(COLOURS), number // len(COLOURS)
    return Look(
        colour=COLOURS[colour],
        marker=MARKERS[(colour + again) % len(MARKERS)],
        line=STROKES[(colour + again) % len(STROKES)],
        size=4.5 if again % 2 else 5.0,
        hollow=again % 2 == 1,
    )


def seed_dot(look: Look) -> Look:
    """Return the look of one seed: a small pale point of the same colour."""
    return replace(look, marker="o", line="", hollow=False, size=2.6, alpha=0.55)


def published(look: Look) -> Look:
    """Return the look of a published value: large and hollow."""
    return replace(look, line="", hollow=True, size=9.0, width=1.1)


def faint(look: Look) -> Look:
    """Return the thin pale line of one seed."""
    return replace(look, marker="", line="-", width=0.6, alpha=0.35)


def plain(look: Look) -> Look:
    """Return the look without markers."""
    return replace(look, marker="")
