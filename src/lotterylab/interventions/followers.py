"""The layer that each layer feeds, and the activity of its units, measured with one batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotterylab.views import View

if TYPE_CHECKING:
    from torch import Tensor, nn


def followers(view: View) -> dict[str, tuple[str, Tensor]]:
    """Return, for each layer that feeds one other and alone, that layer and the activity of each unit, ``(units,)``.

    The activity is the mean of ``|h|`` over the batch of the view, h being what the other layer is given.  A pass in
    evaluation mode cuts autograd's graph behind each layer, so that the gradient of a layer's input names the layers
    that feed it.  Inputs of a linear layer behind a convolution are blocks, one for each channel, as torch flattens.
    """
    import torch

    assert view.batch is not None and isinstance(view.batch.inputs, torch.Tensor)
    calls: list[tuple[str, Tensor, Tensor]] = []  # layer, the sum of its inputs, its outputs
    activity: dict[str, Tensor] = {}  # mean of |h| over batch and places, by the layer that is given h
    left_out: set[str] = set()

    def look(name: str, layer: nn.Module, arguments: tuple, output: Tensor) -> Tensor:
        if name in activity or isinstance(layer, torch.nn.modules.conv._ConvTransposeNd):
            left_out.add(name)
        h = arguments[0] if isinstance(layer, torch.nn.Linear) else arguments[0].movedim(1, -1)
        activity[name] = h.detach().abs().flatten(0, -2).mean(0)
        calls.append((name, arguments[0].sum(), output.detach().requires_grad_()))
        return calls[-1][2].clone()  # an activation may work in place

    with torch.enable_grad():
        logits = view.net.layer_calls(view.state, view.batch.inputs, view.net.prunable, look)
        fed_by = {name: set[str]() for name in activity}
        for name, total, _ in calls:
            fed_by[name] |= _feeding(total, calls)
        last = _feeding(logits.sum(), calls)
    found = {}
    for name in view.net.prunable:
        fed = [other for other, feeding in fed_by.items() if name in feeding]
        if len(fed) == 1 and fed_by[fed[0]] == {name} and name not in last and not left_out & {name, fed[0]}:
            units, inputs = len(view.state[name]), activity[fed[0]]
            if view.state[fed[0]].shape[1] == len(inputs) and len(inputs) % units == 0:  # no groups
                found[name] = fed[0], inputs.view(units, -1).mean(1)
    return found


def _feeding(total: Tensor, calls: list[tuple[str, Tensor, Tensor]]) -> set[str]:
    import torch

    if not total.requires_grad:
        return set()
    slopes = torch.autograd.grad(total, [output for _, _, output in calls], allow_unused=True, retain_graph=True)
    return {name for (name, _, _), slope in zip(calls, slopes, strict=True) if slope is not None}
