"""A user's own criterion: a class by its reference."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from lotterylab.errors import UsageError, a_type
from lotterylab.own_code.references import check_options, check_unchanged, code_hash, described, find

if TYPE_CHECKING:
    from lotterylab.types import Scores
    from lotterylab.views import View


@dataclass(frozen=True, kw_only=True)
class CustomCriterion:
    """The criterion that ``source`` makes without arguments.  ``custom_criterion`` makes one of these.

    Args:
        source: "package.module:Class".
        code: the SHA-256 of the code that it runs, part of the digest, since it may change without a new ``version``.

    Examples:
        >>> custom_criterion("lotterylab.criteria:Magnitude").needs_batch
        False
    """

    version: ClassVar[int] = 1
    source: str
    code: str

    def __getstate__(self) -> dict[str, Any]:
        """Return only the fields: another process makes the criterion itself."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def needs_batch(self) -> bool:
        """Return whether it looks at data."""
        return bool(self.attribute("needs_batch"))

    @property
    def needs_shape(self) -> bool:
        """Return whether it needs the shape of an input."""
        return bool(self.attribute("needs_shape"))

    @property
    def needs_initial(self) -> bool:
        """Return whether it looks at the initial weights."""
        return bool(self.attribute("needs_initial"))

    @property
    def passes(self) -> int | None:
        """Return the forward passes that scoring costs as much as, if the user's class says it."""
        return self.attribute("passes")

    def attribute(self, name: str) -> Any:
        """Return an attribute of the user's class; None if it has none of that name."""
        return getattr(self._criterion, name, None)

    def __call__(self, view: View) -> Scores:
        """Return the user's scores."""
        return self._criterion(view)

    @cached_property
    def _criterion(self) -> Any:
        check_unchanged(self.source, self.code)
        try:
            criterion = find(self.source)()
        except Exception as error:
            raise UsageError(f"'{self.source}' failed: {described(error)}.") from error
        if isinstance(criterion, type) or not callable(criterion):
            raise UsageError(
                f"'{self.source}' made {a_type(criterion)}, which is not a criterion: it has no "
                "__call__(view). See docs/extending.md."
            )
        return criterion


def custom_criterion(source: str) -> CustomCriterion:
    """The criterion of a reference, with the hash of its code.

    Args:
        source: "package.module:Class", a frozen dataclass that is made without arguments.

    Raises:
        UsageError: the reference leads nowhere, or to what cannot be made without arguments or cannot be called.

    Examples:
        >>> custom_criterion("lotterylab.criteria:Magnitude").source
        'lotterylab.criteria:Magnitude'
    """
    check_options(source, {})
    criterion = CustomCriterion(source=source, code=code_hash(source))
    criterion.attribute("version")  # makes it, so that what is wrong is said before anything runs
    return criterion
