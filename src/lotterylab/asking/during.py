"""An intervention in every training of a study, by the name that a person types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lotterylab.asking.choices import NONE, checked_options
from lotterylab.asking.options import StudyOptions, option
from lotterylab.errors import UsageError, unknown
from lotterylab.interventions import ALL, custom_intervention
from lotterylab.own_code.options import Option
from lotterylab.own_code.references import find
from lotterylab.own_code.signatures import options_of
from lotterylab.views import Intervention


def intervention_options(name: str) -> tuple[Option, ...]:
    """Return the options of an intervention.

    Raises:
        UsageError: no intervention has that name, or a reference leads nowhere.
    """
    if ":" in name:
        return options_of(find(name))
    if name not in ALL:
        raise unknown("intervention", name, ALL)
    return options_of(ALL[name])


def intervention(name: str, own: Mapping[str, Any]) -> Intervention:
    """Return the intervention of a name, or of a reference, with its own options.

    Raises:
        UsageError: the name or an option is unknown, a value is wrong, or it needs a sparse mask, which the dense
            training of a ticket study does not have.

    Examples:
        >>> intervention("random-out", {"patience": 3}).patience
        3
    """
    checked = checked_options("intervention", name, own, intervention_options(name), table="during")
    made: Any = custom_intervention(name, checked) if ":" in name else ALL[name](**checked)
    if made.needs_sparse:
        raise UsageError(
            f"'{name}' moves the weights of a sparse mask, and this study begins with dense training. Use it in a plan "
            "of your own, as in docs/interventions.md.",
            option="during",
        )
    return made


@dataclass(frozen=True, kw_only=True)
class AnyDuring(StudyOptions):
    """``AnyDuring`` is the option for an intervention in every training of a study; its options derive from it."""

    during: str | None = option(
        None,
        help="An intervention in every training, dense and pruned (lotterylab list interventions), or your own "
        "package.module:Class",
        own=intervention_options,
        shown="INTERVENTION",
    )
    during_options: Mapping[str, Any] = option(NONE, help="The intervention's own options, from Python", hidden=True)

    @property
    def interventions(self) -> tuple[Any, ...]:
        """Return the interventions of every recipe."""
        return () if self.during is None else (intervention(self.during, self.during_options),)

    @property
    def label(self) -> str:
        """Return the options as a part of a file name."""
        named = "" if self.during is None else re.sub(r"\W+", "-", f"-{self.during}")
        return f"{super().label}{named}"

    @property
    def note(self) -> str:
        """Return the note on the size, and a sentence on the intervention."""
        if self.during is None:
            return super().note
        own = ", ".join(f"{name} {value}" for name, value in self.during_options.items())
        text = f"Every training, dense and pruned, has the intervention {self.during}{f' ({own})' if own else ''}."
        return " ".join(filter(None, (super().note, text)))
