"""The rule of Prune: the batch, the scores, the cut, and the metrics of the mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor
from torch.nn.functional import cross_entropy

from lotterylab.candidates import candidates
from lotterylab.criteria import Inverted
from lotterylab.criteria.gradients import gradients
from lotterylab.criteria.rounds import in_rounds, scored
from lotterylab.masks import algebra
from lotterylab.masks.counts import Rate, Sparsity
from lotterylab.masks.select import Selection
from lotterylab.network import Network, network
from lotterylab.plan.nodes import Prune, first_of, model_of
from lotterylab.rng import stream
from lotterylab.types import Mask, Scores, State
from lotterylab.views import View

if TYPE_CHECKING:
    from lotterylab.engine.context import Context


def prune_state(node: Prune, context: Context) -> tuple[Mask, dict[str, Any]]:
    """Return the mask of the node and its metrics."""
    net, view = _view(node, context)
    selection, _ = _pruned(node, view)
    mask = selection.mask
    return mask, {
        **asdict(selection.cut),
        "mask_digest": algebra.digest(mask),
        "parameters": sum(view.state[name].numel() for name in net.parameters),
        "weights_entries": sum(mask[name].numel() for name in net.prunable if name in mask),
        "weights_removed": sum(int((~mask[name]).sum()) for name in net.prunable if name in mask),
        **_signs(view.state, mask),
        **_zero_gradients(_gradients(node, view)),
    }


def score_state(node: Prune, context: Context) -> tuple[Scores, dict[str, Tensor]]:
    """Return the scores of the last round, which made the mask, and the gradients on the scoring batch before round 1.

    A criterion without data has no gradients.
    """
    _, view = _view(node, context)
    return _pruned(node, view)[1], _gradients(node, view)


def _pruned(node: Prune, view: View) -> tuple[Selection, Scores]:
    criterion = Inverted(criterion=node.criterion) if node.inverted else node.criterion
    return in_rounds(view, criterion, _target(node, view), node.rule)


def _target(node: Prune, view: View) -> Sparsity:
    """Return the target sparsity; a rate is applied to the earlier mask, whose last layer is the module's last."""
    if not isinstance(node.sparsity, Rate):
        return node.sparsity
    earlier = view.mask or algebra.ones(view.state, view.names)
    in_module_order = cast(Mask, {name: earlier[name] for name in view.names})  # a stored mask is sorted by name
    return node.sparsity.target(in_module_order, node.scope)


def _gradients(node: Prune, view: View) -> dict[str, Tensor]:
    return {} if view.batch is None else scored(view, lambda view: Scores(gradients(view)), node.seed)


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
    """Return the numbers of positive and negative entries of the scored state that were kept and removed."""
    counts = {"kept_positive": 0, "kept_negative": 0, "removed_positive": 0, "removed_negative": 0}
    for name, kept in mask.items():
        for sign, of_sign in (("positive", state[name] > 0), ("negative", state[name] < 0)):
            counts[f"kept_{sign}"] += int((kept & of_sign).sum())
            counts[f"removed_{sign}"] += int((~kept & of_sign).sum())
    return counts


def _zero_gradients(layer_gradients: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the shares of candidates whose gradient on the scoring batch is exactly 0; empty without gradients."""
    if not layer_gradients:
        return {}
    zeros = {name: int((gradient == 0).sum()) for name, gradient in layer_gradients.items()}
    return {
        "zero_gradients": sum(zeros.values()) / sum(gradient.numel() for gradient in layer_gradients.values()),
        "zero_gradients_by_layer": {name: zeros[name] / gradient.numel() for name, gradient in layer_gradients.items()},
    }
