"""The claims on the published activation study: its text, its code, and our explanation of the difference."""

from __future__ import annotations

import re
from collections.abc import Callable

from lotterylab.reading.claims import Claim, Judgement
from lotterylab.reading.rows import Rows
from lotterylab.studies.activations_predictions import PREDICTIONS
from lotterylab.studies.verdicts_accuracy import selection_on_test, tanh_against_relu
from lotterylab.studies.verdicts_corrected import corrected
from lotterylab.studies.verdicts_curves import jump_moves_with_the_rate, lead_of_the_pruned
from lotterylab.studies.verdicts_distances import biases_dominate, grown_back, one_seeds_spike, small_norms
from lotterylab.studies.verdicts_masks import dead_units, not_before_training, not_grasp, reversed_fraction
from lotterylab.studies.verdicts_sigmoid import learning_rate, luck_of_the_stream, one_sided_mask


def _claim(key: str, judge: Callable[[Rows], Judgement], does: str, explanation: str) -> Claim:
    """Return a claim with the text and expectation of its prediction; "7A" takes part A of prediction 7."""
    number, part = (key[:-1], key[-1]) if key[-1] in "ABC" else (key, "")
    prediction = next(prediction for prediction in PREDICTIONS if prediction.key == number)
    return Claim(
        key=key,
        text=prediction.claim,
        judge=judge,
        does=does,
        explanation=explanation,
        expected=_part(prediction.expected, part) if part else prediction.expected,
    )


def _part(expected: str, letter: str) -> str:
    """Return the sentences from "A:" or "A (...)" up to the next letter."""
    parts = re.split(r"(?:^|(?<=\. ))(?=[ABC](?::| \())", expected)
    return next(part for part in parts if part.startswith(letter)).strip()


_SIGMOID = (
    "Dense and magnitude runs share one data stream and stay at chance; the first-order runs have another stream and a "
    "mask of one sign."
)
_DISTANCE = (
    "The mean over the eight tensors, biases included, of ||dense - pruned|| / ||dense||, after 50 against 20 epochs."
)

CLAIMS = (
    _claim(
        "1",
        reversed_fraction,
        'A fraction 1 - s is removed: 10 % at "0.9".',
        "Mask sparsity falls from 0.50 to 0.10 as the target rises: a network that keeps its accuracy at 0.9 lost a "
        "tenth of its weights.",
    ),
    _claim(
        "2",
        grown_back,
        "Nothing holds the mask while the network is retrained.",
        'Every "pruned" result is a dense network, some of whose weights started at 0.',
    ),
    _claim(
        "3",
        dead_units,
        "All ties at score 0 are kept; a gradient of exactly 0 makes such a tie.",
        "Three identical masks, hence identical points; the zero gradients behind them come from dead units.",
    ),
    _claim(
        "4",
        not_grasp,
        "-w g^2 has the opposite sign of w, and the highest scores are kept; GraSP's score is -w (H g), and its "
        "highest scores are removed.",
        "These rows say nothing about GraSP: the mask agrees with GraSP's no better than chance, and has one sign.",
    ),
    _claim(
        "5",
        not_before_training,
        "The trained network is scored, at its best test epoch.",
        "The mask differs from the mask that pruning before training would give.",
    ),
    _claim(
        "6",
        selection_on_test,
        "The test set picks the epoch of the network that is scored, and gives the reported accuracy.",
        "Selection on the test set is optimistic, but it reaches the reported accuracy, the last epoch's, only "
        "through the network that is scored: by less than 0.02.",
    ),
    _claim("7A", biases_dominate, _DISTANCE, "Tiny tensors dominate: the four biases carry more than half of D."),
    _claim(
        "7B",
        small_norms,
        _DISTANCE,
        "For sigmoid D is large because the dense network never learned: the norms below the line are small.",
    ),
    _claim(
        "8A",
        luck_of_the_stream,
        _SIGMOID,
        "Luck of the stream: magnitude leaves chance too, if it is given the other stream.",
    ),
    _claim(
        "8B",
        one_sided_mask,
        _SIGMOID,
        "A mask of one sign breaks the common mode: random masks of one sign leave chance.",
    ),
    _claim(
        "8C",
        learning_rate,
        _SIGMOID,
        "Learning rate 0.1 keeps sigmoid at chance: at a chosen rate every arm leaves it.",
    ),
    _claim(
        "9",
        lead_of_the_pruned,
        "The dense curve begins with six points of abandoned starts; aligned by epoch, the pruned runs still lead.",
        "The lead at epoch 10 is the noise of one seed at learning rate 0.1.",
    ),
    _claim(
        "10",
        jump_moves_with_the_rate,
        "The learning rate falls tenfold after epoch 10.",
        "The jump is the schedule's, not pruning's: dense runs have it too, and it moves with the drop.",
    ),
    _claim(
        "11",
        tanh_against_relu,
        'At "0.9" tanh has 0.431 and 0.439, ReLU with magnitude 0.425.',
        "False as stated: at some target tanh is above ReLU.",
    ),
    _claim(
        "12",
        one_seeds_spike,
        "D is 4.4, 5.3 and 3.3 at the three targets, from one seed.",
        "The spike is one seed's: over seeds D at the middle target is not above the mean of its neighbours.",
    ),
    _claim(
        "corrected",
        corrected,
        "In the corrected protocol masks are held, streams are apart, GraSP scores the initial network, and the "
        "learning rate is chosen on validation for each activation.",
        "Each contrast has the expected outcome, all of them together.",
    ),
)
