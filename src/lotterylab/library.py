"""Pruning any ``nn.Module`` from Python: scores and masks, with nothing of the module changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lotterylab.counts import Sparsity
from lotterylab.network import network, state_of
from lotterylab.rng import stream
from lotterylab.select import select
from lotterylab.types import Batch, Mask, Scores
from lotterylab.views import Criterion, View

if TYPE_CHECKING:
    from torch import Tensor, nn

Loss = Callable[["Tensor", "Tensor"], "Tensor"]


def score(
    module: nn.Module,
    criterion: Criterion,
    *,
    batch: Batch | tuple[Tensor, Tensor] | None = None,
    loss: Loss | None = None,
    mask: Mask | None = None,
    seed: int = 0,
) -> Scores:
    """A score for each weight of the module's Conv and Linear layers; higher = keep.

    Args:
        module: each layer in the mode (train or eval) it should be scored in; nothing of it is changed.
        criterion: such as ``criteria.Magnitude()`` or ``criteria.Grasp(temperature=200.0)``.
        batch: (inputs, targets), on the module's device, for criteria that look at gradients.
        loss: ``loss(logits, targets) -> scalar``, the mean over the batch; cross-entropy by default.
        mask: an earlier mask; the network is scored as pruned by it.
        seed: of criteria that draw.

    Raises:
        UsageError: a criterion that needs a batch has none.
    """
    from torch.nn.functional import cross_entropy

    net = network(module)
    view = View(
        net=net,
        loss=loss or cross_entropy,
        state=state_of(module),
        names=net.prunable,
        batch=Batch(inputs=batch[0], targets=batch[1]) if isinstance(batch, tuple) else batch,
        stream=lambda *purpose: stream(seed, "prune", *purpose),
        mask=mask,
        train=None,
    )
    return criterion(view)


def prune(
    module: nn.Module,
    criterion: Criterion,
    sparsity: Sparsity,
    *,
    batch: Batch | tuple[Tensor, Tensor] | None = None,
    loss: Loss | None = None,
    scope: str = "global",
    mask: Mask | None = None,
    seed: int = 0,
) -> Mask:
    """The mask that keeps the highest-scored ``1 - sparsity`` of the prunable weights.

    The module is not changed: ``apply(module, mask)`` sets the pruned weights to zero, ``attach(module, optimizer,
    mask)`` holds them there while you train.  ``sparsity`` counts what an earlier ``mask`` removed; see ``select`` for
    it and for
    ``scope``, ``score`` for the rest.
    """
    scores = score(module, criterion, batch=batch, loss=loss, mask=mask, seed=seed)
    return select(scores, sparsity, mask=mask, scope=scope, seed=seed)
