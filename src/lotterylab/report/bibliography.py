"""The works behind the activation study, in plain words; the keys are those of references.bib."""

from __future__ import annotations

from collections.abc import Iterable

from lotterylab.errors import unknown

REFERENCES = {
    "frankle2019lottery": "J. Frankle, M. Carbin. The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural "
    "Networks. ICLR 2019. arXiv:1803.03635",
    "frankle2019stabilizing": "J. Frankle, G. K. Dziugaite, D. M. Roy, M. Carbin. Stabilizing the Lottery Ticket "
    "Hypothesis. 2019. arXiv:1903.01611",
    "wang2020picking": "C. Wang, G. Zhang, R. Grosse. Picking Winning Tickets Before Training by Preserving Gradient "
    "Flow (GraSP). ICLR 2020. arXiv:2002.07376",
    "glorot2010understanding": "X. Glorot, Y. Bengio. Understanding the difficulty of training deep feedforward neural "
    "networks. AISTATS 2010, PMLR 9, 249-256",
    "krizhevsky2009learning": "A. Krizhevsky. Learning Multiple Layers of Features from Tiny Images (CIFAR-10). "
    "University of Toronto, 2009",
    "alpaydin1998optical": "E. Alpaydin, C. Kaynak. Optical Recognition of Handwritten Digits. UCI Machine Learning "
    "Repository, 1998. doi:10.24432/C50P49",
    "schuirmann1987comparison": "D. J. Schuirmann. A comparison of the two one-sided tests procedure and the power "
    "approach for assessing the equivalence of average bioavailability. Journal of Pharmacokinetics and "
    "Biopharmaceutics 15(6), 657-680, 1987. doi:10.1007/BF01068419",
    "salmon2011parallel": "J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw. Parallel random numbers: as easy as "
    "1, 2, 3. SC 2011. doi:10.1145/2063384.2063405",
}


def references(keys: Iterable[str]) -> list[tuple[str, str]]:
    """(key, text) of each.

    Raises:
        UsageError: for a key that is not here.
    """
    chosen = list(keys)
    for key in chosen:
        if key not in REFERENCES:
            raise unknown("reference", key, REFERENCES)
    return [(key, REFERENCES[key]) for key in chosen]
