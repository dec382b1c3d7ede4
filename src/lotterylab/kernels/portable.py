"""Chains of linear layers on a machine without a C compiler: the same steps, by torch's products."""

from __future__ import annotations

from dataclasses import dataclass

from lotterylab.kernels.build import OFF, switched

VERSION = 1  # raised when the numbers change, if only by rounding


@dataclass(frozen=True, kw_only=True)
class Portable:
    """A ``Portable`` stands where a compiled ``Library`` would.

    Args:
        real: the C type of its numbers, "float", or "double" for comparisons.
    """

    real: str = "float"

    def name(self, kind: str) -> str:
        """Return the name of the path, as ``Library.name`` does.

        Examples:
            >>> Portable().name("chain")
            'chain of products 1'
        """
        return f"{kind} of products {VERSION}"


def portable() -> Portable | None:
    """Return what computes the steps of a chain without a compiler; None where all kernels are switched off."""
    return None if switched() in OFF else Portable()
