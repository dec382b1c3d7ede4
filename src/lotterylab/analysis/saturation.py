"""Activations of hidden units are summarised, and saturated units counted.   [glorot2010understanding, section 3]"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lotterylab.analysis.units import follow

if TYPE_CHECKING:
    from torch import Tensor

NUMBERS = ("mean", "std", "percentile_2", "percentile_98", "saturated", "histogram", "low", "high")
FLAT = 0.05  # a unit is saturated if its slope is at most this share of the activation's steepest slope
GRID = 10.0  # the steepest slope of every activation lies within this distance of 0


@dataclass(frozen=True, kw_only=True)
class Activations:
    """``Activations`` summarises the hidden units of the state "state", saturated ones too.   [glorot2010understanding]

    For each hidden layer (all prunable layers but the last) on the first ``images`` test images, (B, C, H, W), in
    evaluation mode, the values f(s) of all its units.  s is what the activation is given, behind a norm and with the
    shortcut of a residual block:

    - ``mean``, ``std``, ``percentile_2``, ``percentile_98``: the lines and markers of the paper's figures 2, 3 and 10.
    - ``saturated``: the share with |f'(s)| at most 5 % of the largest slope of f: |tanh| above 0.975, sigmoid below
      0.013 or above 0.987, |softsign| above 0.776, ReLU at 0.
    - ``histogram``: counts in ``bins`` equal bins from ``low`` to ``high``: the activation's own range where it has
      two ends, else that of the values.  The paper's figure 4.

    Args:
        activation: the word for f, which the state does not know.
        images: the number of test images.
        bins: the number of bins of the histogram.

    Raises:
        UsageError: when it measures, if the network never calls a layer.

    Examples:
        >>> import lotterylab as ll
        >>> from lotterylab.network import network
        >>> spec = ll.models.Mlp(activation="tanh", shape=(1, 8, 8), widths=(20,))
        >>> state, net = spec.initial(0, "init", "named"), network(spec.build())
        >>> quantity = Activations(activation="tanh", images=50)
        >>> found = quantity({"state": state}, {"state": net}, ll.data.Digits().load(None))
        >>> sum(found["histogram"]["fc.0.weight"]), found["low"]["fc.0.weight"]  # 50 images of 20 units
        (1000, -1.0)
    """

    version: ClassVar[int] = 1
    activation: str
    images: int = 300
    bins: int = 50

    def __call__(self, values: Mapping[str, Any], models: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
        """The numbers above, each by the name of the layer's weight; in float64."""
        import torch

        from lotterylab.models.activations import function

        f = function(self.activation)
        steepest = float(slope(self.activation, torch.linspace(-GRID, GRID, 4_001, dtype=torch.float64)).abs().max())
        numbers: dict[str, dict[str, Any]] = {}
        for name, s in pre_activations(models["state"], values["state"], dataset, "test", self.images).items():
            h = f(s).flatten()
            finite = bool(h.isfinite().all())  # a diverged network has no numbers
            layer_numbers = self._numbers(h, s, steepest) if finite else dict.fromkeys(NUMBERS)
            for key, value in layer_numbers.items():
                numbers.setdefault(key, {})[name] = value
        return numbers

    def _numbers(self, h: Tensor, s: Tensor, steepest: float) -> dict[str, Any]:
        """Return the ``NUMBERS`` of a layer."""
        import torch

        from lotterylab.models.activations import activation

        ends = activation(self.activation).range
        low = float(h.min()) if ends[0] is None else ends[0]
        high = float(h.max()) if ends[1] is None else ends[1]
        return {
            "mean": float(h.mean()),
            "std": float(h.std()),
            "percentile_2": _percentile(h, 0.02),
            "percentile_98": _percentile(h, 0.98),
            "saturated": float((slope(self.activation, s).abs() <= FLAT * steepest).double().mean()),
            "histogram": torch.histc(h, self.bins, low, high).long().tolist(),
            "low": low,
            "high": high,
        }


def pre_activations(net: Any, state: Mapping[str, Any], dataset: Any, split: str, images: int) -> dict[str, Tensor]:
    """Return s of each hidden layer on the first images of a split, (B, units) or (B, C, H, W), in float64."""
    import torch

    from lotterylab.data.normalise import Normalise

    seen: dict[str, Tensor] = {}

    def look(name: str, s: Tensor) -> None:
        seen[name] = s.detach().to(torch.float64, copy=True)

    inputs = Normalise.of(dataset)(getattr(dataset, split).images[:images].permute(0, 2, 3, 1))
    follow(net, state, inputs, look)
    return {name: seen[name] for name in net.prunable[:-1]}


def slope(activation: str, s: Tensor) -> Tensor:
    """Return f'(s), entry by entry."""
    import torch

    from lotterylab.models.activations import function

    with torch.enable_grad():
        leaf = s.detach().clone().requires_grad_()
        (derivative,) = torch.autograd.grad(function(activation)(leaf).sum(), leaf)
    return derivative


def _percentile(values: Tensor, share: float) -> float:
    """Interpolate linearly between sorted values, since torch's quantile refuses large tensors."""
    ordered = values.sort().values
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (position - below) * (ordered[above] - ordered[below]))
