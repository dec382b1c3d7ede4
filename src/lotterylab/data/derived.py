"""Data that are made from other data: what they share with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lotterylab.protocols import DataSpec
from lotterylab.words import check_words

if TYPE_CHECKING:
    from pathlib import Path

    from lotterylab.types import Fingerprint


@dataclass(frozen=True, kw_only=True)
class Derived:
    """``Derived`` is the abstract base of data that are made from ``spec``, and pinned by its content."""

    spec: DataSpec

    def __post_init__(self) -> None:
        check_words(self)

    @property
    def name(self) -> str:
        """Return the name of the data."""
        return self.spec.name

    @property
    def classes(self) -> int:
        """Return the number of classes."""
        return self.spec.classes

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return the shape of an image."""
        return self.spec.shape

    @property
    def validation(self) -> int:
        """Return the number of validation images."""
        return self.spec.validation

    @property
    def test(self) -> int:
        """Return the number of test images."""
        return self.spec.test

    def fingerprint(self, data_dir: Path | None) -> Fingerprint:
        """Return the fingerprint of the data from which these are made; the spec describes the rest."""
        return self.spec.fingerprint(data_dir)
