"""A study as one value: its question, its options, its data, the plan that answers it, and how that is read."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lotterylab.asking.options import StudyOptions, lines
from lotterylab.data.base import data_dir
from lotterylab.errors import LotteryError, UsageError
from lotterylab.own_code.references import described
from lotterylab.plan.nodes import Data
from lotterylab.plan.plan import LABELS, Plan
from lotterylab.reading.outline import Outline
from lotterylab.types import Fingerprint

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class Study:
    """A question, and how it is asked, planned and read.

    Args:
        name: in lower case, with hyphens; file names and tables have it.
        question: what the study asks.
        options: a frozen dataclass derived from ``StudyOptions`` or ``SizedOptions``, one line an option.
        data: a data spec, or a function from the options to one.
        build: from the options and the data to the ``Plan``; it runs nothing.
        outline: how the results are read: charts, comparisons, claims; by default costs and runs alone.

    Raises:
        UsageError: a name that cannot be in a file's name, or a class of options that declares nothing it could ask.

    Examples:
        >>> from lotterylab.studies.lth_mnist import STUDY
        >>> STUDY.options(size="quick").rounds
        10
    """

    name: str
    question: str
    options: type[StudyOptions]
    data: Any
    build: Callable[[Any, Data], Plan]
    outline: Outline = field(default_factory=Outline)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            raise UsageError(f"a study is named '{self.name}'. Give it lower-case words with hyphens, as 'my-study'.")
        lines(self.options)

    def plan(self, options: Any, data: Data, *, notes: tuple[str, ...] = ()) -> Plan:
        """The plan, with the study's name and question, and the note on what its size leaves out.

        Raises:
            UsageError: ``build`` returns no plan, or a row without a label or a training.
        """
        plan = self.build(options, data)
        if not isinstance(plan, Plan):
            raise UsageError(f"build of the study '{self.name}' returned a {type(plan).__name__}. Return a Plan.")
        for number, row in enumerate(plan.rows):
            missing = [name for name in LABELS if name not in row.labels] + ["train"] * ("train" not in row.nodes)
            if missing:
                raise UsageError(
                    f"row {number} of the study '{self.name}' has no {missing[0]}. A row has the labels "
                    f"{', '.join(LABELS)}, and a node 'train'."
                )
        size = (options.note,) if options.note else ()
        own = {"name": self.name, "question": self.question}
        return dataclasses.replace(plan, **own, notes=(*plan.notes, *size, *notes))

    def resolve(self, options: Any) -> Resolved:
        """Read what the data are, and build the plan.

        Raises:
            UsageError: missing or damaged data, options that do not fit them, an error in a user's own study.
        """
        folder = data_dir(options.data_dir)
        spec = self._own(self.data, options) if callable(self.data) else self.data
        found = spec.fingerprint(folder)
        plan = self._own(self.plan, options, Data(spec=spec, content=found.content), notes=found.warnings)
        given = {name: value for name, value in dataclasses.asdict(options).items() if value not in (None, {})}
        settings = {name: value for name, value in given.items() if name != "data_dir"}
        settings = {**settings, "data": spec.title, **{part: getattr(spec, part) for part in PARTS}}
        return Resolved(
            study=self,
            plan=plan,
            data_title=spec.title,
            fingerprint=found,
            data_dir=folder,
            settings=settings,
        )

    def _own(self, function: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """A call of the study's own function, whose errors become one sentence where it is a user's."""
        try:
            return function(*given, **named)
        except LotteryError:
            raise
        except Exception as error:
            if self.options.__module__.startswith("lotterylab."):
                raise
            raise UsageError(f"the study '{self.name}' failed: {described(error)}.") from error


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """A study with its options filled in and its data found.

    ``settings``: what was asked for, by name.  ``data_dir``: where the data lie, if not in the package.
    """

    study: Study
    plan: Plan
    data_title: str
    fingerprint: Fingerprint
    data_dir: Path | None
    settings: Mapping[str, Any]
