"""A Prune node: the batch, the scores, the cut, and what there is to say about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from torch.nn.functional import cross_entropy

from lotterylab import masks
from lotterylab.cuts import describe_cut
from lotterylab.network import candidates, network
from lotterylab.plan.nodes import Prune, model_of
from lotterylab.rng import stream
from lotterylab.select import select
from lotterylab.types import Mask
from lotterylab.views import View

if TYPE_CHECKING:
    from lotterylab.engine.context import Context


def prune_state(node: Prune, context: Context) -> tuple[Mask, dict[str, Any]]:
    """The mask of the node and its metrics."""
    net = network(model_of(node).build())
    state = context.state(node.of)
    names = tuple(candidates(net, node.params, state))
    before = context.mask(node.mask) if node.mask else None
    batch = node.batch.draw(context.dataset(node.data), node.seed) if node.batch else None
    view = View(
        net=net,
        loss=cross_entropy,
        state=state,
        names=names,
        batch=batch,
        stream=lambda *purpose: stream(node.seed, "prune", *purpose),
        mask=before,
        train=node.mode == "train",
    )
    scores = node.criterion(view)
    mask = select(scores, node.sparsity, mask=before, scope=node.scope, ties=node.ties, seed=node.seed)
    return mask, {
        **asdict(describe_cut(scores, before, mask, node.sparsity, scope=node.scope)),
        "mask_digest": masks.digest(mask),
        "parameters": sum(state[name].numel() for name in net.parameters),
        "weights_entries": sum(mask[name].numel() for name in net.prunable),
        "weights_removed": sum(int((~mask[name]).sum()) for name in net.prunable),
        **_signs(state, mask),
        **(_zero_gradients(view) if batch is not None else {}),
    }


def _signs(state: Any, mask: Mask) -> dict[str, int]:
    """How many positive and negative entries of the scored state were kept and removed."""
    counts = dict.fromkeys(("kept_positive", "kept_negative", "removed_positive", "removed_negative"), 0)
    for name, kept in mask.items():
        for sign, of_sign in (("positive", state[name] > 0), ("negative", state[name] < 0)):
            counts[f"kept_{sign}"] += int((kept & of_sign).sum())
            counts[f"removed_{sign}"] += int((~kept & of_sign).sum())
    return counts


def _zero_gradients(view: View) -> dict[str, Any]:
    """Share of the candidates whose gradient on the scoring batch is exactly zero."""
    from lotterylab.criteria.gradients import gradients

    grads = gradients(view)
    zeros = {name: int((g == 0).sum()) for name, g in grads.items()}
    return {
        "zero_gradients": sum(zeros.values()) / sum(g.numel() for g in grads.values()),
        "zero_gradients_by_layer": {name: zeros[name] / g.numel() for name, g in grads.items()},
    }
