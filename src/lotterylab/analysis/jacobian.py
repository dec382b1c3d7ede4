"""The singular values of a layer's Jacobian measure its gain.   [glorot2010understanding, section 4.2.1]"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lotterylab.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class JacobianSingularValues:
    """``JacobianSingularValues`` measures the gain of hidden layers.   [glorot2010understanding, section 4.2.1]

    The input is the state "state".  On the first ``images`` test images, (B, C, H, W), the singular values of

        J^i = d z^(i+1) / d z^i = diag(f'(s^i)) W^i,    z^(i+1) = f(s^i)

    - ``mean``, ``largest``: the mean and the largest of them, averaged over the images, by the name of the weight.
    - ``average``: of ``mean`` over the layers; the paper has about 0.8 for the normalized initialisation of tanh and
      0.5 for the standard one.

    Args:
        activation: the word for f.
        images: the number of test images.

    Raises:
        UsageError: when it measures, if a hidden layer is not linear.

    Examples:
        >>> import lotterylab as ll
        >>> from lotterylab.network import network
        >>> spec = ll.models.Mlp(activation="tanh", init="orthogonal", shape=(1, 8, 8), widths=(20,))
        >>> state, net = spec.initial(0, "init", "named"), network(spec.build())
        >>> quantity = JacobianSingularValues(activation="tanh")
        >>> found = quantity({"state": state}, {"state": net}, ll.data.Digits().load(None))
        >>> bool(found["largest"]["fc.0.weight"] <= 1)  # orthonormal rows, times slopes of at most 1
        True
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
