"""Where text and numbers of the published activation study part: what it says, what it does, and what would follow."""

from __future__ import annotations

import re

from lotterylab.reading.questions import Question
from lotterylab.studies.activations_predictions import PREDICTIONS


def _question(key: str, protocol_does: str, follows: str) -> Question:
    """Claim and expectation come from the predictions, word for word; "7A" takes part A of prediction 7."""
    number, part = (key[:-1], key[-1]) if key[-1] in "ABC" else (key, "")
    prediction = next(one for one in PREDICTIONS if one.key == number)
    return Question(
        key=key,
        claim=prediction.claim,
        protocol_does=protocol_does,
        follows=follows,
        expected=_part(prediction.expected, part) if part else prediction.expected,
    )


def _part(expected: str, letter: str) -> str:
    """The sentences from "A:" or "A (...)" up to the next letter."""
    parts = re.split(r"(?:^|(?<=\. ))(?=[ABC](?::| \())", expected)
    return next(part for part in parts if part.startswith(letter)).strip()


_SIGMOID = (
    "Dense and magnitude runs share one data stream and stay at chance; the first-order runs have another stream and a "
    "mask of one sign."
)
_DISTANCE = (
    "The mean over the eight tensors, biases included, of ||dense - pruned|| / ||dense||, after 50 against 20 epochs."
)

QUESTIONS = {
    question.key: question
    for question in (
        _question(
            "1",
            'A fraction 1 - s is removed: 10 % at "0.9".',
            "Mask sparsity falls from 0.50 to 0.10 as the target rises: what keeps its accuracy at 0.9 lost a tenth of "
            "its weights.",
        ),
        _question(
            "2",
            "Nothing holds the mask while the network is retrained.",
            'Every "pruned" result is a dense network, some of whose weights started at 0.',
        ),
        _question(
            "3",
            "All ties at score 0 are kept; a gradient of exactly 0 makes such a tie.",
            "Three identical masks, hence identical points; the zero gradients behind them come from dead units.",
        ),
        _question(
            "4",
            "-w g^2 is a test of the sign of w, and the highest scores are kept; GraSP's score is -w (H g), of which "
            "the highest go.",
            "These rows say nothing about GraSP: the mask is no more like GraSP's than chance, and is of one sign.",
        ),
        _question(
            "5",
            "The trained network is scored, at its best test epoch.",
            "The mask is not the one that pruning before training would give.",
        ),
        _question(
            "6",
            "The test set picks the epoch of the network that is scored, and is what is reported.",
            "Selection on the test set is optimistic, but it reaches the reported accuracy, the last epoch's, only "
            "through the network that is scored: by less than 0.02.",
        ),
        _question("7A", _DISTANCE, "Tiny tensors dominate: the four biases carry more than half of D."),
        _question(
            "7B",
            _DISTANCE,
            "For sigmoid D is large because the dense network never learned: the norms below the line are small.",
        ),
        _question("8A", _SIGMOID, "Luck of the stream: magnitude leaves chance too, if it is given the other stream."),
        _question("8B", _SIGMOID, "A mask of one sign breaks the common mode: random masks of one sign leave chance."),
        _question("8C", _SIGMOID, "Learning rate 0.1 keeps sigmoid at chance: at a chosen rate every arm leaves it."),
        _question(
            "9",
            "The dense curve begins with six points of abandoned starts; aligned by epoch the pruned runs still lead.",
            "The lead at epoch 10 is noise of one seed at learning rate 0.1.",
        ),
        _question(
            "10",
            "The learning rate falls tenfold after epoch 10.",
            "The jump is the schedule's, not pruning's: dense runs have it too, and it moves with the drop.",
        ),
        _question(
            "11",
            'At "0.9" tanh has 0.431 and 0.439, ReLU with magnitude 0.425.',
            "False as stated: at some target tanh is above ReLU.",
        ),
        _question(
            "12",
            "D is 4.4, 5.3 and 3.3 at the three targets, from one seed.",
            "The spike is one seed's: over seeds D at the middle target is not above the mean of its neighbours.",
        ),
        _question(
            "corrected",
            "In the corrected protocol masks are held, streams are apart, GraSP scores the initial network, and the "
            "learning rate is chosen on validation for each activation.",
            "What was expected of each contrast, all of them together.",
        ),
    )
}
