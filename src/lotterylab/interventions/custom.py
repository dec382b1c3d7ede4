"""A user's own intervention: a class by its reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from lotterylab.errors import UsageError, a_type
from lotterylab.own_code.references import check_options, check_unchanged, code_hash, described, find

if TYPE_CHECKING:
    from torch import Tensor

    from lotterylab.views import Change, View

PARTS = ("keeps", "begin", "__call__", "summary")  # of every intervention


@dataclass(frozen=True, kw_only=True)
class CustomIntervention:
    """The intervention that ``source`` makes from ``options``.  ``custom_intervention`` makes one of these.

    Args:
        source: "package.module:Class".
        code: the SHA-256 of the code that it runs, part of the digest, since it may change without a new ``version``.
        options: (name, value) pairs in the order of the names.

    Examples:
        >>> custom_intervention("lotterylab.interventions:RandomOut", {"patience": 3}).keeps
        ('amended',)
    """

    version: ClassVar[int] = 1
    source: str
    code: str
    options: tuple[tuple[str, Any], ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """Return only the fields: another process makes the intervention itself."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def called(self) -> str:
        """The name of the user's class, for events and errors."""
        return self.source.rpartition(":")[2]

    @property
    def needs_sparse(self) -> bool:
        """Return whether it needs a training that begins with a sparse mask."""
        return bool(getattr(self._intervention, "needs_sparse", False))

    @property
    def may_stop(self) -> bool:
        """Return whether it may end a training early."""
        return bool(getattr(self._intervention, "may_stop", True))

    @property
    def keeps(self) -> tuple[str, ...]:
        """The names of the states and masks that it keeps."""
        return self._intervention.keeps

    def last_change(self, total_steps: int) -> int:
        """Return the last step at which it may change the mask; the end if the user's class does not say."""
        own = getattr(self._intervention, "last_change", None)
        return total_steps if own is None else int(own(total_steps))

    def acts_at(self, step: int, steps_per_epoch: int | None) -> bool:
        """Return whether it is called after this update; True if the user's class does not say."""
        own = getattr(self._intervention, "acts_at", None)
        return own is None or bool(own(step, steps_per_epoch))

    def begin(self, view: View) -> Mapping[str, Tensor]:
        """Return the carry with which the user's intervention begins."""
        return self._intervention.begin(view)

    def __call__(self, view: View, carry: Mapping[str, Tensor]) -> Change:
        """Return the change that the user's intervention makes."""
        return self._intervention(view, carry)

    def summary(self, carry: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """Return what the user's intervention says at the end."""
        return self._intervention.summary(carry)

    @cached_property
    def _intervention(self) -> Any:
        check_unchanged(self.source, self.code)
        try:
            made = find(self.source)(**dict(self.options))
        except UsageError:
            raise
        except Exception as error:
            raise UsageError(f"'{self.source}' failed: {described(error)}.") from error
        if missing := [part for part in PARTS if not hasattr(made, part)]:
            raise UsageError(
                f"'{self.source}' made {a_type(made)}, which is not an intervention: it has no {missing[0]}. "
                "See docs/extending.md."
            )
        return made


def custom_intervention(source: str, options: Mapping[str, Any] | None = None) -> CustomIntervention:
    """Return the intervention of a reference, with the hash of its code.

    Args:
        source: "package.module:Class", a frozen dataclass.
        options: its fields by name.

    Raises:
        UsageError: the reference does not lead to an intervention, or an option is not one of its fields.

    Examples:
        >>> custom_intervention("lotterylab.interventions:Gradual", {"sparsity": 0.5})
        Traceback (most recent call last):
        ...
        lotterylab.errors.UsageError: 'lotterylab.interventions:Gradual' needs begin_step, end_step, ...
    """
    checked = check_options(source, dict(options or {}))
    custom = CustomIntervention(source=source, code=code_hash(source), options=checked)
    _ = custom.keeps  # an error is raised here, and not in the first training
    return custom
