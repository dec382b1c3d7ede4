"""A Prune node: the batch, the scores, the cut, and what there is to say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lotterylab import masks
from lotterylab.criteria.gradients import gradients
from lotterylab.cuts import describe_cut
from lotterylab.network import Network, candidates, network
from lotterylab.plan.nodes import Prune, first_of, model_of
from lotterylab.rng import key, stream
from lotterylab.rounds import in_rounds, sparsities
from lotterylab.select import select
from lotterylab.types import Mask, Scores, State
from lotterylab.views import View

if TYPE_CHECKING:
    from lotterylab.engine.context import Context


def prune_state(node: Prune, context: Context) -> tuple[Mask, dict[str, Any]]:
    """The mask of the node and its metrics."""
    net, view = _view(node, context)
    torch.manual_seed(key(node.seed, "prune", "forward") & (2**63 - 1))  # for a module that draws as it is scored
    rule: dict[str, Any] = {"scope": node.scope, "granularity": node.granularity}
    start = masks.sparsity(view.mask) if view.mask else 0.0
    mask, scores, before = in_rounds(
        lambda earlier: node.criterion(replace(view, mask=earlier)),
        lambda found, target, earlier: select(found, target, mask=earlier, ties=node.ties, seed=node.seed, **rule),
        sparsities(node.sparsity, node.rounds, node.schedule, start=start),
        view.mask,
    )
    return mask, {
        **describe_cut(scores, before, mask, node.sparsity, **rule).as_dict(),
        "mask_digest": masks.digest(mask),
        "parameters": sum(view.state[name].numel() for name in net.parameters),
        "weights_entries": sum(mask[name].numel() for name in net.prunable),
        "weights_removed": sum(int((~mask[name]).sum()) for name in net.prunable),
        **_signs(view.state, mask),
        **(_zero_gradients(gradients(view)) if view.batch is not None else {}),
    }


def score_state(node: Prune, context: Context) -> tuple[Scores, dict[str, Tensor]]:
    """The scores of the node, and the gradients on its scoring batch (none for a criterion that sees no data)."""
    _, view = _view(node, context)
    return node.criterion(view), gradients(view) if view.batch is not None else {}


def _view(node: Prune, context: Context) -> tuple[Network, View]:
    net = network(model_of(node).build())
    state = context.state(node.of)
    view = View(
        net=net,
        loss=cross_entropy,
        state=state,
        names=candidates(net, node.params),
        batch=node.batch.draw(context.dataset(node.data), node.seed) if node.batch and node.data else None,
        stream=lambda *purpose: stream(node.seed, "prune", *purpose),
        mask=context.mask(node.mask) if node.mask else None,
        initial=context.state(first_of(node.of)) if node.criterion.needs_initial else None,
        shape=getattr(model_of(node), "shape", None),
        train=node.mode == "train",
    )
    return net, view


def _signs(state: State, mask: Mask) -> dict[str, int]:
    """How many positive and negative entries of the scored state were kept and removed."""
    counts = {"kept_positive": 0, "kept_negative": 0, "removed_positive": 0, "removed_negative": 0}
    for name, kept in mask.items():
        for sign, of_sign in (("positive", state[name] > 0), ("negative", state[name] < 0)):
            counts[f"kept_{sign}"] += int((kept & of_sign).sum())
            counts[f"removed_{sign}"] += int((~kept & of_sign).sum())
    return counts


def _zero_gradients(found: Mapping[str, Tensor]) -> dict[str, Any]:
    """Share of the candidates whose gradient on the scoring batch is exactly zero."""
    zeros = {name: int((gradient == 0).sum()) for name, gradient in found.items()}
    return {
        "zero_gradients": sum(zeros.values()) / sum(gradient.numel() for gradient in found.values()),
        "zero_gradients_by_layer": {name: zeros[name] / gradient.numel() for name, gradient in found.items()},
    }
