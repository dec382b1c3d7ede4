"""What a person asks of a study that comes in sizes: quick, standard, paper."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from lotterylab.asking.arguments import FOLDER, WHOLE
from lotterylab.asking.checks import check_options
from lotterylab.asking.request import Resolved
from lotterylab.data import Cifar10
from lotterylab.data.base import data_dir
from lotterylab.errors import unknown
from lotterylab.plan.nodes import Data
from lotterylab.plan.plan import Plan
from lotterylab.reading.outline import Outline

OWN = ("size", "data", "data_dir", "pixels")  # all other fields are the study's options


def cifar10(size: str) -> Cifar10:
    """CIFAR-10@5000; the whole training set at the paper's size."""
    if size == "paper":
        return Cifar10(train=45_000, validation=5_000, test=10_000)
    return Cifar10(train=5_000, validation=1_000, test=5_000)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a study is made of.

    ``options``: their dataclass, whose defaults are the standard size.  ``sizes``: name -> the options that differ.
    ``spec``: the data; ``title``: theirs, if not the spec's own.  ``settings``: what else was asked, for a person.
    """

    name: str
    spec: Any
    options: type
    sizes: Mapping[str, Mapping[str, Any]]
    build: Callable[..., Plan]
    outline: Outline
    title: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SizedRequest:
    """Abstract.  Options that say what is studied; unset ones come from the size."""

    size: Literal["quick", "standard", "paper"] = "standard"
    """quick: minutes.  standard: hours on two cores.  paper: the paper's own numbers."""
    seeds: Annotated[int | None, WHOLE] = None
    """How many seeds, each a unit of its own; default 2 of the quick size, 3 or 5 of the others (plan says which)."""
    first_seed: Annotated[int | None, WHOLE] = None
    """The first of them; default 0, or 42 where the study extends the activation study."""
    data_dir: Annotated[str | None, FOLDER] = None
    """Folder of your data sets; default $LOTTERYLAB_DATA."""

    @abstractmethod
    def parts(self) -> Parts:
        """What the study is made of."""

    @classmethod
    def grown(cls, asked: Mapping[str, str]) -> type[SizedRequest]:
        """The type itself: a model or data of one's own are no options here."""
        return cls

    @property
    def label(self) -> str:
        """The request in a file name."""
        return self.size

    def resolve(self) -> Resolved:
        """Read what the data are, fill in the size, and build the plan.

        Raises:
            UsageError: for missing or damaged data and for options out of their range, before anything runs.
        """
        parts = self.parts()
        if self.size not in parts.sizes:
            raise unknown("size", self.size, parts.sizes)
        names = [field.name for field in dataclasses.fields(self) if field.name not in OWN]
        asked = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        options = parts.options(**{**parts.sizes[self.size], **asked})
        check_options(options)
        folder = data_dir(self.data_dir)
        found = parts.spec.fingerprint(folder)
        study = parts.build(
            options,
            Data(spec=parts.spec, content=found.content),
            title=parts.title or parts.spec.title,
            notes=(*self._reductions(parts, options), *found.warnings),
        )
        sizes = {name: getattr(parts.spec, name) for name in ("train", "validation", "test")}
        settings = {
            "size": self.size,
            **dataclasses.asdict(options),
            "data": parts.spec.title,
            **sizes,
            **parts.settings,
        }
        return Resolved(
            study=study,
            data_title=parts.spec.title,
            fingerprint=found,
            data_dir=folder,
            settings=settings,
            outline=parts.outline,
        )

    def _reductions(self, parts: Parts, options: Any) -> tuple[str, ...]:
        """How this size differs from the paper's, in words."""
        paper = parts.sizes["paper"]
        changes = [
            f"{name.replace('_', ' ')} {getattr(options, name)} instead of {wanted}"
            for name, wanted in paper.items()
            if getattr(options, name) != wanted
        ]
        return (f"Size {self.size}: {'; '.join(changes)}.",) if changes else ()
