"""A study as one value: its question, options, data, plan and reading."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lotterylab.asking.options import StudyOptions, lines
from lotterylab.data.base import data_dir
from lotterylab.engine.facts import CLAIMS, STUDY
from lotterylab.errors import LotteryError, UsageError, a_type
from lotterylab.own_code.references import described
from lotterylab.plan.nodes import Data
from lotterylab.plan.plan import LABELS, Plan
from lotterylab.reading.outline import Outline
from lotterylab.reading.registered import claims_digest
from lotterylab.types import Fingerprint

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class Study:
    """A ``Study`` is a question with its options, its data, its plan and the reading of its results.

    Args:
        name: lower-case words with hyphens; file names and tables use it.
        question: the question that the study asks.
        options: a frozen dataclass derived from ``StudyOptions`` or ``SizedOptions``, one line an option.
        data: a data spec, or a function from the options to one.
        build: a function from the options and the data to the ``Plan``; it runs nothing.
        outline: the reading of the results: charts, comparisons, claims; by default only costs and runs.

    Raises:
        UsageError: the name has other letters, or the class of options declares no valid options.

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
        """Return the plan, with the study's name and question, and the note on its size.

        Raises:
            UsageError: ``build`` does not return a plan, or a row lacks a label or a training.
        """
        plan = self.build(options, data)
        if not isinstance(plan, Plan):
            raise UsageError(f"build of the study '{self.name}' returned {a_type(plan)}. Return a Plan.")
        for number, row in enumerate(plan.rows):
            missing = [name for name in LABELS if name not in row.labels] + ["train"] * ("train" not in row.nodes)
            if missing:
                raise UsageError(
                    f"row {number} of the study '{self.name}' has no {missing[0]}. A row has the labels "
                    f"{', '.join(LABELS)}, and a node 'train'."
                )
        size = (options.note,) if options.note else ()
        all_notes = (*plan.notes, *size, *notes)
        return dataclasses.replace(plan, name=self.name, question=self.question, notes=all_notes)

    def resolve(self, options: Any, fingerprint: Fingerprint | None = None) -> Resolved:
        """Read the fingerprint of the data, unless it is given, and build the plan.

        Raises:
            UsageError: data are missing or damaged, options do not fit them, or a user's own study fails.
        """
        folder = data_dir(options.data_dir)
        spec = self._own(self.data, options) if callable(self.data) else self.data
        found: Fingerprint = fingerprint or spec.fingerprint(folder)
        data = Data(spec=spec, content=found.content)
        plan = self._own(self.plan, options, data, notes=found.warnings)
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
        """Call a function of the study; an error of a user's function becomes one sentence."""
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
    """A ``Resolved`` is a study with its options filled in, its data read and its plan built.

    ``settings``: the values of the options, by name.  ``data_dir``: the folder of the data, if not in the package.
    """

    study: Study
    plan: Plan
    data_title: str
    fingerprint: Fingerprint
    data_dir: Path | None
    settings: Mapping[str, Any]

    @property
    def facts(self) -> dict[str, str]:
        """Return the facts that each result of the study gets: its name, and the digest of its claims."""
        return {STUDY: self.study.name, CLAIMS: claims_digest(self.study.outline, self.plan.predictions)}
