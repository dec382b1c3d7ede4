"""The words of the whole package, as types.

Shape legend, used in every docstring and signature:

    B  batch      C  channels    H, W  height, width    K  classes
    P  parameters of one tensor (any shape)             N  networks (a leading axis, where there is one)
    n  entries of a mask, counted over all its tensors
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NewType

if TYPE_CHECKING:
    from torch import Tensor, device

    State = NewType("State", dict[str, Tensor])  # parameters and buffers by their qualified name
    Mask = NewType("Mask", dict[str, Tensor])  # bool, True = kept
    Scores = NewType("Scores", dict[str, Tensor])  # float, higher = keep
    Inputs = Tensor | tuple[Any, ...] | Mapping[str, Any]  # of one forward pass
else:  # plain dicts at run time, and no torch import for those who only plan or print
    State = Mask = Scores = dict
    Inputs = object


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A ``Batch`` is inputs ``(B, C, H, W)`` or ``(B, features)`` and integer targets ``(B,)``.

    A user's own module may take several inputs, as a tuple of its arguments or a dict of them by name, and targets of
    any type that its loss takes.
    """

    inputs: Inputs
    targets: Any


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A ``Checkpoint`` is a training at one step: all that it needs to continue, and its metrics so far.

    ``step`` counts steps of the recipe.  ``optimizer`` holds one flat dict of tensors
    (``"momentum/conv1.weight"``, see ``training.slots``).  ``kept`` holds the states that the recipe asked to keep
    (``"best"``), each a whole ``State``.  ``carry`` holds what the recipe's interventions carry from step to step
    (``"0/ages"``: of the first one).  ``masks`` holds the masks that they made: by its name one that was found, and
    under ``""`` the held mask, if it is no longer the mask that the training began with.
    """

    step: int
    state: State
    optimizer: dict[str, Tensor]
    kept: dict[str, State]
    metrics: dict[str, Any]
    carry: dict[str, Tensor] = field(default_factory=dict)
    masks: dict[str, Mask] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """A ``Split`` is images uint8 ``(n, C, H, W)`` with labels int64 ``(n,)``.

    ``approximate``, bool ``(n,)``, marks images that are only approximately those of the data set's canonical copy.  n
    may be 0 for validation.
    """

    images: Tensor
    labels: Tensor
    approximate: Tensor

    def __len__(self) -> int:
        """Return n."""
        return len(self.labels)

    def to(self, device: str | device) -> Split:
        """Return the same split on a device."""
        return Split(
            images=self.images.to(device), labels=self.labels.to(device), approximate=self.approximate.to(device)
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """A ``Dataset`` is three splits and their normalisation, ``(x / scale - mean) / std`` for a raw byte x.

    ``mean`` and ``std`` hold one number per channel, on the scale 0..1; ``scale`` is the largest raw value.
    """

    train: Split
    validation: Split
    test: Split
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    scale: float

    def to(self, device: str | device) -> Dataset:
        """Return the same data set, wholly on a device."""
        return replace(
            self, train=self.train.to(device), validation=self.validation.to(device), test=self.test.to(device)
        )


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """A ``Fingerprint`` names the data that were read; every result keeps it.

    ``content``: SHA-256 of the exact images, labels and flags used in all three splits, their sizes, and the
    normalisation; it is part of a result's identity.  The same images in another file layout have the same content.
    ``files``: (name, "md5:..." or "sha256:...") of each whole file that was read, with the hash that its publisher
    gives.
    ``warnings``: one line each, to be shown with the results.
    """

    content: str
    files: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...] = ()
