"""Shrinking as an execution path: a training whose mask removes whole channels trains the network without them.

Its states, checkpoints and masks have the shapes of the whole network everywhere else.  The numbers are those of the
whole network with the mask held, up to rounding, so that "shrunk" is a fact of the result ("path").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from lotterylab.errors import UsageError
from lotterylab.plan.nodes import Channels, Train
from lotterylab.structure import Back, shrink
from lotterylab.training.losses import CrossEntropy, LabelSmoothing, MeanSquaredError, ScalesL1
from lotterylab.training.optim import Adam, Sgd
from lotterylab.types import Checkpoint, State

if TYPE_CHECKING:
    from torch import nn

    from lotterylab.engine.context import Context


@dataclass(frozen=True, kw_only=True)
class Small:
    """A ``Small`` is a network without the channels that a mask removes, and the way back to the whole one."""

    module: nn.Module
    back: Back

    def cut(self, whole: Checkpoint) -> Checkpoint:
        """Return a checkpoint of the whole network as one of the small network."""
        return _mapped(whole, self.back.cut)

    def whole(self, small: Checkpoint) -> Checkpoint:
        """Return a checkpoint of the small network as one of the whole network."""
        return _mapped(small, self.back)

    @property
    def shares(self) -> dict[str, float]:
        """Return the share of a tensor's entries that the small network has, for each parameter that lost some."""
        small = dict(self.module.named_parameters())
        return {name: small[name].numel() / self.back.whole[name].numel() for name in self.back.places if name in small}


def _mapped(checkpoint: Checkpoint, change: Any) -> Checkpoint:
    return replace(
        checkpoint,
        state=cast(State, change(checkpoint.state)),
        optimizer=change(checkpoint.optimizer),
        kept={point: cast(State, change(state)) for point, state in checkpoint.kept.items()},
    )


def small_of(node: Train, context: Context) -> Small | None:
    """Return the network that is trained in the place of the whole one, or None if that one is.

    The whole one is trained without fast paths, with interventions, with a mask that is not held, and with a loss or an
    optimizer of a user's own, which may look at all weights together; and with removed weights held at other values.
    """
    if not context.fast or node.frozen or not isinstance(node.mask, Channels) or not _by_entries(node.recipe):
        return None
    return context.at_hand.once("small", node.digest, lambda: _shrunk(node, context))


def _by_entries(recipe: Any) -> bool:
    """Return whether the update of a weight does not depend on weights that are held at 0."""
    loss = getattr(recipe, "loss", None)  # a user's own training has none
    if isinstance(loss, ScalesL1):
        loss = loss.loss
    known = isinstance(loss, CrossEntropy | LabelSmoothing | MeanSquaredError)
    return known and isinstance(recipe.optimizer, Sgd | Adam) and recipe.hold and not (recipe.during or recipe.gate)


def _shrunk(node: Train, context: Context) -> Small | None:
    model: Any = node.model
    state, mask = context.state(node.start), context.mask(node.mask)
    try:
        module, _, back = shrink(model.build(pool_first=True), state, mask, shape=model.shape)
    except UsageError:  # its forward pass has the numbers of channels in its code: the whole network is trained
        return None
    return Small(module=module, back=back) if back.places else None
