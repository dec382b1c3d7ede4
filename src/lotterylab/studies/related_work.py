"""Sentences about the eight works on which the open questions rest, each with what decides it.

A sentence is decided by its source, or by a study: by a claim of that study, or by a judge that was chosen after its
runs.  Only the parts in quotation marks are verbatim.  No number of ours is typed here: ``{interval}`` and ``{n}`` are
filled from the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass

from lotterylab.engine.results import Result
from lotterylab.reading.deciding import Word
from lotterylab.reading.judging import Judge, above, less, more
from lotterylab.reading.lines import Line, of
from lotterylab.reading.rows import read_from
from lotterylab.studies import early_bird_claims as bird
from lotterylab.studies import glorot_claims as glorot
from lotterylab.studies import grasp_table_claims as table
from lotterylab.studies import lth_mnist_claims as lth
from lotterylab.studies import rewinding_reading as rewinding
from lotterylab.studies.ticket_lines import SAME_COST

ALIVE = 0.1  # the mean activation of a sigmoid layer that has not gone to 0
TRAINS = 0.9  # the test accuracy of a network that has learned MNIST
LTH, STABILISING, GLOROT = "frankle2019lottery", "frankle2019stabilizing", "glorot2010understanding"
GRASP, EARLY_BIRD, RANDOM_OUT = "wang2020picking", "you2020drawing", "cohen2016randomout"


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A ``Sentence`` is said about a work, and is decided by the work itself or by a study.

    Args:
        text: the sentence.
        source: the key of the work in references.bib.
        found: what the source says; or what was measured, with ``{interval}`` and ``{n}`` for its numbers.
        study: the study that decides it; "" if the source does.
        by: the key of the study's claim, or a judge of its rows.
        opposite: whether the claim is the opposite of the sentence.
        word: the verdict of the source.
    """

    text: str
    source: str
    found: str
    study: str = ""
    by: str | Judge = ""
    opposite: bool = False
    word: Word = "not run"


def others_least(row: Result) -> float | None:
    """Return the least mean activation of the hidden layers below the last one, after a tenth of the training."""
    means = read_from(row, "early_units.mean")
    return None if means is None else min(list(means.values())[:-1])


def saturated(row: Result) -> float | None:
    """Return the share of saturated units at the end, as a mean over the hidden layers."""
    shares = read_from(row, "end_units.saturated")
    return None if shares is None else sum(shares.values()) / len(shares)


def _deep(activation: str, depth: str = glorot.DEPTH, line: Line = glorot.STANDARD) -> Line:
    return of(line, protocol=depth, activation=activation)


SENTENCES = (
    Sentence(
        text='The lottery ticket hypothesis was published "in 2009".',
        source=LTH,
        found="The paper is of 2019, and its preprint of 2018.",
        word="refuted",
    ),
    Sentence(
        text='It works "only for ... Tiny ImageNet".',
        source=LTH,
        found="Its experiments are on MNIST and CIFAR-10.",
        word="refuted",
    ),
    Sentence(
        text="A one-shot ticket is less accurate than an iterative one.",
        source=LTH,
        found="The iterative ticket's accuracy minus the one-shot ticket's is {interval} at 3.6 % (n = {n}).",
        study="lth-mnist",
        by="b",
    ),
    Sentence(
        text="A one-shot ticket is more accurate than a re-initialised one.",
        source=LTH,
        found="At the sparsest level of that claim, the one-shot ticket's accuracy minus the re-initialised iterative "
        "ticket's is {interval} (n = {n}).",
        study="lth-mnist",
        by=more(lth.ONCE, lth.REINIT, lth.EARLY, lth.level(15)),
    ),
    Sentence(
        text='The iterative ticket "outperforms all" other networks.',
        source=LTH,
        found="Its accuracy minus that of a dense network of the same total cost is {interval} (n = {n}).",
        study="lth-mnist",
        by=more(lth.TICKET, SAME_COST, lth.FINAL, lth.level(10)),
    ),
    Sentence(
        text="Unlucky seeds, a quarter or more, have no ticket.",
        source=LTH,
        found="The share of the seeds whose ticket is ahead of its random mask, in one data order or the other, is "
        "{interval} (n = {n}).",
        study="unlucky-seeds",
        by="u3",
        opposite=True,
    ),
    Sentence(
        text='"Nothing special needs to be done to initialize" the network.',
        source=LTH,
        found="The accuracy of a ticket from the normalized initialisation minus that of one from PyTorch's is "
        "{interval} (n = {n}).",
        study="init-tickets",
        by="1b",
        opposite=True,
    ),
    Sentence(
        text="The more stable a ticket is, the more accurate it is.",
        source=STABILISING,
        found="A ResNet's ticket at the low rate is more stable in the mean than at the high rate, and its accuracy "
        "minus that at the high rate is {interval} (n = {n}).",
        study="rewinding",
        by=less(rewinding.OTHERS[rewinding.LOW_RATE], rewinding.LINES[rewinding.START], rewinding.ACCURACY, 0.875),
        opposite=True,
    ),
    Sentence(
        text="With sigmoid all hidden layers go to 0.",
        source=GLOROT,
        found="Only the last hidden layer does: the least mean activation of the others is {interval} after a tenth of "
        "the training (n = {n}).",
        study="glorot",
        by=above(_deep("sigmoid"), others_least, 0.0, than=ALIVE, digits=3),
        opposite=True,
    ),
    Sentence(
        text='Softsign saturates: its units "slowly approach maximum".',
        source=GLOROT,
        found="Its share of saturated units at the end minus that of tanh is {interval} (n = {n}).",
        study="glorot",
        by=less(_deep("softsign"), _deep("tanh"), saturated, 0.0, digits=3),
        opposite=True,
    ),
    Sentence(
        text='"Models were unable to train ... every tested activation".',
        source=GLOROT,
        found="With sigmoid, the worst of the three, five hidden layers reach the test accuracy {interval} (n = {n}).",
        study="glorot",
        by=above(_deep("sigmoid"), glorot.ACCURACY, 0.0, than=TRAINS),
        opposite=True,
    ),
    Sentence(
        text="The normalized initialisation helps (the text leaves out this main result).",
        source=GLOROT,
        found="With sigmoid and four hidden layers, its accuracy minus the standard one's is {interval} (n = {n}).",
        study="glorot",
        by=more(
            _deep("sigmoid", glorot.DEPTHS[0], glorot.NORMALIZED),
            _deep("sigmoid", glorot.DEPTHS[0]),
            glorot.ACCURACY,
            0.0,
        ),
    ),
    Sentence(
        text='GraSP is "often equal to all other metrics".',
        source=GRASP,
        found="With ReLU at 0.9, magnitude's accuracy minus GraSP's is {interval} at the dense network's learning rate "
        "(n = {n}).",
        study="grasp-activations",
        by="8c",
        opposite=True,
    ),
    Sentence(
        text='"GraSP is faster" than Early-Bird.',
        source=GRASP,
        found="Early-Bird's seconds until the mask is known minus GraSP's are {interval} (n = {n}).",
        study="grasp-table",
        by=more(table.EARLY_BIRD, table.GRASP, table.SECONDS, table.LOW, digits=1),
    ),
    Sentence(
        text='Early-Bird is "cheaper" than GraSP, since it needs no second-order gradients.',
        source=EARLY_BIRD,
        found="Its multiply-accumulates of search and training minus GraSP's are {interval} in the unit of the study's "
        "page (n = {n}).",
        study="grasp-table",
        by="c3",
    ),
    Sentence(
        text='Early-Bird is "often more accurate" than GraSP.',
        source=EARLY_BIRD,
        found="With about as many weights, its accuracy minus GraSP's is {interval} (n = {n}). Its cut over all layers "
        "left one channel of the last convolution there, so that this is no test of the paper's networks.",
        study="grasp-table",
        by=more(table.EARLY_BIRD, table.GRASP, table.ACCURACY, table.LOW),
    ),
    Sentence(
        text='Early-Bird needs "less than half the FLOPs" of the dense network.',
        source=EARLY_BIRD,
        found="With ReLU, the saved share of the dense network's multiply-accumulates is {interval} (n = {n}).",
        study="early-bird",
        by=above(bird.within(bird.BIRD, "relu"), bird.saved, bird.LOW, than=0.5, digits=2),
    ),
    Sentence(
        text="Early-Bird is about as accurate as the dense network.",
        source=EARLY_BIRD,
        found="With ReLU, its accuracy minus the dense network's is {interval} (n = {n}).",
        study="early-bird",
        by="6e",
    ),
    Sentence(
        text="Early-Bird's masks are of single weights, and its heat maps have other colours.",
        source=EARLY_BIRD,
        found="Its masks are of channels, by the scales of batch norm; its heat maps go from green (early masks, far "
        "apart) to yellow (late masks, near each other).",
        word="refuted",
    ),
    *(
        Sentence(text=text, source=RANDOM_OUT, found=f"{found} {{interval}} (n = {{n}}).", study="random-out", by=key)
        for key, text, found in (
            (
                "r1",
                "With RandomOut fewer networks fail to train.",
                "Where one side alone fails, its share is",
            ),
            ("r4", "With RandomOut the accuracy varies less over seeds.", "The ratio of the standard deviations is"),
            ("r3", "Wider networks fail less often.", "Where one width alone fails, the widest network's share is"),
            ("r5", "Batch norm makes RandomOut needless.", "With batch norm, it changes the accuracy by"),
        )
    ),
)
