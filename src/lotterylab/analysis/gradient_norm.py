"""The squared gradient norm of a pruned network is what GraSP preserves.   [wang2020picking, eq. 5]"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lotterylab.analysis.gradients import gradients, in_float64
from lotterylab.masks import algebra


@dataclass(frozen=True, kw_only=True)
class GradientNorm:
    """``GradientNorm`` measures the gradient that a pruned network keeps.   [wang2020picking, eq. 5]

    The inputs are a state "state" and a mask "mask" of its weights, dicts of tensors by name.  With L the mean
    cross-entropy over ``batch``, in evaluation mode, and g its gradient by the masked weights:

    - ``whole``: ||g(theta)||^2, of the network as it is.
    - ``pruned``: ||m * g(m * theta)||^2, of the pruned network over the weights that it trains: how fast its loss falls
      in the first instant of training.
    - ``ratio``, ``log10_ratio``: pruned over whole; None if whole, or for the logarithm pruned, is 0.

    Differs from the paper: its logits are divided by 200 while it scores; these are not, since the training's are not.

    Args:
        batch: the images for the gradients, such as ``PerClass(count=10)``.
        seed: the seed of the batch.

    Examples:
        >>> import lotterylab as ll
        >>> from lotterylab.data.scoring import PerClass
        >>> from lotterylab.network import network
        >>> spec = ll.models.Mlp(shape=(1, 8, 8), widths=(20,))
        >>> state, net = spec.initial(0, "init", "named"), network(spec.build())
        >>> values = {"state": state, "mask": ll.masks.ones(state, net.prunable)}
        >>> quantity = GradientNorm(batch=PerClass(count=2), seed=0)
        >>> quantity(values, {"state": net}, ll.data.Digits().load(None))["ratio"]
        1.0
    """

    version: ClassVar[int] = 1
    batch: Any
    seed: int

    def __call__(self, values: Mapping[str, Any], models: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
        """The numbers, computed in float64."""

        net, mask = models["state"], values["mask"]
        batch = self.batch.draw(dataset, self.seed)
        batch = dataclasses.replace(batch, inputs=batch.inputs.double())
        state = in_float64(values["state"])
        whole = gradients(net, state, mask, batch)
        pruned = gradients(net, algebra.masked(state, mask), mask, batch)
        before = sum(float(gradient.square().sum()) for gradient in whole.values())
        after = sum(float(pruned[name][kept].square().sum()) for name, kept in mask.items())
        ratio = after / before if before else None
        return {"whole": before, "pruned": after, "ratio": ratio, "log10_ratio": math.log10(ratio) if ratio else None}
