"""How things look: one colour and one marker for each thing, on every figure.

Colours are those of Okabe and Ito ("Color Universal Design", 2008), told apart by the colour-blind; markers and line
styles tell the same things apart without any colour.
"""

from __future__ import annotations

from dataclasses import replace

from lotterylab.report.grid import Look

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#767676"
WINE = "#882255"  # of Tol's muted scheme, for what a ninth colour is needed

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
    "random": Look(colour=GREY, marker="x", line=":"),
}
NAMES = {
    "first-order": "first-order score",
    "grasp": "GraSP, exact",
    "snip": "SNIP",
    "snip-iterative": "SNIP, 100 rounds",
    "synflow": "SynFlow, 100 rounds",
    "synflow-one-shot": "SynFlow, one shot",
    "magnitude-at-init": "magnitude at initialisation",
    "magnitude-increase": "magnitude increase",
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
    "": Look(colour=BLACK, line="-", width=1.2),
    "total epochs": Look(colour=GREY, line="--", width=1.2),
    "pruned epochs": Look(colour=GREY, line=":", width=1.6),
}
LINES = (  # of a study's own figures, in the order in which it names them
    Look(colour=BLUE, marker="o"),
    Look(colour=VERMILLION, marker="s", line="--"),
    Look(colour=ORANGE, marker="v", line="-."),
    Look(colour=GREY, marker="x", line=":"),
    Look(colour=GREEN, marker="^", line="-"),
    Look(colour=PURPLE, marker="D", line="--", size=4.5),
    Look(colour=SKY, marker="h", line="-."),
    Look(colour=WINE, marker="P", line=":"),
    Look(colour=BLUE, marker="o", line=":", hollow=True),
    Look(colour=VERMILLION, marker="s", line="-.", hollow=True),
    Look(colour=GREEN, marker="^", line=":", hollow=True),
    Look(colour=PURPLE, marker="D", line="-", size=4.5, hollow=True),
)
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


def method(name: str) -> Look:
    """The look of a method; those of the probes are grey."""
    return METHODS.get(name, Look(colour=GREY, marker="X"))


def called(name: str) -> str:
    """The name of a method for a reader."""
    return NAMES.get(name, name)


def target(number: int) -> Look:
    """The look of the number-th target sparsity of a study."""
    return TARGETS[number % len(TARGETS)]


def line(number: int) -> Look:
    """The look of the number-th line of a figure."""
    return LINES[number % len(LINES)]


def seed_dot(look: Look) -> Look:
    """A small pale point of the same colour: one seed."""
    return replace(look, marker="o", line="", hollow=False, size=2.6, alpha=0.55)


def published(look: Look) -> Look:
    """Large and hollow: a value read off a published figure."""
    return replace(look, line="", hollow=True, size=9.0, width=1.1)


def faint(look: Look) -> Look:
    """The thin pale line of one seed."""
    return replace(look, marker="", line="-", width=0.6, alpha=0.35)


def plain(look: Look) -> Look:
    """Without markers."""
    return replace(look, marker="")
