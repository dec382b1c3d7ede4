"""A model is a frozen spec that builds a module and draws its initial state."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, final

from lotterylab import rng
from lotterylab.errors import UsageError, unknown
from lotterylab.models.activations import ACTIVATIONS, activation
from lotterylab.models.inits import INITS, OWN, dropout_keys, named_init, seeded, unknown_init
from lotterylab.types import State

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """``ModelSpec`` is the abstract base of models: a frozen spec that builds a module and draws its initial state.

    Its fields say everything about it, so that a digest can name it.

    Args:
        activation: a word of ``models.activations``.
        init: a word of ``models.inits``; a model's default is its paper's.
        shape: (C, H, W) of one input.
        classes: K, the number of logits.

    Raises:
        UsageError: a word is unknown, or the model cannot be built with these numbers.

    Examples:
        >>> from lotterylab.models import Mlp
        >>> spec = Mlp(activation="tanh", shape=(1, 8, 8), widths=(20,))
        >>> {name: tuple(tensor.shape) for name, tensor in spec.initial(0, "init", "named").items()}
        {'fc.0.weight': (20, 64), 'fc.0.bias': (20,), 'fc.1.weight': (10, 20), 'fc.1.bias': (10,)}
    """

    version: ClassVar[int] = 1
    inits: ClassVar[tuple[str, ...]] = tuple(INITS)
    pools_after_activation: ClassVar[bool] = False

    activation: str = "relu"
    init: str
    shape: tuple[int, int, int]
    classes: int = 10

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise unknown("activation", self.activation, ACTIVATIONS)
        if self.init not in self.inits:
            raise unknown_init(self.init, self.inits)
        if len(self.shape) != 3 or not all(_is_count(size) for size in self.shape):
            raise UsageError(f"shape is {self.shape}; it must be (channels, height, width), whole numbers from 1 on.")
        if min(self.shape[1:]) < self.smallest:
            raise UsageError(
                f"{type(self).__name__} was asked for images of {self.shape[1]} x {self.shape[2]}; its pooling needs "
                f"at least {self.smallest} x {self.smallest}. Use larger images, or a model with fewer poolings."
            )
        check_counts("classes", [self.classes])

    @property
    def shown_activation(self) -> str:
        """Return the activation as results are labelled with it."""
        return self.activation

    @property
    def smallest(self) -> int:
        """Return the least height and width of an image."""
        return 1

    @property
    @final
    def pool_first_is_exact(self) -> bool:
        """Return whether max-pooling may come before the activation: it follows it, and the activation is monotone."""
        return self.pools_after_activation and activation(self.activation).monotone

    @abstractmethod
    def build(self, *, pool_first: bool = False) -> nn.Module:
        """Return the module, (B, C, H, W) -> (B, K).

        ``pool_first``: pool before the activation if ``pool_first_is_exact``.  The function is the same, with a quarter
        of the activations to compute.
        """

    @final
    def initial(self, seed: int, purpose: str, draw: str) -> State:
        """Return the initial state; see ``plan.nodes.Init`` for ``purpose`` and ``draw``.

        "torch-global" draws as PyTorch's constructors do, for any ``init``.  Parameters outside Conv and Linear layers
        (embeddings, a user's own) are as the constructor makes them, also from the seed.
        """

        def stream(name: str):
            return rng.stream(seed, purpose, name)

        global_draw = draw == "torch-global"
        module = seeded(self.build, seed if global_draw else rng.key(seed, purpose, "module"))
        state = named_init(module, OWN if global_draw else self.init, stream)
        return dropout_keys(module, state, stream)


def scaled(channels: int, width: float) -> int:
    """Return floor(width * channels + 1/2), at least 1, computed exactly from the decimal digits of ``width``."""
    return max(1, math.floor(Fraction(str(width)) * channels + Fraction(1, 2)))


def check_counts(name: str, values: Iterable[int]) -> None:
    """Refuse numbers of units that are not whole numbers from 1 on."""
    for value in values:
        if not _is_count(value):
            raise UsageError(f"{name} has the value {value!r}; whole numbers from 1 on are needed.")


def check_width(width: float) -> None:
    """Refuse a width factor that is not positive and finite."""
    if isinstance(width, bool) or not isinstance(width, int | float) or not 0 < width < math.inf:
        raise UsageError(f"width is {width!r}; it multiplies the channels, so a positive number is needed.")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
