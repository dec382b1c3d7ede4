"""What a person asks of the activation study, as typed options; unset ones come from the preset."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from lotterylab.asking.arguments import FOLDER, NUMBERS, WHOLE, WORD, shown_as, words_of
from lotterylab.asking.checks import check_options, check_scope
from lotterylab.asking.choices import data_options, data_spec, model_options, model_spec
from lotterylab.asking.methods import METHODS, method
from lotterylab.data.augment import Augment
from lotterylab.data.base import Fingerprint, data_dir
from lotterylab.errors import UsageError
from lotterylab.masks.granularity import granularity_of
from lotterylab.models.custom import CustomModel
from lotterylab.own_code.options import Option
from lotterylab.plan.nodes import Data
from lotterylab.plan.plan import Plan
from lotterylab.reading.outline import Outline
from lotterylab.studies import activations
from lotterylab.studies.activations_reading import OUTLINE

STUDY_OPTIONS = (
    "ladder_seeds",
    "protocols",
    "activations",
    "methods",
    "controls",
    "sparsities",
    "scope",
    "granularity",
    "scoring_images",
    "init",
    "seeds",
    "first_seed",
    "dense_epochs",
    "pruned_epochs",
    "rates",
)
OF_CORRECTED = ("methods", "controls", "scope", "granularity")  # the other protocols are as the study was run
SIZES = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class Request:
    """Options that say what is studied; the same ones name the same results."""

    model: Annotated[str, tyro.conf.arg(metavar="MODEL")] = "shallow-cnn"
    """A name (lotterylab list models), or package.module:function of your own."""
    data: Annotated[str, tyro.conf.arg(metavar="DATA")] = "digits"
    """A name (lotterylab list data), folder:PATH, or package.module:function of your own."""
    preset: Literal["full", "small"] = "full"
    """full: the study's own numbers.  small: minutes on a laptop; what it leaves out is printed."""
    protocols: Annotated[tuple[str, ...] | None, words_of("PROTOCOL")] = None
    """as-published, corrected, ladder; default the first two, of other models than the study's own the second."""
    activations: Annotated[tuple[str, ...] | None, words_of("ACTIVATION")] = None
    """Of lotterylab list activations; default relu tanh sigmoid."""
    methods: Annotated[tuple[str, ...] | None, words_of("METHOD")] = None
    """Of the corrected protocol (lotterylab list methods); default magnitude grasp first-order."""
    controls: Annotated[tuple[str, ...] | None, words_of("CONTROL")] = None
    """random-mask, reinitialised, dense (the default), permuted, reshuffled, inverted; or none."""
    sparsities: Annotated[tuple[float, ...] | None, NUMBERS] = None
    """Fractions to remove; default 0.5 0.8 0.9."""
    scope: Annotated[str | None, WORD] = None
    """What competes, in the corrected protocol: global (default), layerwise, uniform, erk."""
    granularity: Annotated[str | None, WORD] = None
    """What is removed, in the corrected protocol: weight (default), filter, block:RxC, N:M."""
    scoring_images: Annotated[int | None, WHOLE] = None
    """Training images of each class that a criterion sees, where it looks at data; default 10."""
    init: Annotated[str | None, WORD] = None
    """The initialisation (lotterylab list inits); default the model's own."""
    seeds: Annotated[int | None, WHOLE] = None
    """How many seeds, each a unit of its own; default 5."""
    ladder_seeds: Annotated[int | None, WHOLE] = None
    """How many of them climb the ladder; default 2."""
    first_seed: Annotated[int | None, WHOLE] = None
    """The first of them; default 42, the published study's."""
    dense_epochs: Annotated[int | None, WHOLE] = None
    """Epochs of a dense run; default 50."""
    pruned_epochs: Annotated[int | None, WHOLE] = None
    """Epochs of a pruned run; default 20."""
    rates: Annotated[tuple[float, ...] | None, NUMBERS] = None
    """Learning rates to choose from on validation (a single one is taken as it is); default 0.001 to 1."""
    train: Annotated[int | None, WHOLE] = None
    """Training images; default all of the digits' 1197, the first 5000 of a large set, what a folder holds."""
    validation: Annotated[int | None, WHOLE] = None
    """Validation images: those after the training images; default 200, 1000."""
    test: Annotated[int | None, WHOLE] = None
    """Test images: the first of the set; default 400, 5000."""
    crop_padding: Annotated[int | None, WHOLE] = None
    """Augmentation: random crops after padding by so many pixels; default 4 for CIFAR, 1 for the digits, else 0."""
    flip: Annotated[bool | None, shown_as("{True,False}")] = None
    """Augmentation: flips left to right; default only for CIFAR."""
    data_dir: Annotated[str | None, FOLDER] = None
    """Folder of your data sets; default $LOTTERYLAB_DATA."""
    # those of the model and of the data by name, from Python; on the command line --model.X and --data.X
    model_options: Annotated[Mapping[str, Any], tyro.conf.Suppress] = dataclasses.field(default_factory=dict)
    data_options: Annotated[Mapping[str, Any], tyro.conf.Suppress] = dataclasses.field(default_factory=dict)

    def of(self, what: Literal["model", "data"]) -> dict[str, Any]:
        """The options of the model or of the data, by name."""
        own = {
            field.name.removeprefix(f"{what}_"): getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.metadata.get("of") == what
        }
        return {**own, **(self.model_options if what == "model" else self.data_options)}

    @classmethod
    def grown(cls, asked: Mapping[str, str]) -> type[Request]:
        """The type with the options of the model and of the data that are asked for."""
        return request_type(**asked)

    def resolve(self) -> Resolved:
        """See ``resolve``."""
        return resolve(self)

    @property
    def label(self) -> str:
        """The request in a file name: data, and the model where it is not the study's own."""
        parts = (self.data, *([self.model] if self.model != "shallow-cnn" else []))
        return "-".join("".join(c if c.isalnum() or c == "-" else "-" for c in part).strip("-") for part in parts)


def request_type(model: str = "shallow-cnn", data: str = "digits") -> type[Request]:
    """``Request`` with the options of this model and these data as fields: ``--model.width``, ``--data.size``.

    Raises:
        UsageError: for a name that is not known.
    """
    chosen = {"model": model_options(model), "data": data_options(data)}
    fields = [_field(what, option) for what, options in chosen.items() for option in options]
    if not fields:
        return Request
    kind = dataclasses.make_dataclass("Request", fields, bases=(Request,), frozen=True, kw_only=True)
    kind.__doc__ = Request.__doc__
    return kind


def _field(what: str, option: Option) -> tuple[str, Any, Any]:
    hint = Annotated[option.type, tyro.conf.arg(name=f"{what}.{option.name}", help=option.help)]
    default = {} if option.required else {"default": option.default}
    return f"{what}_{option.name}", hint, dataclasses.field(**default, metadata={"of": what})


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """A request made definite: the study, which data, what they were found to be, and where they lie.

    ``outline``: how the study is read.
    """

    study: Plan
    data_title: str
    fingerprint: Fingerprint
    data_dir: Path | None
    settings: dict[str, Any]
    outline: Outline


def resolve(request: Request) -> Resolved:
    """Read what the data are, fill in the preset, and build the plan.

    Raises:
        UsageError: for missing or damaged data and for options out of their range, before anything runs.
    """
    folder = data_dir(request.data_dir)
    sizes = {name: getattr(request, name) for name in SIZES}
    spec, augment = data_spec(request.data, request.of("data"), sizes, folder)
    asked = {name: getattr(request, name) for name in STUDY_OPTIONS if getattr(request, name) is not None}
    model = model_spec(request.model, request.of("model"), spec.shape, spec.classes)
    options = activations.Options(
        **{**activations.PRESETS[request.preset], **activations.for_model(model), **asked},
        augment=_augment(augment, request),
        model=model,
    )
    check_options(options)
    _check_protocols(options, asked)
    _check_crops(spec, options)
    _check_rounds(options)
    check_scope(options)
    if isinstance(model, CustomModel):
        for word in options.activations:  # one of a user's own may take none
            dataclasses.replace(model, activation=word).check()
    fingerprint = spec.fingerprint(folder)
    _check_validation(spec, options)
    study = activations.build(
        options,
        Data(spec=spec, content=fingerprint.content),
        title=spec.title,
        model="" if request.model == Request.model else request.model,
        notes=(*_reductions(request, options, asked), *fingerprint.warnings),
    )
    found_sizes = {name: getattr(spec, name) for name in SIZES}
    settings = {**dataclasses.asdict(options), "data": request.data, **found_sizes}
    return Resolved(
        study=study,
        data_title=spec.title,
        fingerprint=fingerprint,
        data_dir=folder,
        settings=settings,
        outline=OUTLINE,
    )


def _check_validation(spec: Any, options: activations.Options) -> None:
    """Both protocols watch validation images over the epochs, and choose learning rates or epochs by them."""
    watching = [name for name in ("corrected", "ladder") if name in options.protocols]
    if not spec.validation and watching:
        raise UsageError(
            f"validation is 0, but {' and '.join(watching)} watch validation images, and choose by them. Keep some "
            "(--validation 200)."
        )


def _check_rounds(options: activations.Options) -> None:
    """A pattern N:M has one sparsity, so that there is nothing to do in rounds."""
    several = [name for name in options.methods if method(name).rounds > 1]
    if several and not granularity_of(options.granularity).in_rounds:
        others = [name for name in METHODS if METHODS[name].rounds == 1]
        raise UsageError(
            f"{', '.join(several)}: in rounds, and granularity '{options.granularity}' has no sparsity in between. Of "
            f"one cut: {', '.join(others)}."
        )


def _check_protocols(options: activations.Options, asked: Mapping[str, Any]) -> None:
    """An option that no protocol of the request reads would be ignored without a word."""
    ignored = [name for name in OF_CORRECTED if name in asked]
    if ignored and "corrected" not in options.protocols:
        flags = ", ".join(f"--{name}" for name in ignored)
        raise UsageError(
            f"{flags}: of the corrected protocol, and --protocols is {' '.join(options.protocols)}, whose methods are "
            "those of the published study. Add corrected to --protocols, or leave the option out."
        )


def _check_crops(spec: Any, options: activations.Options) -> None:
    """A crop has to show something of its image."""
    side, padding = min(spec.shape[1:]), options.augment.crop_padding
    if padding >= side:
        raise UsageError(
            f"crop_padding is {padding}, and an image of {spec.title} has {side} pixels a side: a crop could show "
            f"nothing of it. Give at most {side - 1}."
        )


def _augment(usual: Augment, request: Request) -> Augment:
    """The data's usual augmentation with what was asked for instead."""
    asked = {"crop_padding": request.crop_padding, "flip": request.flip}
    return dataclasses.replace(usual, **{name: value for name, value in asked.items() if value is not None})


def _reductions(request: Request, options: activations.Options, asked: dict[str, Any]) -> tuple[str, ...]:
    """What the small preset leaves out, in words."""
    if request.preset != "small":
        return ()
    full = activations.Options(model=options.model, **activations.for_model(options.model))
    changes = [
        f"{name.replace('_', ' ')} {_spell(getattr(options, name))} instead of {_spell(getattr(full, name))}"
        for name in activations.PRESETS["small"]
        if name not in asked and getattr(options, name) != getattr(full, name)
    ]
    return (f"Small preset: {'; '.join(changes)}.",) if changes else ()


def _spell(value: Any) -> str:
    return " ".join(f"{item:g}" for item in value) if isinstance(value, tuple) else str(value)
