"""An epoch's order of images and their augmentation are pure functions of the seed and the epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from lotterylab import rng
from lotterylab.data.augment import Augment
from lotterylab.data.draws import EpochDraws
from lotterylab.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Stream(Protocol):
    """A ``Stream`` is a frozen dataclass that draws an epoch."""

    def epoch(self, seed: int, epoch: int, *, n: int, augment: Augment) -> EpochDraws:
        """Return the draws of epoch 0, 1, ... over n images; they do not depend on earlier draws."""
        ...


@dataclass(frozen=True, kw_only=True)
class NamedStream:
    """Order, crops and flips come each from a random stream of their own, so augmentation does not change the order.

    The streams are ``rng.stream(seed, "order", epoch)``, "crop" and "flip".

    Examples:
        >>> from lotterylab.data import Augment
        >>> draws = NamedStream().epoch(0, 3, n=5, augment=Augment())
        >>> sorted(draws.order.tolist())
        [0, 1, 2, 3, 4]
    """

    version: ClassVar[int] = 1

    def epoch(self, seed: int, epoch: int, *, n: int, augment: Augment) -> EpochDraws:
        """The draws of one epoch over n images."""
        import torch

        crop = rng.stream(seed, "crop", epoch)
        flips = rng.stream(seed, "flip", epoch).integers(0, 2, n) == 1
        return EpochDraws(
            order=torch.from_numpy(rng.stream(seed, "order", epoch).permutation(n)),
            rows=torch.from_numpy(crop.integers(0, augment.places, n)),
            cols=torch.from_numpy(crop.integers(0, augment.places, n)),
            flips=torch.from_numpy(flips & augment.flip),
        )


@dataclass(frozen=True, kw_only=True)
class TorchGlobalStream:
    """Order, crops and flips come from one stream, as in a script that calls ``torch.manual_seed(seed)`` and trains.

    The script uses a ``DataLoader(shuffle=True, num_workers=0)`` with torchvision's ``RandomCrop`` and
    ``RandomHorizontalFlip``, as the published activation study did.  Every draw moves all later ones, so what came
    before the first epoch is part of the spec.  Words are the 32-bit words of the generator (MT19937).  An epoch takes
    2 words for the loader's base seed, 2 for the sampler's seed, and for each image one for the row, one for the column
    and one for the flip, of those that ``augment`` asks for.

    Args:
        drawn_before: words drawn by the model's initialisation, one for each uniform float.
        scoring_batch: images of one batch that was fetched through the training loader before the first epoch
            (``next(iter(loader))``), 0 for none.
        evaluations_per_epoch: loaders that are iterated after each epoch without shuffling: each takes a base seed.

    Raises:
        UsageError: when it draws, a scoring batch larger than the data.

    Examples:
        >>> from lotterylab.data import Augment
        >>> draws = TorchGlobalStream(drawn_before=100).epoch(0, 3, n=5, augment=Augment())
        >>> sorted(draws.order.tolist())
        [0, 1, 2, 3, 4]
    """

    version: ClassVar[int] = 1
    drawn_before: int = 0
    scoring_batch: int = 0
    evaluations_per_epoch: int = 1

    def epoch(self, seed: int, epoch: int, *, n: int, augment: Augment) -> EpochDraws:
        """The draws of one epoch over n images.

        Nothing is kept from the epoch before: the words up to here are drawn again and dropped, at 3 ns each.
        """
        if self.scoring_batch > n:
            raise UsageError(f"a scoring batch of {self.scoring_batch} images was asked for, of {n} images in all.")
        start = self.drawn_before + epoch * (_pass_words(n, augment) + 2 * self.evaluations_per_epoch)
        if self.scoring_batch:
            start += _pass_words(self.scoring_batch, augment)
        return _one_pass(seed, start, n=n, size=n, augment=augment)

    def scoring_draws(self, seed: int, *, n: int, size: int, augment: Augment) -> EpochDraws:
        """The draws of the batch of ``size`` images fetched right after initialisation, from n images in all."""
        if size > n:
            raise UsageError(f"a scoring batch of {size} images was asked for, of {n} images in all.")
        return _one_pass(seed, self.drawn_before, n=n, size=size, augment=augment)


def _pass_words(size: int, augment: Augment) -> int:
    return 4 + size * (2 * (augment.crop_padding > 0) + augment.flip)


def _one_pass(seed: int, start: int, *, n: int, size: int, augment: Augment) -> EpochDraws:
    """Return the draws of an iteration over the shuffling loader from word ``start``, stopped after ``size`` images."""
    import torch

    words = _words(seed, start, _pass_words(size, augment))
    # random_() of an int64 tensor takes two words, the higher first, without the sign bit; the first two words are the
    # base seed, which only worker processes use
    sampler_seed = (int(words[2]) << 32 | int(words[3])) & (2**63 - 1)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(sampler_seed))[:size]
    drawn = torch.from_numpy(words[4:].astype("int64").reshape(size, -1))
    rows, cols, flips = torch.zeros(3, size, dtype=torch.int64)
    if augment.crop_padding:
        rows, cols = drawn[:, 0] % augment.places, drawn[:, 1] % augment.places
    if augment.flip:
        flips = (drawn[:, -1] & 0xFFFFFF) < 2**23  # the 24 bits of torch.rand's float, below 0.5
    return EpochDraws(order=order, rows=rows, cols=cols, flips=flips.bool())


def _words(seed: int, start: int, count: int) -> NDArray[np.uint32]:
    import numpy as np

    # torch's CPU generator is MT19937 too, seeded with the low 32 bits
    generator = np.random.RandomState(seed & 0xFFFFFFFF)
    chunk = 1 << 20  # bounds the memory of dropped words
    for dropped in range(0, start, chunk):
        generator.randint(0, 2**32, min(chunk, start - dropped), dtype=np.uint32)
    return generator.randint(0, 2**32, count, dtype=np.uint32)
