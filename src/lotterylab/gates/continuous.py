"""Continuous sparsification: soft gates that harden while the network trains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lotterylab.errors import UsageError
from lotterylab.gates.base import GATE, HEAT, Draw, Gate, Trains
from lotterylab.interventions.base import Intervening
from lotterylab.views import Change, View

if TYPE_CHECKING:
    import numpy
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class ContinuousSparsification(Gate):
    """The network uses ``w sigmoid(beta s) / sigmoid(s_0)`` while beta grows; it learns the mask ``s > 0``.
    [savarese2020winning, algorithm 2]

    The loss gains ``penalty * sum sigmoid(beta s)``.  In each round beta grows from 1 by a factor an epoch up to
    ``heat`` in its last epoch; between two rounds ``s <- min(beta s, s_0)`` and beta is 1 again, and the weights train
    on.  Every evaluation uses the mask, not the soft gates.

    Differs from the paper: the learning rate follows the recipe over all rounds; the authors' code begins its schedule
    again in each round, and evaluates with soft gates while it trains.

    Args:
        trains: "gates", "weights" or "both".
        start: s_0, the first s of each weight: the lower, the sparser.
        heat: beta at the end of a round.
        penalty: the coefficient of the sum of all gates.
        rounds: of equal length, at least two epochs each.

    Raises:
        UsageError: a number is out of range; when the training begins, its epochs cannot be shared by the rounds.

    Examples:
        >>> import torch
        >>> ContinuousSparsification().kept(torch.tensor([0.2, -0.1, 0.0]), torch.rand_like).tolist()
        [True, False, False]
    """

    decays: ClassVar[bool] = False
    heats: ClassVar[bool] = True
    trains: Trains = "both"
    start: float = 0.0
    heat: float = 200.0
    penalty: float = 1e-8
    rounds: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.number("heat", 1)
        self.number("penalty", 0)
        self.number("rounds", 1)

    def begin(self, weight: Tensor, generator: numpy.random.Generator) -> Tensor:
        """Return s_0 everywhere."""
        import torch

        return torch.full_like(weight, self.start)

    def weight(self, theta: Tensor, gate: Tensor, heat: Tensor | float, draw: Draw) -> Tensor:
        """Return the weight times its soft gate."""
        return theta * (gate * heat).sigmoid() * self.scale

    def kept(self, gate: Tensor, draw: Draw) -> Tensor:
        """Return where s is above 0."""
        return gate > 0

    def factor(self, kept: Tensor) -> float:
        """Return the factor of kept weights."""
        return self.scale

    @property
    def scale(self) -> float:
        """1 / sigmoid(s_0), by which the network begins with its initial weights."""
        return 1 + math.exp(-self.start)

    def added_loss(self, gates: Sequence[Tensor], heat: Tensor | float) -> Tensor | float:
        """Return the penalty on the sum of all soft gates."""
        return self.penalty * sum((gate * heat).sigmoid().sum() for gate in gates) if self.penalty else 0.0

    @property
    def during(self) -> tuple[_Heating, ...]:
        """The intervention that lets beta grow and begins the rounds."""
        return (_Heating(gate=self),)


@dataclass(frozen=True, kw_only=True)
class _Heating(Intervening):
    """Let the temperature of a ``ContinuousSparsification`` grow after each epoch, and begin its rounds."""

    gate: ContinuousSparsification

    @property
    def called(self) -> str:
        """The name in errors: that of the method."""
        return type(self.gate).__name__

    def refuse(self, why: str) -> UsageError:
        """Return an error that names the method."""
        return self.gate.refuse(why)

    def begin(self, view: View) -> Mapping[str, Tensor]:
        """Check that the epochs can be shared by the rounds."""
        self._epochs_of_a_round(view)
        return {}

    def __call__(self, view: View, carry: Mapping[str, Tensor]) -> Change:
        """Return the temperature of the next epoch, and the gates with which a round begins."""
        per_epoch, per_round = self.epochs_known(view), self._epochs_of_a_round(view)
        if view.step % per_epoch or view.step == view.total_steps:
            return Change()
        heat = view.state[HEAT]
        if epoch := view.step // per_epoch % per_round:
            return Change(state={HEAT: heat.new_tensor(self.gate.heat ** (epoch / (per_round - 1)))})
        gates = {GATE + name: (view.state[GATE + name] * heat).clamp(max=self.gate.start) for name in view.names}
        event = {"round": view.step // per_epoch // per_round + 1}
        return Change(state={**gates, HEAT: heat.new_tensor(1.0)}, events=(event,))

    def _epochs_of_a_round(self, view: View) -> int:
        epochs, rest = divmod(self.end_known(view), self.epochs_known(view))
        per_round, more = divmod(epochs, self.gate.rounds)
        if rest or more or per_round < 2:
            raise self.gate.refuse(
                f"a training of {self.end_known(view)} steps, {view.steps_per_epoch} an epoch, cannot be shared by "
                f"{self.gate.rounds} rounds. Give the same number of whole epochs to each round, at least 2."
            )
        return per_round
