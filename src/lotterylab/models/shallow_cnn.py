"""The shallow CNN of the activation study, for any input size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lotterylab.models.activations import activation, function
from lotterylab.models.inits import named_init, torch_global_init
from lotterylab.rng import stream
from lotterylab.types import State

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class ShallowCnn:
    """conv 3x3 - act - maxpool 2 - conv 3x3 - act - maxpool 2 - linear - act - linear.

    For 3 x 32 x 32 inputs, 10 classes and the default widths: 545,098 parameters, of which 544,864 weights.
    ``shape``: (C, H, W) of the inputs.  ``widths``: channels of the two convolutions, units of the hidden layer.
    """

    version: ClassVar[int] = 1
    activation: str
    init: str = "pytorch"
    shape: tuple[int, int, int] = (3, 32, 32)
    classes: int = 10
    widths: tuple[int, int, int] = (32, 64, 128)

    @property
    def pool_first_is_exact(self) -> bool:
        """Whether max-pooling may come before the activation: only if that is monotone."""
        return activation(self.activation).monotone

    @property
    def parameters(self) -> int:
        """How many parameters there are, biases included."""
        (channels, height, width), (first, second, hidden) = self.shape, self.widths
        flat = second * (height // 4) * (width // 4)
        return sum(
            (inputs + 1) * outputs
            for inputs, outputs in ((9 * channels, first), (9 * first, second), (flat, hidden), (hidden, self.classes))
        )

    def build(self, *, pool_first: bool = False) -> nn.Module:
        """The module.  ``pool_first`` gives the same function with a quarter of the activations to compute."""
        return _build(self, function(self.activation), pool_first and self.pool_first_is_exact)

    def initial(self, seed: int, purpose: str, draw: str) -> State:
        """The initial state; see ``plan.nodes.Init`` for ``purpose`` and ``draw``."""
        if draw == "torch-global":
            return torch_global_init(self.build, seed)
        return named_init(self.build(), self.init, lambda name: stream(seed, purpose, name))


def _build(spec: ShallowCnn, act: Callable, pool_first: bool) -> nn.Module:
    from torch import nn
    from torch.nn import functional

    channels, height, width = spec.shape
    first, second, hidden = spec.widths

    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels, first, 3, padding=1)
            self.conv2 = nn.Conv2d(first, second, 3, padding=1)
            self.fc1 = nn.Linear(second * (height // 4) * (width // 4), hidden)
            self.fc2 = nn.Linear(hidden, spec.classes)

        def block(self, x):
            if pool_first:
                return act(functional.max_pool2d(x, 2))
            return functional.max_pool2d(act(x), 2)

        def forward(self, x):
            x = self.block(self.conv1(x))
            x = self.block(self.conv2(x))
            return self.fc2(act(self.fc1(x.flatten(1))))

    return Module()
