"""MNIST and Fashion-MNIST have 60,000 and 10,000 grey images of 28 x 28 pixels, read from the user's own copy.

[lecun1998gradient; xiao2017fashion]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lotterylab.data.published import About, Published

if TYPE_CHECKING:
    from pathlib import Path

    from lotterylab.data.copies import Copy


@dataclass(frozen=True, kw_only=True)
class Mnist(Published):
    """Handwritten digits, 28 x 28 in grey.

    The fields are those of ``Published``.  Normalised over the 60,000 training images: 0.1307 and 0.3081 as in
    PyTorch's MNIST example, which a test computes again.
    """

    name: ClassVar[str] = "mnist"
    about: ClassVar[About] = About(
        called="MNIST",
        training_images=60_000,
        test_images=10_000,
        shape=(1, 28, 28),
        classes=10,
        mean=(0.1307,),
        std=(0.3081,),
    )
    train: int = 60_000

    def _copy(self, data_dir: Path | None) -> Copy:
        from lotterylab.data import mnist_files

        return mnist_files.find(data_dir, mnist_files.MNIST)


@dataclass(frozen=True, kw_only=True)
class FashionMnist(Published):
    """Articles of clothing, 28 x 28 in grey, in files like MNIST's.

    The fields are those of ``Published``.  Normalised over the 60,000 training images with the numbers in common
    use, which we have not computed.
    """

    name: ClassVar[str] = "fashion-mnist"
    about: ClassVar[About] = About(
        called="Fashion-MNIST",
        training_images=60_000,
        test_images=10_000,
        shape=(1, 28, 28),
        classes=10,
        mean=(0.2860,),
        std=(0.3530,),
    )
    train: int = 60_000

    def _copy(self, data_dir: Path | None) -> Copy:
        from lotterylab.data import mnist_files

        return mnist_files.find(data_dir, mnist_files.FASHION)
