"""The shallow CNN is the activation study's network, for any input size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from lotterylab.errors import UsageError
from lotterylab.kernels.links import Block, Links
from lotterylab.models.activations import function, with_pool
from lotterylab.models.base import ModelSpec, check_counts
from lotterylab.words import ADDED_LATER

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class ShallowCnn(ModelSpec):
    """``ShallowCnn`` is conv 3x3 - act - maxpool 2 - conv 3x3 - act - maxpool 2 - linear - act - linear.

    It is the activation study's network.  For 3 x 32 x 32 inputs, 10 classes and the default widths it has 545,098
    parameters, of which 544,864 are weights.

    Args:
        activation: a word of ``models.activations``.
        init: a word of ``models.inits``.
        shape: (C, H, W) of the inputs.
        classes: K, the number of logits.
        widths: channels of the two convolutions, units of the hidden layer.
        batch_norm: whether each convolution is normalised before its activation; it then has no bias, which a norm
            would take out again.  The study's network has no norms.

    Raises:
        UsageError: a word is not known, or a size does not fit.

    Examples:
        >>> ShallowCnn().parameters
        545098
    """

    pools_after_activation: ClassVar[bool] = True

    init: str = "pytorch"
    shape: tuple[int, int, int] = (3, 32, 32)
    widths: tuple[int, int, int] = (32, 64, 128)
    batch_norm: bool = field(default=False, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.widths) != 3:
            raise UsageError(
                f"widths is {self.widths}; it must be (first convolution, second, hidden layer), three numbers."
            )
        check_counts("widths", self.widths)

    @property
    def smallest(self) -> int:
        """Return the least size for two poolings by 2."""
        return 4

    @property
    def parameters(self) -> int:
        """Return the number of parameters, biases included."""
        (channels, height, width), (first, second, hidden) = self.shape, self.widths
        flat = second * (height // 4) * (width // 4)
        of_norms = (first + second) if self.batch_norm else 0  # scale and shift in place of a bias
        return of_norms + sum(
            (inputs + 1) * outputs
            for inputs, outputs in ((9 * channels, first), (9 * first, second), (flat, hidden), (hidden, self.classes))
        )

    def build(self, *, pool_first: bool = False) -> nn.Module:
        """Return the module, (B, C, H, W) -> (B, K); ``pool_first`` as in ``ModelSpec.build``."""
        return _build(self, function(self.activation), pool_first and self.pool_first_is_exact)


def _build(spec: ShallowCnn, act: Callable, pool_first: bool) -> nn.Module:
    from torch import nn

    block = with_pool(act, pool_first)
    channels, height, width = spec.shape
    first, second, hidden = spec.widths

    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            bias, norm = not spec.batch_norm, nn.BatchNorm2d if spec.batch_norm else nn.Identity
            self.conv1 = nn.Conv2d(channels, first, 3, padding=1, bias=bias)
            self.conv2 = nn.Conv2d(first, second, 3, padding=1, bias=bias)
            self.norm1, self.norm2 = norm(first), norm(second)
            self.fc1 = nn.Linear(second * (height // 4) * (width // 4), hidden)
            self.fc2 = nn.Linear(hidden, spec.classes)
            norms = ("norm1", "norm2") if spec.batch_norm else (None, None)
            blocks = (Block(conv=f"conv{place}", norm=name, pool=True, pad=1) for place, name in enumerate(norms, 1))
            self.links = Links(blocks=tuple(blocks), layers=("fc1", "fc2"), activation=spec.activation)

        def forward(self, x):
            x = block(self.norm1(self.conv1(x)))
            x = block(self.norm2(self.conv2(x)))
            return self.fc2(act(self.fc1(x.flatten(1))))

    return Module()
