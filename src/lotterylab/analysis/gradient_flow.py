"""Gradient flow measures gradients and activations from layer to layer.   [glorot2010understanding, section 4]"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lotterylab.analysis.gradients import in_float64
from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class GradientFlow:
    """``GradientFlow`` measures gradients and activations in each layer.   [glorot2010understanding, section 4]

    The input is the state "state".  On the first ``images`` training images, (B, C, H, W), in evaluation mode, for each
    layer with a weight W^i and s^i = W^i z^i + b^i:

    - ``forward_variance``: of s^i over units and images.
    - ``backward_variance``: of dCost/ds^i over units and images, for the cost of each image by itself (the gradient of
      the mean cost, times the number of images): the paper's figure 7.
    - ``weight_gradient_variance``: of dCost/dW^i of the mean cost over the entries: figures 8 and 9 (its root).

    The cost is the cross-entropy, as in the paper's -log P(y | x).

    Args:
        images: the number of training images.

    Raises:
        UsageError: when it measures, if the last prunable layer's outputs are not the logits.

    Examples:
        >>> import lotterylab as ll
        >>> from lotterylab.network import network
        >>> spec = ll.models.Mlp(shape=(1, 8, 8), widths=(20,))
        >>> state, net = spec.initial(0, "init", "named"), network(spec.build())
        >>> found = GradientFlow(images=50)({"state": state}, {"state": net}, ll.data.Digits().load(None))
        >>> list(found), list(found["forward_variance"])
        (['forward_variance', 'backward_variance', 'weight_gradient_variance'], ['fc.0.weight', 'fc.1.weight'])
    """

    version: ClassVar[int] = 1
    images: int = 300

    def __call__(self, values: Mapping[str, Any], models: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
        """The numbers above, each by the name of the layer's weight; in float64."""
        from lotterylab.data.normalise import Normalise

        split = dataset.train
        inputs = Normalise.of(dataset)(split.images[: self.images].permute(0, 2, 3, 1))
        return flow(models["state"], values["state"], inputs, split.labels[: self.images])


def flow(net: Any, state: Mapping[str, Tensor], inputs: Tensor, targets: Tensor) -> dict[str, dict[str, float]]:
    """Return the numbers of ``GradientFlow`` for a batch (B, ...) and its targets (B,).

    Raises:
        UsageError: the last prunable layer's outputs are not the logits.
    """
    import torch
    from torch.nn.functional import cross_entropy

    wide = in_float64(state)
    weights = [wide[name].requires_grad_() for name in net.prunable]
    outputs: dict[str, Tensor] = {}

    def look(name: str, output: Tensor) -> None:
        outputs[name] = output

    with torch.enable_grad():
        net.layer_outputs(wide, inputs.double(), net.prunable, look)
        logits = outputs[net.prunable[-1]]
        if logits.dim() != 2 or len(logits) != len(targets):
            raise UsageError(
                f"the last layer with a weight, '{net.prunable[-1]}', gave shape {tuple(logits.shape)}, which is not "
                f"(images, classes) for {len(targets)} images. Measure a network whose last layer gives the logits."
            )
        cost = cross_entropy(logits, targets)
        slopes = [slope.detach() for slope in torch.autograd.grad(cost, [*outputs.values(), *weights])]
    by_output = dict(zip(outputs, slopes[: len(outputs)], strict=True))
    by_weight = dict(zip(net.prunable, slopes[len(outputs) :], strict=True))
    return {
        "forward_variance": {name: float(output.detach().var()) for name, output in outputs.items()},
        "backward_variance": {name: float((len(targets) * slope).var()) for name, slope in by_output.items()},
        "weight_gradient_variance": {name: float(slope.var()) for name, slope in by_weight.items()},
    }
