"""The form that gates share: a tensor beside each weight, and what the network uses in the weight's place."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from lotterylab.errors import UsageError
from lotterylab.words import check_words

if TYPE_CHECKING:
    import numpy
    from torch import Tensor

Trains: TypeAlias = Literal["gates", "weights", "both"]
GATE = "gate/"  # before the name of a weight: its gate in the state
HEAT = "gates/heat"  # the temperature in the state
LEARNED = "learned"  # the point of a run, and the mask, that its gates have learned
Draw: TypeAlias = "Callable[[Tensor], Tensor]"  # uniform numbers in [0, 1) in the shape of a tensor


class Gate:
    """Abstract: each prunable weight has a tensor of its shape, its gate, from which the network learns a mask.

    A gate's settings are the fields of a frozen dataclass; ``trains`` says what the optimizer moves: "gates" (all
    parameters of the network stay as they are to the bit), "weights" (the gates stay), or "both".

    Attributes:
        decays: whether weight decay acts on gates.
        heats: whether the state has a temperature, ``gates/heat``, which begins at 1.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]  # each gate is a dataclass
    version: ClassVar[int] = 1
    decays: ClassVar[bool] = True
    heats: ClassVar[bool] = False
    trains: Trains = "gates"

    def __post_init__(self) -> None:
        check_words(self)

    def begin(self, weight: Tensor, generator: numpy.random.Generator) -> Tensor:
        """Return the first gate of a weight: a tensor of its shape."""
        raise NotImplementedError

    def weight(self, theta: Tensor, gate: Tensor, heat: Tensor | float, draw: Draw) -> Tensor:
        """Return the weight that the network uses in training, a differentiable function of weight and gate.

        Args:
            theta: the weight.
            gate: its gate, of the same shape.
            heat: the temperature, a scalar; 1 where ``heats`` is False.
            draw: gives uniform numbers in [0, 1), of the training's own stream.
        """
        raise NotImplementedError

    def kept(self, gate: Tensor, draw: Draw) -> Tensor:
        """Return the mask that the gate has learned, bool, True = kept: it decides every evaluation."""
        raise NotImplementedError

    def factor(self, kept: Tensor) -> float:
        """Return the factor of the weights that a learned mask keeps."""
        return 1.0

    def added_loss(self, gates: Sequence[Tensor], heat: Tensor | float) -> Tensor | float:
        """Return what is added to the loss: nothing."""
        return 0.0

    @property
    def during(self) -> tuple[Any, ...]:
        """The interventions that belong to the method, called before those of the recipe."""
        return ()

    def refuse(self, why: str) -> UsageError:
        """Return an error that names the gate."""
        return UsageError(f"{type(self).__name__}: {why}")

    def number(self, name: str, least: float, most: float = math.inf) -> None:
        """Refuse a setting that is not a number of a range, ends included."""
        value = getattr(self, name)
        if not least <= value <= most:
            wanted = f"of at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
            raise self.refuse(f"{name}={value}. Give a number {wanted}.")


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """Return the values of ``hard`` exactly, with the gradient of ``soft``.   [bengio2013estimating]

    Examples:
        >>> import torch
        >>> soft = torch.tensor([0.3], requires_grad=True)
        >>> out = straight_through(torch.tensor([1.0]), 2 * soft)
        >>> out.backward()
        >>> out.item(), soft.grad.item()
        (1.0, 2.0)
    """
    return hard + (soft - soft.detach())
