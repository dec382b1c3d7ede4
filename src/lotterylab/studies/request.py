"""What a person asks of the activation study, as typed options; unset ones come from the preset."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from lotterylab.data import SPECS
from lotterylab.data.augment import Augment
from lotterylab.data.base import Fingerprint, data_dir
from lotterylab.plan.nodes import Data
from lotterylab.plan.study import Study
from lotterylab.studies import activations

SIZES: dict[str, dict[str, int]] = {  # of the study, where nothing else is asked for
    "digits": {"train": 1197, "validation": 200, "test": 400},
    "cifar10": {"train": 5000, "validation": 1000, "test": 5000},
}
AUGMENT = {"digits": Augment(crop_padding=1), "cifar10": Augment(crop_padding=4, flip=True)}
STUDY_OPTIONS = (
    "ladder_seeds",
    "protocols",
    "activations",
    "sparsities",
    "seeds",
    "first_seed",
    "dense_epochs",
    "pruned_epochs",
    "rates",
)

_WHOLE = tyro.conf.arg(metavar="N", help_behavior_hint="")
_NUMBERS = tyro.conf.arg(metavar="X [X ...]", help_behavior_hint="")
_FOLDER = tyro.conf.arg(metavar="FOLDER", help_behavior_hint="")


def _words(kind: str) -> Any:
    return tyro.conf.arg(metavar=f"{kind} [{kind} ...]", help_behavior_hint="")


@dataclass(frozen=True, kw_only=True)
class Request:
    """Options that say what is studied; the same ones name the same results."""

    data: Literal["digits", "cifar10"] = "digits"
    """Real 8x8 digits from inside the package, or CIFAR-10 from --data-dir."""
    preset: Literal["full", "small"] = "full"
    """full: the study's own numbers.  small: minutes on a laptop; what it leaves out is printed."""
    protocols: Annotated[tuple[str, ...] | None, _words("PROTOCOL")] = None
    """as-published, corrected, ladder; default the first two."""
    activations: Annotated[tuple[str, ...] | None, _words("ACTIVATION")] = None
    """relu, tanh, sigmoid, softsign; default the first three."""
    sparsities: Annotated[tuple[float, ...] | None, _NUMBERS] = None
    """Fractions to remove; default 0.5 0.8 0.9."""
    seeds: Annotated[int | None, _WHOLE] = None
    """How many seeds, each a unit of its own; default 5."""
    ladder_seeds: Annotated[int | None, _WHOLE] = None
    """How many of them climb the ladder; default 2."""
    first_seed: Annotated[int | None, _WHOLE] = None
    """The first of them; default 42, the published study's."""
    dense_epochs: Annotated[int | None, _WHOLE] = None
    """Epochs of a dense run; default 50."""
    pruned_epochs: Annotated[int | None, _WHOLE] = None
    """Epochs of a pruned run; default 20."""
    rates: Annotated[tuple[float, ...] | None, _NUMBERS] = None
    """Learning rates to choose from on validation; default 0.001 0.003 0.01 0.03 0.1 0.3."""
    train: Annotated[int | None, _WHOLE] = None
    """Training images: the first of the set; default all of the digits' 1197, CIFAR-10's first 5000."""
    validation: Annotated[int | None, _WHOLE] = None
    """Validation images: those after the training images; default 200, 1000."""
    test: Annotated[int | None, _WHOLE] = None
    """Test images: the first of the set; default 400, 5000."""
    data_dir: Annotated[str | None, _FOLDER] = None
    """Folder of your data sets; default $LOTTERYLAB_DATA."""


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """A request made definite: the study, which data, what they were found to be, and where they lie."""

    study: Study
    data_title: str
    fingerprint: Fingerprint
    data_dir: Path | None
    settings: dict[str, Any]


def resolve(request: Request) -> Resolved:
    """Read what the data are, fill in the preset, and build the plan.

    Raises:
        UsageError: for missing or damaged data and for options out of their range, before anything runs.
    """
    folder = data_dir(request.data_dir)
    asked = {name: getattr(request, name) for name in STUDY_OPTIONS if getattr(request, name) is not None}
    preset = activations.PRESETS[request.preset]
    options = activations.Options(**{**preset, **asked}, augment=AUGMENT[request.data])
    sizes = {
        name: getattr(request, name) if getattr(request, name) is not None else default
        for name, default in SIZES[request.data].items()
    }
    spec = SPECS[request.data](**sizes)
    fingerprint = spec.fingerprint(folder)
    study = activations.build(
        options,
        Data(spec=spec, content=fingerprint.content),
        title=spec.title,
        notes=(*_reductions(request, options, asked), *fingerprint.warnings),
    )
    settings = {**dataclasses.asdict(options), "data": request.data, **sizes}
    return Resolved(study=study, data_title=spec.title, fingerprint=fingerprint, data_dir=folder, settings=settings)


def _reductions(request: Request, options: activations.Options, asked: dict[str, Any]) -> tuple[str, ...]:
    """What the small preset leaves out, in words."""
    if request.preset != "small":
        return ()
    full = activations.Options()
    changes = [
        f"{name.replace('_', ' ')} {_spell(getattr(options, name))} instead of {_spell(getattr(full, name))}"
        for name in activations.PRESETS["small"]
        if name not in asked and getattr(options, name) != getattr(full, name)
    ]
    return (f"Small preset: {'; '.join(changes)}.",) if changes else ()


def _spell(value: Any) -> str:
    return " ".join(f"{item:g}" for item in value) if isinstance(value, tuple) else str(value)
