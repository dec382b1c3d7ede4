"""A model's name on the command line sets some fields of its spec."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lotterylab.errors import UsageError, unknown
from lotterylab.models.base import ModelSpec


@dataclass(frozen=True, kw_only=True)
class Named:
    """A model as the command names it: ``named(**fields)`` gives the spec, of which the name has set some fields.

    The spec is the same, with the same digest, as one that is written out: ``Vgg(depth=16, batch_norm=True)``.

    Args:
        spec: the class; all fields that are not fixed have defaults.
        fixed: what the name itself says.
        note: what the list of models adds.

    Examples:
        >>> from lotterylab.models import SPECS, ConvN
        >>> SPECS["conv-4"](width=0.5) == ConvN(depth=4, width=0.5)
        True
    """

    spec: type[ModelSpec]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    @property
    def free(self) -> tuple[str, ...]:
        """The fields that may be given."""
        return tuple(field.name for field in dataclasses.fields(self.spec) if field.name not in self.fixed)

    def __call__(self, **fields: Any) -> ModelSpec:
        """The spec.

        Raises:
            UsageError: for a field that the model does not have, with the nearest, or that its name has set.
        """
        for name, value in fields.items():
            if name in self.fixed:
                raise UsageError(f"{name}={value!r} was given, but the model's name sets it to {self.fixed[name]!r}.")
            if name not in self.free:
                raise unknown(f"option of {self.spec.__name__}", name, self.free)
        return self.spec(**self.fixed, **fields)
