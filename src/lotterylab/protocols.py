"""Protocols of the values in a plan: models, data, recipes, quantities.

Frozen dataclasses satisfy these protocols without naming them.  Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from lotterylab.types import Batch, Dataset, Fingerprint, State

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lotterylab.network import Network


class Spec(Protocol):
    """A ``Spec`` is a frozen dataclass whose fields say everything about it, so that a digest can name it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


class Intervening(Spec, Protocol):
    """An ``Intervening`` spec changes a training from within, as ``views.Intervention`` describes."""

    @property
    def keeps(self) -> tuple[str, ...]:
        """Return the names of the states and masks that it keeps."""
        ...


class Model(Spec, Protocol):
    """A ``Model`` names a network, and builds and initialises it."""

    @property
    def activation(self) -> str:
        """Return the word for its activation function."""
        ...

    def build(self, *, pool_first: bool = False) -> nn.Module:
        """Return the module, (B, C, H, W) -> (B, K)."""
        ...

    def initial(self, seed: int, purpose: str, draw: str) -> State:
        """Return the initial state of a seed, for a purpose ("init", "reinit"), by a way to draw."""
        ...


class DataSpec(Spec, Protocol):
    """A ``DataSpec`` names a data set and its numbers of images; it is importable without torch."""

    @property
    def name(self) -> str:
        """Return the word for it on the command line."""
        ...

    @property
    def train(self) -> int:
        """Return the number of training images."""
        ...

    @property
    def validation(self) -> int:
        """Return the number of validation images."""
        ...

    @property
    def test(self) -> int:
        """Return the number of test images."""
        ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return the shape (C, H, W) of an image."""
        ...

    @property
    def classes(self) -> int:
        """Return K, the number of classes."""
        ...

    @property
    def title(self) -> str:
        """Return the name for tables and figures; a subset's name says so ("CIFAR-10@5000")."""
        ...

    def load(self, data_dir: Path | None) -> Dataset:
        """Return the images themselves, on the CPU.

        Raises:
            UsageError: the files are missing or damaged.
        """
        ...

    def fingerprint(self, data_dir: Path | None) -> Fingerprint:
        """Return the names and checksums of what ``load`` would read, without torch.

        Raises:
            UsageError: the files are missing or damaged.
        """
        ...


class Scoring(Spec, Protocol):
    """A ``Scoring`` chooses the images that a criterion sees."""

    def draw(self, dataset: Dataset, seed: int) -> Batch:
        """Return the batch of a seed: inputs (B, C, H, W), targets (B,)."""
        ...


class UserRecipe(Spec, Protocol):
    """A ``UserRecipe`` describes a training by a user's own function."""

    @property
    def steps(self) -> int:
        """Return T, the optimizer steps of the whole training."""
        ...

    @property
    def during(self) -> tuple[Intervening, ...]:
        """Return the interventions, in the order in which they are called."""
        ...


class Recipe(Spec, Protocol):
    """A ``Recipe`` describes a training by the engine."""

    @property
    def epochs(self) -> int:
        """Return the passes over the training images; 0 if ``steps`` counts."""
        ...

    @property
    def steps(self) -> int | None:
        """Return the optimizer steps of the whole training; None if ``epochs`` counts."""
        ...

    @property
    def batch_size(self) -> int:
        """Return the number of images a step."""
        ...

    @property
    def optimizer(self) -> Any:
        """Return a spec of ``training.optim``."""
        ...

    @property
    def augment(self) -> Any:
        """Return a spec of ``data.augment``."""
        ...

    @property
    def stream(self) -> Any:
        """Return a spec of ``data.streams``."""
        ...

    @property
    def during(self) -> tuple[Intervening, ...]:
        """Return the interventions, in the order in which they are called."""
        ...

    @property
    def gate(self) -> Spec | None:
        """Return the spec of ``lotterylab.gates`` that learns a mask, or None."""
        ...

    @property
    def keeps(self) -> tuple[str, ...]:
        """Return the names of the states and masks that gate and interventions keep."""
        ...

    @property
    def watch(self) -> tuple[str, ...]:
        """Return the splits that are evaluated during training."""
        ...

    @property
    def watch_every(self) -> int | None:
        """Return the steps between two evaluations; None for once an epoch."""
        ...

    def total_steps(self, steps_per_epoch: int) -> int:
        """Return T, the optimizer steps of the whole training."""
        ...

    def longer(self, times: float) -> Recipe:
        """Return the same training with ``times`` as many steps."""
        ...


class Combining(Spec, Protocol):
    """A ``Combining`` makes a state or a mask of states and masks of one network.

    ``needs``: the names that it must be given, that of the main part first; () for any.  ``masks``: those of masks,
    ``either``: those of what may be a state or a mask.
    """

    needs: ClassVar[tuple[str, ...]]
    masks: ClassVar[tuple[str, ...]]
    either: ClassVar[tuple[str, ...]]

    def check(self, given: Iterable[str]) -> None:
        """Refuse names that it does not take.

        Raises:
            UsageError: a name is missing or not known.
        """
        ...

    def __call__(self, of: Mapping[str, Mapping[str, Tensor]], names: Sequence[str], seed: int) -> State:
        """Return the state, by the weights ``names`` that can be pruned."""
        ...


class Quantity(Spec, Protocol):
    """A ``Quantity`` measures finished states and masks."""

    def __call__(
        self, values: Mapping[str, dict[str, Tensor]], models: Mapping[str, Network], dataset: Dataset | None
    ) -> dict[str, Any]:
        """Return the metrics of named states and masks, whose networks are ``models``."""
        ...
