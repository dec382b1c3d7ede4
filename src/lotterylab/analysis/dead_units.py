"""Dead units never activate; the measure is how many of the zero gradients they explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lotterylab.analysis.gradients import gradients
from lotterylab.analysis.units import follow
from lotterylab.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class DeadUnits:
    """Which units of the state "state" are dead on a data set, and how many zero gradients they explain.

    Hidden layers are all prunable layers but the last.  A unit (a channel of a convolution, an output of a linear
    layer) is *dead* when its pre-activation is at most zero on every training image and at every place, so that under
    ReLU it and its gradient are exactly zero.  The pre-activation is what the activation is given, behind a norm and
    with the shortcut of a residual block.  The state is a dict of tensors by name.

    - ``dead_share``, ``dead_by_layer``: dead units over units.
    - ``zero_gradient_share``: weights whose gradient on ``batch`` is exactly zero.
    - ``explained_share``: of those, the share that enters or leaves a dead unit.  The hypothesis "zero gradients come
      from dead units" is refuted where this is low.
    - ``expected_share``: the share of ALL weights that enter or leave a dead unit: what chance would explain.

    Args:
        batch: which images the gradients are taken on, such as ``PerClass(count=10)``.
        seed: of the batch.

    Raises:
        UsageError: when it measures, if a layer was never called, or is a transposed convolution.

    Examples:
        >>> import lotterylab as ll
        >>> from lotterylab.data.scoring import PerClass
        >>> from lotterylab.network import network
        >>> spec = ll.models.Mlp(shape=(1, 8, 8), widths=(20,))
        >>> state, net = spec.initial(0, "init", "named"), network(spec.build())
        >>> state["fc.0.bias"][:5] = -1000.0
        >>> quantity = DeadUnits(batch=PerClass(count=2), seed=0)
        >>> quantity({"state": state}, {"state": net}, ll.data.Digits().load(None))["dead_by_layer"]
        {'fc.0.weight': 0.25}
    """

    version: ClassVar[int] = 1
    batch: Any
    seed: int

    def __call__(self, values: Mapping[str, Any], models: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
        """The shares above."""
        import torch

        state, net = values["state"], models["state"]
        alive, reads = _followed(net, state, dataset)
        slopes = gradients(net, state, net.prunable, self.batch.draw(dataset, self.seed))
        touched = _touching_dead(net, state, alive, reads)
        hidden = {name: alive[name] for name in net.prunable[:-1]}
        zero = {name: gradient == 0 for name, gradient in slopes.items()}
        zeros = sum(int(is_zero.sum()) for is_zero in zero.values())
        total = sum(is_zero.numel() for is_zero in zero.values())
        return {
            "dead_share": 1 - float(torch.cat(list(hidden.values())).double().mean()),
            "dead_by_layer": {name: 1 - float(units.double().mean()) for name, units in hidden.items()},
            "zero_gradient_share": zeros / total,
            "explained_share": sum(int((zero[name] & touched[name]).sum()) for name in zero) / zeros if zeros else None,
            "expected_share": sum(int(weights.sum()) for weights in touched.values()) / total,
        }


def _followed(net: Any, state: Mapping[str, Any], dataset: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return which units of each layer are positive anywhere on the training set, and the units that it reads."""
    import torch

    from lotterylab.data.normalise import Normalise

    normalise = Normalise.of(dataset)
    alive: dict[str, Any] = {}
    reads: dict[str, Any] = {}

    def look(name: str, s: Any) -> None:
        positive = s.amax([axis for axis in range(s.dim()) if axis != 1]) > 0
        alive[name] = alive[name] | positive if name in alive else positive

    images = dataset.train.images
    for first in range(0, len(images), 500):
        reads = follow(net, state, normalise(images[first : first + 500].permute(0, 2, 3, 1)), look)
    for name, units in alive.items():
        if len(units) != len(state[name]):
            raise UsageError(
                f"'{name}' has {len(units)} units for {len(state[name])} rows, as a transposed convolution has, whose "
                "dead units are not counted. Measure a network without it."
            )
    alive[net.prunable[-1]] = torch.ones_like(alive[net.prunable[-1]])  # logits have no activation
    return alive, reads


def _touching_dead(
    net: Any, state: Mapping[str, Any], alive: Mapping[str, Any], reads: Mapping[str, Any]
) -> dict[str, Any]:
    """Return for each weight tensor which weights enter or leave a dead unit, bool in the weight's shape."""
    import torch

    dead = torch.cat([~alive[name] for name in net.prunable])
    touched = {}
    for name in net.prunable:
        weight, units = state[name], reads[name]
        touches = torch.zeros(weight.shape, dtype=torch.bool)
        touches[~alive[name]] = True
        leaving = (units >= 0) & dead[units.clamp(min=0)]
        groups = len(units) // weight.shape[1]
        for rows, inputs in zip(touches.chunk(groups), leaving.chunk(groups), strict=True):
            rows[:, inputs] = True
        touched[name] = touches
    return touched
