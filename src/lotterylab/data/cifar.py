"""CIFAR-10 and CIFAR-100 are read from the user's own copy.   [krizhevsky2009learning]"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lotterylab.data.published import About, Published

if TYPE_CHECKING:
    from pathlib import Path

    from lotterylab.data.copies import Copy

# CIFAR-10's values per channel over the 50,000 training images, as most publications use them
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)


@dataclass(frozen=True, kw_only=True)
class Cifar10(Published):
    """Photographs of 10 kinds of things, 32 x 32 in colour, from the user's own copy.   [krizhevsky2009learning]

    The first ``train`` training images, the next ``validation`` and the first ``test`` test images, uint8 (n, 3, 32,
    32).

    Args:
        train: training images, of 50,000.
        validation: validation images, which follow the training images.
        test: test images, of 10,000.
        split_seed: permutes the training images before they are divided; None leaves their order.
        pixels: "standardised" to mean 0 and variance 1 of each channel, or "unit", from 0 to 1 as they are.

    Raises:
        UsageError: more images are asked for than there are; when it loads, missing or damaged files.

    Examples:
        >>> Cifar10(train=5_000, validation=1_000).title
        'CIFAR-10@5000'
    """

    name: ClassVar[str] = "cifar10"
    about: ClassVar[About] = About(
        called="CIFAR-10",
        training_images=50_000,
        test_images=10_000,
        shape=(3, 32, 32),
        classes=10,
        mean=MEAN,
        std=STD,
    )
    train: int = 50_000

    def _copy(self, data_dir: Path | None) -> Copy:
        from lotterylab.data import cifar_files

        return cifar_files.find(data_dir, cifar_files.CIFAR10)


@dataclass(frozen=True, kw_only=True)
class Cifar100(Published):
    """Photographs of 100 kinds of things, 32 x 32 in colour, by their fine labels.   [krizhevsky2009learning]

    Images are uint8 (n, 3, 32, 32).  Normalised per channel over the 50,000 training images with the numbers in common
    use, which we have not computed.

    Args:
        train: training images, of 50,000.
        validation: validation images, which follow the training images.
        test: test images, of 10,000.
        split_seed: permutes the training images before they are divided; None leaves their order.
        pixels: "standardised" to mean 0 and variance 1 of each channel, or "unit", from 0 to 1 as they are.

    Raises:
        UsageError: more images are asked for than there are; when it loads, missing or damaged files.

    Examples:
        >>> Cifar100().classes
        100
    """

    name: ClassVar[str] = "cifar100"
    about: ClassVar[About] = About(
        called="CIFAR-100",
        training_images=50_000,
        test_images=10_000,
        shape=(3, 32, 32),
        classes=100,
        mean=(0.5071, 0.4865, 0.4409),
        std=(0.2673, 0.2564, 0.2762),
    )
    train: int = 50_000

    def _copy(self, data_dir: Path | None) -> Copy:
        from lotterylab.data import cifar_files

        return cifar_files.find(data_dir, cifar_files.CIFAR100)
