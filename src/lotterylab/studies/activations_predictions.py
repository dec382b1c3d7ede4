"""The predictions for the activation study and the rules of their verdicts, written before the runs.

Two things were known: the published figures, and one run of the published sigmoid column at seed 42.  Intervals are
95 % t intervals over seeds, of paired differences if two arms share a seed.  "Equal" is claimed only if the 90 %
interval of a difference lies inside the margin (two one-sided tests at 5 %, [schuirmann1987comparison]).
"""

from __future__ import annotations

from lotterylab.plan.plan import Prediction

EQUAL_ACCURACY = 0.02  # margin within which two accuracies count as equal
EXPLAINED = 0.9  # dead units explain the zero gradients, if the interval of the explained share lies above
LEFT_CHANCE = 0.2  # a run of ten classes has left chance above this accuracy
JUMP = 0.02  # the least jump of a curve: mean of three epochs after, minus mean of three before
UNRELATED = 0.1  # two masks are unrelated when Cohen's kappa lies within this of 0

PREDICTIONS = (
    Prediction(
        key="1",
        claim="sparsity s is the fraction pruned; the actual sparsity matches the target",
        expected="The fraction 1 - s is removed by magnitude in every seed: 272,431 / 108,971 / 54,485 weights of the "
        "CIFAR-10 network plus ties; the alarm for it is raised in every pruned run.",
    ),
    Prediction(
        key="2",
        claim="pruned models are retrained",
        expected="More than 95 % of the removed weights are nonzero after retraining, in every activation and method.",
    ),
    Prediction(
        key="3",
        claim="GraSP on ReLU failed to prune, 0.05 at every target",
        expected="One mask for all three targets in at least 4 of 5 seeds. Dead units enter or are left by more than "
        "90 % of the weights whose gradient is exactly zero (refuted if the interval lies below 90 %).",
    ),
    Prediction(
        key="4",
        claim="-w g^2 is a first-order approximation of GraSP",
        expected="Refuted: at initialisation its mask agrees with exact GraSP's no better than chance (Cohen's kappa "
        "within 0.1 of 0), and of what it removes at most 1 % is negative while positive weights are left.",
    ),
    Prediction(
        key="5",
        claim="GraSP prunes before training",
        expected="Scored on the trained network the mask differs from the one scored at initialisation: kappa below "
        "0.5.",
    ),
    Prediction(
        key="6",
        claim="validation accuracy",
        expected="The reported accuracy is the last epoch's, so selection on the test set acts only through the "
        "network that is scored: the last-epoch accuracy is equal (margin 0.02) with and without it. The best test "
        "epoch lies above the last one by 0.01 to 0.03 for ReLU and tanh.",
    ),
    Prediction(
        key="7",
        claim="D = ||W_dense - W_pruned|| / ||W_dense||",
        expected="A: the four bias tensors carry more than half of D. B: for sigmoid and the first-order score, the "
        "same distance taken relative to the ticket's norms is below 1.5 where D is above 3.",
    ),
    Prediction(
        key="8",
        claim="for sigmoid, GraSP greatly outperforms magnitude, because of volatile gradients and saturation",
        expected="A (luck of the stream) refuted: magnitude stays at chance with the other stream in most seeds. B (a "
        "mask of one sign) confirmed: random masks of one sign leave chance with both streams at 0.5. C (learning "
        "rate) confirmed: at the chosen rate all arms leave chance.",
    ),
    Prediction(
        key="9",
        claim="ReLU: both pruned models initially outperform the dense model",
        expected="Cannot be said: the interval of the lead at epoch 10 contains 0 for at least one method.",
    ),
    Prediction(
        key="10",
        claim="tanh: all improve significantly around epoch 10",
        expected="Schedule: the jump of the dense tanh curve is at epoch 10 as published, and moves to epoch 25 with "
        "the drop.",
    ),
    Prediction(
        key="11",
        claim="tanh accuracies are lower than both ReLU's",
        expected="Cannot be said at learning rate 0.1: ReLU's spread over seeds is larger than the difference. At the "
        "chosen rates tanh is lower than ReLU by 0.02 to 0.06, dense.",
    ),
    Prediction(
        key="12",
        claim="a large spike in instability at 0.8",
        expected="Refuted or cannot be said: D(0.8) minus the mean of D(0.5) and D(0.9) has an interval that contains "
        "0.",
    ),
    Prediction(
        key="corrected",
        claim="what the text claims, done as the text says",
        expected="At 0.5 magnitude tickets equal dense networks of as many epochs for every activation (margin 0.02). "
        "At 0.9 magnitude beats random masks of its layer-wise density for every activation; exact GraSP beats random "
        "for ReLU and not surely for sigmoid; the first-order score is below random at 0.5. Reinitialised tickets "
        "equal the originals for sigmoid and are lower by 0.01 to 0.03 for ReLU at 0.9.",
    ),
)
