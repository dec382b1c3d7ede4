"""The singular values of a layer's Jacobian measure its gain.   [glorot2010understanding, section 4.2.1]"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lotterylab.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class JacobianSingularValues:
    """Input: the state "state" of a network whose hidden layers are linear layers.  Of each of them, on the first
    ``images`` test images, the singular values of

        J^i = d z^(i+1) / d z^i = diag(f'(s^i)) W^i,    z^(i+1) = f(s^i)

    - ``mean``, ``largest``: the mean and the largest of them, averaged over the images, by the name of the weight.
    - ``average``: of ``mean`` over the layers; the paper has about 0.8 for the normalized initialisation of tanh and
      0.5 for the standard one.

    ``activation``: the word for f.
    """

    version: ClassVar[int] = 1
    activation: str
    images: int = 10

    def __call__(self, values: Mapping[str, Any], models: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
        """The numbers above, in float64."""
        import torch

        from lotterylab.analysis.saturation import pre_activations, slope

        mean, largest = {}, {}
        for name, s in pre_activations(models["state"], values["state"], dataset, "test", self.images).items():
            weight = values["state"][name].double()
            if weight.dim() != 2:
                raise UsageError(
                    f"'{name}' has shape {tuple(weight.shape)}: only the Jacobian of a linear layer is its weight "
                    "times a diagonal. Measure a network whose hidden layers are linear layers."
                )
            singular = torch.linalg.svdvals(slope(self.activation, s).unsqueeze(2) * weight)
            mean[name] = float(singular.mean())
            largest[name] = float(singular[:, 0].mean())
        return {"mean": mean, "largest": largest, "average": sum(mean.values()) / len(mean)}
