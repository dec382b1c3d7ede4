"""Pruning any ``nn.Module`` from Python: scores and masks, with nothing of the module changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from lotterylab import masks
from lotterylab.counts import Sparsity
from lotterylab.errors import UsageError
from lotterylab.network import candidates, modes_kept, network, state_of
from lotterylab.rng import stream
from lotterylab.rounds import in_rounds, sparsities
from lotterylab.select import select
from lotterylab.types import Batch, Mask, Scores, State
from lotterylab.views import Criterion, View

if TYPE_CHECKING:
    from torch import Tensor, nn

Loss = Callable[["Tensor", "Tensor"], "Tensor"]


def score(
    module: nn.Module,
    criterion: Criterion,
    *,
    batch: Batch | Sequence[Tensor] | None = None,
    loss: Loss | None = None,
    initial: Mapping[str, Tensor] | None = None,
    input_shape: tuple[int, ...] | None = None,
    params: str | Iterable[str] = "weights",
    mask: Mask | None = None,
    seed: int = 0,
) -> Scores:
    """A score for each weight of the module's Conv and Linear layers; higher = keep.

    Args:
        module: each layer in the mode (train or eval) it should be scored in; nothing of it is changed.
        criterion: such as ``criteria.Magnitude()`` or ``criteria.Grasp(temperature=200.0)``.
        batch: (inputs, targets), on the module's device, for criteria that look at gradients.
        loss: ``loss(logits, targets) -> scalar``, the mean over the batch; cross-entropy by default.
        initial: the ``state_dict()`` before training, for criteria that compare with it (Movement).
        input_shape: of one input, (C, H, W) or (features,), for SynFlow; else that of the batch.
        params: "weights" (of Conv and Linear layers, a tied one once, under its first name), "all" parameters, or the
            names of those to be scored: embeddings, the ``in_proj_weight`` of an attention layer.
        mask: an earlier mask; the network is scored as pruned by it.
        seed: of criteria that draw.

    Raises:
        UsageError: a criterion that needs a batch, a shape or an initial state has none; an unknown name.
    """
    from torch.nn.functional import cross_entropy

    net = network(module)
    view = View(
        net=net,
        loss=loss or cross_entropy,
        state=state_of(module),
        names=candidates(net, params),
        batch=_batch(batch),
        stream=lambda *purpose: stream(seed, "prune", *purpose),
        mask=mask,
        initial=State(dict(initial)) if initial is not None else None,
        shape=input_shape,
        train=None,
    )
    with modes_kept(module):  # SynFlow scores in evaluation mode whatever the module's is
        return criterion(view)


def prune(
    module: nn.Module,
    criterion: Criterion,
    sparsity: Sparsity,
    *,
    batch: Batch | Sequence[Tensor] | None = None,
    loss: Loss | None = None,
    initial: Mapping[str, Tensor] | None = None,
    input_shape: tuple[int, ...] | None = None,
    params: str | Iterable[str] = "weights",
    scope: str = "global",
    granularity: str = "weight",
    rounds: int = 1,
    schedule: str = "exponential",
    mask: Mask | None = None,
    seed: int = 0,
) -> Mask:
    """The mask that keeps the highest-scored ``1 - sparsity`` of the prunable weights.

    The module is not changed: ``apply(module, mask)`` sets the pruned weights to zero, ``attach(module, optimizer,
    mask)`` holds them there while you train.  ``sparsity`` counts what an earlier ``mask`` removed; see ``select`` for
    it, ``scope`` and ``granularity``, and ``score`` for the rest.

    ``rounds``: score and cut that many times, each time what is left; ``SynFlow`` is meant with 100.  ``schedule``:
    "exponential", density^(k/n) after round k of n, or "linear".

    Raises:
        UsageError: what ``score`` and ``select`` refuse; several rounds with a sparsity for each tensor.
    """
    if rounds != 1 and isinstance(sparsity, Mapping):
        raise UsageError(f"rounds={rounds} with a sparsity for each tensor: give one sparsity, or prune in one round.")

    def scores(earlier: Mask | None) -> Scores:
        return score(
            module,
            criterion,
            batch=batch,
            loss=loss,
            initial=initial,
            input_shape=input_shape,
            params=params,
            mask=earlier,
            seed=seed,
        )

    def cut(found: Scores, target: Sparsity, earlier: Mask | None) -> Mask:
        return select(found, target, mask=earlier, scope=scope, granularity=granularity, seed=seed)

    if isinstance(sparsity, Mapping):
        return cut(scores(mask), sparsity, mask)
    start = masks.sparsity(mask) if mask else 0.0
    return in_rounds(scores, cut, sparsities(sparsity, rounds, schedule, start=start), mask)[0]


def _batch(given: Batch | Sequence[Tensor] | None) -> Batch | None:
    """(inputs, targets) as data loaders give them: a tuple or a list."""
    if given is None or isinstance(given, Batch):
        return given
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise UsageError(f"batch is a {type(given).__name__}; give (inputs, targets).")
    return Batch(inputs=given[0], targets=given[1])
