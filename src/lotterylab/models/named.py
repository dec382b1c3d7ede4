"""Names of models on the command line; a name sets some fields of the spec."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lotterylab.errors import UsageError, unknown
from lotterylab.models.base import ModelSpec


@dataclass(frozen=True, kw_only=True)
class Named:
    """A ``Named`` is a model by its name on the command line: ``named(**fields)`` returns the spec.

    The spec and its digest are those of a spec that is written out: ``Vgg(depth=16, batch_norm=True)``.

    Args:
        spec: the class; all fields that are not fixed have defaults.
        fixed: the fields that the name sets.
        note: a note in the list of models.

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
        """Return the fields that may be given."""
        return tuple(field.name for field in dataclasses.fields(self.spec) if field.name not in self.fixed)

    def __call__(self, **fields: Any) -> ModelSpec:
        """Return the spec with these fields.

        Raises:
            UsageError: the model does not have a field, or its name has set it.
        """
        for name, value in fields.items():
            if name in self.fixed:
                raise UsageError(f"{name}={value!r} was given, but the model's name sets it to {self.fixed[name]!r}.")
            if name not in self.free:
                raise unknown(f"option of {self.spec.__name__}", name, self.free)
        return self.spec(**self.fixed, **fields)
