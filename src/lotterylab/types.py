"""The words of the whole package, as types.

Shape legend, used in every docstring and signature:

    B  batch      C  channels    H, W  height, width    K  classes
    P  parameters of one tensor (any shape)             N  networks (a leading axis, where there is one)
    n  entries of a mask, counted over all its tensors
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NewType

if TYPE_CHECKING:
    from torch import Tensor

    State = NewType("State", dict[str, Tensor])  # parameters and buffers by their qualified name
    Mask = NewType("Mask", dict[str, Tensor])  # bool, True = kept
    Scores = NewType("Scores", dict[str, Tensor])  # float, higher = keep
    Inputs = Tensor | tuple[Any, ...] | Mapping[str, Any]  # of one forward pass
else:  # plain dicts at run time, and no torch import for those who only plan or print
    State = Mask = Scores = dict
    Inputs = object


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Inputs ``(B, C, H, W)`` or ``(B, features)`` and integer targets ``(B,)``.

    Of a user's own module the inputs may be several, a tuple of its arguments or a dict of them by name, and the
    targets whatever the loss takes.
    """

    inputs: Inputs
    targets: Any


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A training at one step: all that is needed to go on from it, and what was measured on the way.

    ``step`` counts steps of the recipe.  ``optimizer`` holds one flat dict of tensors
    (``"momentum/conv1.weight"``, see ``training.slots``).  ``kept`` holds the states that the recipe asked to keep
    (``"best"``), each a whole ``State``.
    """

    step: int
    state: State
    optimizer: dict[str, Tensor]
    kept: dict[str, State]
    metrics: dict[str, Any]
