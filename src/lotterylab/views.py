"""The one argument of every pluggable method, and the protocols of the methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from lotterylab.protocols import Intervening
from lotterylab.types import Batch, Mask, Scores, State

if TYPE_CHECKING:
    import numpy
    from torch import Tensor

    from lotterylab.network import Network


@dataclass(frozen=True, kw_only=True)
class View:
    """A ``View`` is all that a method may look at; fields may be added and are never removed.

    Args:
        net: the network as pure functions.
        loss: ``loss(logits (B, K), targets (B,)) -> scalar``.
        state: parameters and buffers by name.
        names: the parameters that are scored or masked.
        batch: the images and labels at hand.
        stream: ``stream(*names)`` is a random generator for a purpose.
        mask: what is kept already; the network is scored as pruned by it.
        initial: the state before training.
        shape: of one input, (C, H, W) or (features,).
        train: the mode the module is scored in; None leaves each layer in the mode it has.
        step: the updates so far.  This and the following fields are filled for interventions alone.
        steps_per_epoch: batches in a pass over the training images; None if it is not known.
        total_steps: updates of the whole training; None if it is not known.
        gradients: of the update just made, by parameter, pruned entries included.
        kept_gradients: the same with 0 at pruned entries, where that is known without those; None where it is not.
        optimizer: its state by slot and parameter, such as "momentum/conv1.weight".
        fresh: ``fresh(*names)`` draws the initial state anew, for a purpose.
        lr: the learning rate of the update just made; None where parameters have different rates.
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
    step: int = 0
    steps_per_epoch: int | None = None
    total_steps: int | None = None
    gradients: Mapping[str, Tensor] = field(default_factory=dict)
    kept_gradients: Mapping[str, Tensor] | None = None
    optimizer: Mapping[str, Tensor] = field(default_factory=dict)
    fresh: Callable[..., State] | None = None
    lr: float | None = None


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


@dataclass(frozen=True, kw_only=True)
class Change:
    """A ``Change`` is what an intervention makes of a training at one step; an empty one leaves the training as it is.

    Args:
        state: parameters and buffers that replace those of the same names.
        optimizer: optimizer state that replaces that of the same names, such as "momentum/conv1.weight".
        mask: the mask that is held from here on, with the names and shapes of the present one.
        found: masks to keep by name, which are not held; a later mask replaces an earlier one of its name.
        kept: states to keep by name, as points of the run; a later one of a name replaces the earlier.
        carry: tensors that the next call is given, under the names that ``begin`` gave.
        events: what happened, as plain values for the record.
        stop: whether the training ends after this step.

    Examples:
        >>> Change() == Change(state={}, stop=False)
        True
    """

    state: Mapping[str, Tensor] = field(default_factory=dict)
    optimizer: Mapping[str, Tensor] = field(default_factory=dict)
    mask: Mask | None = None
    found: Mapping[str, Mask] = field(default_factory=dict)
    kept: Mapping[str, State] = field(default_factory=dict)
    carry: Mapping[str, Tensor] = field(default_factory=dict)
    events: tuple[Mapping[str, Any], ...] = ()
    stop: bool = False


class Intervention(Intervening, Protocol):
    """A frozen dataclass that changes a training from within: pure functions, called after each update.

    What it knows of earlier steps is its carry, which every checkpoint holds.  What it draws comes from ``view.stream``
    and ``view.fresh``, which are named by the step.  So a training that stops and goes on gives the same bits.
    """

    def begin(self, view: View) -> Mapping[str, Tensor]:
        """Return the carry before the first update.

        Raises:
            UsageError: the intervention does not fit the network, the mask or its own settings.
        """
        ...

    def __call__(self, view: View, carry: Mapping[str, Tensor]) -> Change:
        """Return what becomes of the training after an update."""
        ...

    def summary(self, carry: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """Return plain values for the record of the run, from the last carry."""
        ...
