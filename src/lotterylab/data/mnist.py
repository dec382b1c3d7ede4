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
    """Handwritten digits, 28 x 28 in grey, from the user's own copy.   [lecun1998gradient]

    The first ``train`` training images, the next ``validation`` and the first ``test`` test images, uint8 (n, 1, 28,
    28). Normalised over the 60,000 training images: 0.1307 and 0.3081 as in PyTorch's MNIST example, which a test
    computes again.

    Args:
        train: training images, of 60,000.
        validation: validation images, which follow the training images.
        test: test images, of 10,000.
        split_seed: permutes the training images before they are divided; None leaves their order.
        pixels: "standardised" to mean 0 and variance 1, or "unit", from 0 to 1 as they are.

    Raises:
        UsageError: more images are asked for than there are; when it loads, missing or damaged files.

    Examples:
        >>> spec = Mnist(train=55_000, validation=5_000)
        >>> spec.title, spec.shape, spec.classes
        ('MNIST', (1, 28, 28), 10)
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
    """Articles of clothing, 28 x 28 in grey, in files like MNIST's.   [xiao2017fashion]

    Images are uint8 (n, 1, 28, 28).  Normalised over the 60,000 training images with the numbers in common use, which
    we have not computed.

    Args:
        train: training images, of 60,000.
        validation: validation images, which follow the training images.
        test: test images, of 10,000.
        split_seed: permutes the training images before they are divided; None leaves their order.
        pixels: "standardised" to mean 0 and variance 1, or "unit", from 0 to 1 as they are.

    Raises:
        UsageError: more images are asked for than there are; when it loads, missing or damaged files.

    Examples:
        >>> FashionMnist(train=5_000, test=5_000).title
        'Fashion-MNIST@5000'
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
