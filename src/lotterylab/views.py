"""The one argument of every pluggable method, and the protocols of the methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from lotterylab.types import Batch, Mask, Scores, State

if TYPE_CHECKING:
    import numpy
    from torch import Tensor

    from lotterylab.network import Network


@dataclass(frozen=True, kw_only=True)
class View:
    """A ``View`` is all that a method may look at; fields may be added and are never removed.

    ``names``: the parameters to be scored.  ``loss(logits (B, K), targets (B,)) -> scalar``.
    ``mask``: what is kept already; the network is scored as pruned by it.  ``initial``: the state before training.
    ``shape``: the shape of one input, (C, H, W) or (features,).
    ``stream(*names)``: a random generator for a purpose.  ``train``: the mode the module is scored in; None leaves each
    layer in the mode it has.
    """

    net: Network
    loss: Callable[[Tensor, Tensor], Tensor]
    state: State
    names: tuple[str, ...]
    batch: Batch | None
    stream: Callable[..., numpy.random.Generator]
    mask: Mask | None = None
    initial: State | None = None
    shape: tuple[int, ...] | None = None
    train: bool | None = True


class Criterion(Protocol):
    """A ``Criterion`` is a frozen dataclass that scores weights when it is called; a higher score means keep.

    The three flags say what it needs beside the state: a batch, the shape of an input, the initial state.
    """

    needs_batch: ClassVar[bool]
    needs_shape: ClassVar[bool]
    needs_initial: ClassVar[bool]

    def __call__(self, view: View) -> Scores:
        """Return one score for each entry of each of ``view.names``."""
        ...
