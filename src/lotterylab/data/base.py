"""A data set has three separate splits, and a fingerprint of the content that was read."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor, device

ENVIRONMENT = "LOTTERYLAB_DATA"


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Images uint8 ``(n, C, H, W)``, labels int64 ``(n,)``, and bool ``(n,)``: which images are only approximately
    those of the data set's canonical copy.  n may be 0 for validation."""

    images: Tensor
    labels: Tensor
    approximate: Tensor

    def __len__(self) -> int:
        """n."""
        return len(self.labels)

    def to(self, device: str | device) -> Split:
        """The same split on a device."""
        return Split(
            images=self.images.to(device), labels=self.labels.to(device), approximate=self.approximate.to(device)
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Train, validation and test, with how to normalise: ``(x / scale - mean) / std`` for a raw byte x.

    ``mean`` and ``std`` hold one number per channel, on the scale 0..1; ``scale`` is the largest raw value.
    """

    train: Split
    validation: Split
    test: Split
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    scale: float

    def to(self, device: str | device) -> Dataset:
        """The same data set, wholly on a device."""
        return replace(
            self, train=self.train.to(device), validation=self.validation.to(device), test=self.test.to(device)
        )


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """What was read, kept with every result.

    ``content``: SHA-256 over the very images, labels and flags used in all three splits, their sizes, and the
    normalisation; it is part of a result's identity.  The same images in another file layout have the same content.
    ``files``: (name, "md5:..." or "sha256:...") of each whole file that was read, of the kind that is published for it.
    ``warnings``: one line each, to be shown with the results.
    """

    content: str
    files: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...] = ()


class DataSpec(Protocol):
    """Which data, and how many of them: a frozen keyword-only dataclass, importable without torch."""

    name: ClassVar[str]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of an image."""
        ...

    @property
    def classes(self) -> int:
        """K."""
        ...

    @property
    def title(self) -> str:
        """How tables and figures call it; a subset says so ("CIFAR-10@5000")."""
        ...

    def load(self, data_dir: Path | None) -> Dataset:
        """The images themselves, on the CPU.

        Raises:
            UsageError: the files are not there, or are damaged.
        """
        ...

    def fingerprint(self, data_dir: Path | None) -> Fingerprint:
        """What ``load`` would give, by name; without torch.

        Raises:
            UsageError: the files are not there, or are damaged.
        """
        ...


def data_dir(option: str | None) -> Path | None:
    """Return the user's data folder: ``--data-dir``, or the environment variable LOTTERYLAB_DATA, or None."""
    chosen = option or os.environ.get(ENVIRONMENT)
    return Path(chosen).expanduser() if chosen else None


def check_sizes(title: str, *, train: int, validation: int, test: int) -> None:
    """Refuse sizes that leave no image to train on or to test on."""
    for name, size, least in (("train", train, 1), ("validation", validation, 0), ("test", test, 1)):
        if size < least:
            raise UsageError(f"{title} with {name}={size}: give at least {least}.", option=name)
