"""What a plan may hold and an engine may use: models, data, recipes, quantities.

Frozen dataclasses satisfy these protocols without naming them.  Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from lotterylab.types import Batch, Dataset, Fingerprint, State

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lotterylab.network import Network


class Spec(Protocol):
    """A frozen dataclass: its fields say everything about it, so that a digest names it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


class Model(Spec, Protocol):
    """Which network."""

    @property
    def activation(self) -> str:
        """The word for its activation function."""
        ...

    def build(self, *, pool_first: bool = False) -> nn.Module:
        """Return the module, (B, C, H, W) -> (B, K)."""
        ...

    def initial(self, seed: int, purpose: str, draw: str) -> State:
        """Return the initial state of a seed, for a purpose ("init", "reinit"), by a way to draw."""
        ...


class DataSpec(Spec, Protocol):
    """Which data, and how many of them: a frozen keyword-only dataclass, importable without torch."""

    @property
    def name(self) -> str:
        """The word for it on the command line."""
        ...

    @property
    def train(self) -> int:
        """How many training images."""
        ...

    @property
    def validation(self) -> int:
        """How many validation images."""
        ...

    @property
    def test(self) -> int:
        """How many test images."""
        ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of an image."""
        ...

    @property
    def classes(self) -> int:
        """K."""
        ...

    @property
    def title(self) -> str:
        """How tables and figures call it; a subset says so ("CIFAR-10@5000")."""
        ...

    def load(self, data_dir: Path | None) -> Dataset:
        """The images themselves, on the CPU.

        Raises:
            UsageError: the files are not there, or are damaged.
        """
        ...

    def fingerprint(self, data_dir: Path | None) -> Fingerprint:
        """What ``load`` would give, by name; without torch.

        Raises:
            UsageError: the files are not there, or are damaged.
        """
        ...


class Scoring(Spec, Protocol):
    """Which images a criterion sees."""

    def draw(self, dataset: Dataset, seed: int) -> Batch:
        """Return the batch of a seed: inputs (B, C, H, W), targets (B,)."""
        ...


class UserRecipe(Spec, Protocol):
    """How a user's own function trains."""

    @property
    def steps(self) -> int:
        """T, the optimizer steps of the whole training."""
        ...


class Recipe(Spec, Protocol):
    """How the engine trains a network."""

    @property
    def epochs(self) -> int:
        """Passes over the training images; 0 where ``steps`` counts."""
        ...

    @property
    def steps(self) -> int | None:
        """Optimizer steps of the whole training; None where ``epochs`` counts."""
        ...

    @property
    def batch_size(self) -> int:
        """Images a step."""
        ...

    @property
    def optimizer(self) -> Any:
        """A spec of ``training.optim``."""
        ...

    @property
    def augment(self) -> Any:
        """A spec of ``data.augment``."""
        ...

    @property
    def stream(self) -> Any:
        """A spec of ``data.streams``."""
        ...

    @property
    def watch(self) -> tuple[str, ...]:
        """The splits that are evaluated on the way."""
        ...

    @property
    def watch_every(self) -> int | None:
        """Steps between two evaluations; None for once an epoch."""
        ...

    def total_steps(self, steps_per_epoch: int) -> int:
        """Return T, the optimizer steps of the whole training."""
        ...

    def longer(self, times: float) -> Recipe:
        """Return the same for ``times`` as many steps."""
        ...


class Quantity(Spec, Protocol):
    """What is measured of finished states and masks."""

    def __call__(
        self, values: Mapping[str, dict[str, Tensor]], models: Mapping[str, Network], dataset: Dataset | None
    ) -> dict[str, Any]:
        """Return the metrics of named states and masks, whose networks are ``models``."""
        ...
