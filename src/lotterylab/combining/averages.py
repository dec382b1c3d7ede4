"""Averages of states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from lotterylab.combining.base import Combining, Values
from lotterylab.types import State


@dataclass(frozen=True, kw_only=True)
class Average(Combining):
    """The mean of all states, in every tensor: of two tickets of one mask, the middle between them.
    [frankle2020linear, section 2: the middle of the line along which instability is measured]

    Running statistics of norms are averaged too; ``analysis.Barrier`` estimates them anew.  Whole numbers, as the count
    of batches, are those of the first name.

    Examples:
        >>> import torch
        >>> Average()({"a": {"w": torch.tensor([1.0])}, "b": {"w": torch.tensor([2.0])}}, ["w"], 0)["w"].item()
        1.5
    """

    def __call__(self, of: Values, names: Sequence[str], seed: int) -> State:
        """Return the mean."""
        import torch

        states = [of[name] for name in sorted(of)]
        return cast(
            State,
            {
                name: torch.stack([state[name].double() for state in states]).mean(0).to(tensor)
                if tensor.is_floating_point()
                else tensor.clone()
                for name, tensor in states[0].items()
            },
        )
