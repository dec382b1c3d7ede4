"""Models and data by the names that a person types, each with its own options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lotterylab import data, models
from lotterylab.asking.options import SizedOptions, StudyOptions, option
from lotterylab.data.augment import Augment
from lotterylab.data.base import data_dir
from lotterylab.data.custom import CustomData, custom_data
from lotterylab.data.folder import Folder
from lotterylab.errors import UsageError, about, suggestion, unknown
from lotterylab.models.custom import FROM_THE_MODEL
from lotterylab.own_code.options import Default, Option
from lotterylab.own_code.references import find, module_of
from lotterylab.own_code.signatures import options_of
from lotterylab.system.places import place

FOLDER = "folder:"
SPLIT_SEED = "split_seed"
TEST_SHARE, VALIDATION_SHARE = 5, 10
OF_EVERY_MODEL = ("activation", "init", "shape", "classes")  # set by the study and the data
OF_EVERY_SET = ("train", "validation", "test")  # options of the study
SIZES: dict[str, dict[str, int]] = {  # of a study, by default
    "digits": {"train": 1197, "validation": 200, "test": 400},
    **{
        name: {"train": 5000, "validation": 1000, "test": 5000}
        for name in ("cifar10", "cifar100", "mnist", "fashion-mnist", "shapeset-3x2", "cubist-spiral")
    },
}
NONE = Default(lambda options: {}, "none")
AUGMENT = {
    "digits": Augment(crop_padding=1),
    "cifar10": Augment(crop_padding=4, flip=True),
    "cifar100": Augment(crop_padding=4, flip=True),
}


def model_options(name: str) -> tuple[Option, ...]:
    """Return the options of a model.

    Raises:
        UsageError: no model has that name, or a reference leads nowhere.
    """
    if ":" in name:
        return options_of(find(name), skip=FROM_THE_MODEL)
    named = _named("model", name, models.SPECS)
    return options_of(named.spec, skip=(*OF_EVERY_MODEL, *named.fixed))


def data_options(name: str) -> tuple[Option, ...]:
    """Return the options of a data set.

    Raises:
        UsageError: no data set has that name, or a reference leads nowhere.
    """
    if name.startswith(FOLDER):
        return options_of(Folder, skip=(*OF_EVERY_SET, "path"))
    if ":" in name:
        options = options_of(find(name), skip=OF_EVERY_SET)
        split_seed = [option for option in options_of(CustomData) if option.name == SPLIT_SEED]
        return options if any(option.name == SPLIT_SEED for option in options) else (*options, *split_seed)
    return options_of(_named("data set", name, data.SPECS), skip=OF_EVERY_SET)


def model_spec(name: str, own: Mapping[str, Any], shape: tuple[int, int, int], classes: int) -> Any:
    """Return the model for inputs ``shape`` (C, H, W), with its default activation."""
    checked = checked_options("model", name, own, model_options(name))
    if ":" in name:
        custom = models.custom(name, options=checked, shape=shape, classes=classes)
        custom.check()
        return custom
    return models.SPECS[name](**checked, shape=shape, classes=classes)


def data_spec(name: str, own: Mapping[str, Any], sizes: Mapping[str, int | None], folder: Path | None) -> Any:
    """Return the data set with the requested sizes, or the usual sizes of a study."""
    checked = checked_options("data set", name, own, data_options(name), table="data")
    asked = {size: count for size, count in sizes.items() if count is not None}
    if name.startswith(FOLDER):
        path = place(name.removeprefix(FOLDER), "folder of images")
        inside = folder / path if folder and not path.is_dir() and (folder / path).is_dir() else path
        return _of_folder(inside.resolve() if inside.exists() else inside, checked, asked)
    if ":" in name:
        takes_split_seed = any(option.name == SPLIT_SEED for option in options_of(find(name)))
        split_seed = {} if takes_split_seed else {SPLIT_SEED: checked.pop(SPLIT_SEED, None)}
        return custom_data(name, options=checked, **asked, **split_seed).sized()
    return data.SPECS[name](**{**SIZES.get(name, {}), **checked, **asked})


def _of_folder(path: Path, checked: Mapping[str, Any], asked: Mapping[str, int]) -> Folder:
    """Return the data of a folder, with all sizes as numbers.

    Without a folder "test", one image in five is for testing; without a folder "validation", one in ten of the rest is
    for validation.
    """
    from lotterylab.data.folder_listing import chosen, listed

    listing = listed(path)
    count = len(listing.splits["train"])
    sizes = dict(asked)
    if "test" not in listing.splits:
        sizes.setdefault("test", -(-count // TEST_SHARE))
        count -= sizes["test"]
    if "validation" not in listing.splits:
        sizes.setdefault("validation", count // VALIDATION_SHARE)
    spec = Folder(path=str(path), **checked, **sizes)
    return replace(spec, **{name: len(images) for name, images in chosen(listing, spec).items()})


def _named(what: str, name: str, known: Mapping[str, Any]) -> Any:
    if name not in known:
        if what == "data set" and ("/" in name or name.startswith(("~", "."))):
            raise UsageError(f"no data set is named '{name}'. A folder of images is named {FOLDER}{name}.")
        if name.endswith(".py"):
            raise UsageError(f"'{name}' is a file; name the {what} in it: {module_of(name)}:NAME.")
        raise unknown(what, name, known)
    return known[name]


def checked_options(
    what: str, name: str, own: Mapping[str, Any], known: tuple[Option, ...], *, table: str = ""
) -> dict[str, Any]:
    """Return the options of a thing in their types; options from Python have not been checked by a command line.

    Args:
        what: the kind of the thing, in a sentence.
        name: its name.
        own: its options by name.
        known: the options that it has.
        table: before the options on a command line, by default ``what``.

    Raises:
        UsageError: an option is unknown or missing, or its value has another type.
    """
    by_name, table = {option.name: option for option in known}, table or what
    for given in own:
        if given not in by_name:
            has = f"It has: {', '.join(by_name)}." if by_name else "It has none."
            message = f"the {what} '{name}' has no option '{given}'.{suggestion(given, by_name)} {has}"
            raise UsageError(message, option=f"{table}.{given}")
    missing = [option.name for option in known if option.required and option.name not in own]
    if missing:
        raise UsageError(f"the {what} '{name}' needs {', '.join(missing)}.", option=table)
    fitted = {}
    for given, value in own.items():
        with about(f"{table}.{given}"):
            fitted[given] = by_name[given].fitted(value, name)
    return fitted


def cifar10(options: SizedOptions) -> data.Cifar10:
    """Return CIFAR-10@5000, or the whole training set at the size "paper"."""
    if options.size == "paper":
        return data.Cifar10(train=45_000, validation=5_000, test=10_000)
    return data.Cifar10(train=5_000, validation=1_000, test=5_000)


# classes of options


@dataclass(frozen=True, kw_only=True)
class AnyModel(StudyOptions):
    """``AnyModel`` holds the options of a study of any model; a study's class of options derives from it."""

    model: str = option(
        "shallow-cnn",
        help="A name (lotterylab list models), or your own package.module:function",
        own=model_options,
        shown="MODEL",
    )
    model_options: Mapping[str, Any] = option(NONE, help="The model's own options, from Python", hidden=True)

    def model_for(self, shape: tuple[int, int, int], classes: int) -> Any:
        """Return the model for inputs ``shape`` (C, H, W), made and checked once."""
        made = vars(self).setdefault("_models", {})
        if (shape, classes) not in made:
            made[shape, classes] = model_spec(self.model, self.model_options, shape, classes)
        return made[shape, classes]


@dataclass(frozen=True, kw_only=True)
class AnyData(StudyOptions):
    """``AnyData`` holds the options of a study on any data; the ``data`` of such a study is ``any_data``."""

    data: str = option(
        "digits",
        help="A name (lotterylab list data), folder:PATH, or your own package.module:function",
        own=data_options,
        shown="DATA",
    )
    data_options: Mapping[str, Any] = option(NONE, help="The options of the data, from Python", hidden=True)
    train: int | None = option(
        None,
        help="Training images; default all 1197 digits, the first 5000 of a large set, all images of a folder",
    )
    validation: int | None = option(
        None,
        help="Validation images, those after the training images; default 200 digits, 1000 of a large set",
        least=0,
    )
    test: int | None = option(None, help="Test images, the first of the set; default 400 digits, 5000 of a large set")


def any_data(options: AnyData) -> Any:
    """Return the requested data."""
    sizes = {name: getattr(options, name) for name in OF_EVERY_SET}
    return data_spec(options.data, options.data_options, sizes, data_dir(options.data_dir))


def usual_augment(spec: Any) -> Augment:
    """Return the usual augmentation of a data set, or no augmentation if there is no usual one."""
    return AUGMENT.get(spec.name, Augment())
