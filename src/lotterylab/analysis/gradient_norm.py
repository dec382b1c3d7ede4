"""The gradient flow of a pruned network, which GraSP was made to keep.   [wang2020picking, eq. 5]"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from torch import Tensor

    from lotterylab.types import Batch


@dataclass(frozen=True, kw_only=True)
class GradientNorm:
    """Inputs: a state "state", and a mask "mask" of its weights.

    With L the mean cross-entropy over ``batch``, in evaluation mode, and g its gradient by the masked weights:

    - ``whole``: ||g(theta)||^2, of the network as it is.
    - ``pruned``: ||m * g(m * theta)||^2, of the pruned network over the weights that it trains: how fast its loss falls
      in the first instant of training.
    - ``ratio``, ``log10_ratio``: pruned over whole; None where whole, or for the logarithm pruned, is 0.

    The paper's logits are divided by 200 while it scores; these are not, since the training's are not either.
    """

    version: ClassVar[int] = 1
    batch: Any
    seed: int

    def __call__(self, values: Mapping[str, Any], models: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
        """The numbers, computed in float64."""
        from lotterylab import masks

        batch, mask = self.batch.draw(dataset, self.seed), values["mask"]
        whole = gradient(models["state"], values["state"], tuple(mask), batch)
        pruned = gradient(models["state"], masks.masked(values["state"], mask), tuple(mask), batch)
        before = sum(float(one.square().sum()) for one in whole.values())
        after = sum(float(pruned[name][kept].square().sum()) for name, kept in mask.items())
        ratio = after / before if before else None
        return {"whole": before, "pruned": after, "ratio": ratio, "log10_ratio": math.log10(ratio) if ratio else None}


def gradient(net: Any, state: Mapping[str, Tensor], names: tuple[str, ...], batch: Batch) -> dict[str, Tensor]:
    """The gradient of the mean cross-entropy by the named parameters, in float64."""
    import torch
    from torch.nn.functional import cross_entropy

    wide = {name: one.detach().double() if one.is_floating_point() else one for name, one in state.items()}
    leaves = {name: wide[name].clone().requires_grad_() for name in names}
    with torch.enable_grad():
        logits, _ = net.forward({**wide, **leaves}, batch.inputs.double(), False)  # type: ignore[union-attr]
        found = torch.autograd.grad(cross_entropy(logits, batch.targets), list(leaves.values()))
    return dict(zip(leaves, found, strict=True))
