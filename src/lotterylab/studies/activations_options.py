"""The options of the activation study."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from lotterylab.asking.choices import AnyData, AnyModel, usual_augment
from lotterylab.asking.methods import METHODS, method
from lotterylab.asking.options import Default, number_of_seeds, option, sized, sizes
from lotterylab.data.augment import Augment
from lotterylab.errors import UsageError, about
from lotterylab.masks.counts import check_target
from lotterylab.masks.granularity import granularity_of
from lotterylab.masks.select import Rule
from lotterylab.models.activations import ACTIVATIONS
from lotterylab.models.base import ModelSpec
from lotterylab.models.custom import CustomModel
from lotterylab.own_code.references import find
from lotterylab.own_code.signatures import takes

PROTOCOLS = ("as-published", "corrected", "ladder")
TICKET_CONTROLS = ("random-mask", "reinitialised", "permuted", "reshuffled", "inverted")  # of procedures.CONTROLS
CONTROLS = (*TICKET_CONTROLS, "dense", "none")
TRIAL_SEEDS = (1001, 1002)  # for the choice of the learning rate, and for nothing else
OF_CORRECTED = ("methods", "controls", "scope", "granularity")  # the other protocols are as the study was run
OWN_MODEL = "shallow-cnn"  # of the published study
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # 0.003 to 0.1 was planned; 1 came when sigmoid did best at 0.3
FIRST_SEED, SCORING_IMAGES = 42, 10


def _protocols(options: Any) -> tuple[str, ...]:
    return PROTOCOLS[:2] if options.model == OWN_MODEL else ("corrected",)


def _activations(options: Any) -> tuple[str, ...]:
    """Return the study's activations, or the word for "its own" if a user's model does not take one."""
    as_built = ":" in options.model and not takes(find(options.model), "activation")
    return (ModelSpec.activation,) if as_built else ("relu", "tanh", "sigmoid")


@dataclass(frozen=True, kw_only=True)
class Options(AnyModel, AnyData):
    """``Options`` holds the options of the study; the defaults are those of the full study."""

    preset: Literal["full", "small"] = sizes(
        "full",
        note="preset {}",
        small="minutes on a laptop",
        full="the study's own numbers",
    )
    protocols: tuple[str, ...] = option(
        Default(_protocols, "as-published corrected; with another model than the study's own, corrected"),
        help="Protocols to run",
        choices=PROTOCOLS,
    )
    activations: tuple[str, ...] = option(
        Default(_activations, "relu tanh sigmoid"),
        help="Activation functions (lotterylab list activations)",
        choices=ACTIVATIONS,
    )
    methods: tuple[str, ...] = option(
        ("magnitude", "grasp", "first-order"),
        help="Methods of the corrected protocol: lotterylab list methods, or your own criterion, package.module:Class",
        check=method,
        shown="METHOD",
    )
    controls: tuple[str, ...] = option(
        ("random-mask", "reinitialised", "dense"), help="Controls of the corrected protocol", choices=CONTROLS
    )
    seeds: int = number_of_seeds(small=3, full=5)
    sparsities: tuple[float, ...] = sized(
        small=(0.5, 0.9), full=(0.5, 0.8, 0.9), help="Fractions to remove", least=0, check=check_target
    )
    dense_epochs: int = sized(small=25, full=50, help="Epochs of a dense run")
    pruned_epochs: int = sized(small=10, full=20, help="Epochs of a pruned run")
    rates: tuple[float, ...] = sized(
        small=RATES[1:5], full=RATES, help="Learning rates to choose from on validation; a single rate is used as it is"
    )
    scope: str = option(
        "global", help="Scope of the selection in the corrected protocol: global, layerwise, uniform, erk"
    )
    granularity: str = option(
        "weight",
        help="Piece that is removed in the corrected protocol: weight, filter, block:RxC, N:M",
        check=granularity_of,
    )
    scoring_images: int = option(
        SCORING_IMAGES, help="Training images of each class for a criterion that looks at data"
    )
    init: str = option("", help="The initialisation (lotterylab list inits); default the model's own")
    ladder_seeds: int = option(2, help="Number of seeds that climb the ladder")
    first_seed: int = option(FIRST_SEED, help="The first seed; 42 is the published study's", least=0)
    crop_padding: int | None = option(
        Default(lambda options: None, "4 for CIFAR, 1 for the digits, else 0"),
        help="Augmentation: random crops after padding by this number of pixels",
        least=0,
    )
    flip: bool | None = option(
        Default(lambda options: None, "only for CIFAR"), help="Augmentation: flips left to right"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.protocols:
            if name != "corrected" and self.model != OWN_MODEL:
                raise UsageError(
                    f"the protocol {name} belongs to the published study and its shallow CNN. With another model "
                    "use --protocols corrected.",
                    option="protocols",
                )
        if "none" in self.controls and len(self.controls) > 1:
            raise UsageError(f"controls {' '.join(self.controls)}: 'none' stands alone.", option="controls")
        self._check_cut()
        self._check_protocols()

    def _check_cut(self) -> None:
        """Refuse a sparsity that the granularity cannot have, and rounds if it has no sparsity in between."""
        with about("scope"):  # the granularity was checked above
            kind = Rule(scope=self.scope, granularity=self.granularity).kind
        with about("sparsities"):
            for sparsity in self.sparsities:
                kind.share(sparsity)
        several = [name for name in self.methods if method(name).rounds > 1]
        if several and not kind.in_rounds:
            others = [name for name in METHODS if METHODS[name].rounds == 1]
            raise UsageError(
                f"{', '.join(several)}: in rounds, but granularity '{self.granularity}' has no sparsity in between. "
                f"Methods with one cut: {', '.join(others)}.",
                option="methods",
            )

    def _check_protocols(self) -> None:
        """Refuse an option that no requested protocol reads, since it would be ignored in silence."""
        changed = [name for name in OF_CORRECTED if getattr(self, name) != getattr(type(self), name)]
        if changed and "corrected" not in self.protocols:
            flags = ", ".join(f"--{name}" for name in changed)
            raise UsageError(
                f"{flags} belongs to the corrected protocol, but --protocols is {' '.join(self.protocols)}, with the "
                "methods of the published study. Add corrected to --protocols, or leave the option out.",
                option=changed[0],
            )

    @property
    def label(self) -> str:
        """Return the options as a part of a file name: the data, and the model if it is not the study's own."""
        parts = (self.data, *([self.model] if self.model != OWN_MODEL else []))
        return "-".join("".join(c if c.isalnum() or c == "-" else "-" for c in part).strip("-") for part in parts)

    def augment_for(self, spec: Any) -> Augment:
        """Return the data's usual augmentation, changed by the options.

        Raises:
            UsageError: a crop could show nothing of its image.
        """
        side = min(spec.shape[1:])
        if self.crop_padding is not None and self.crop_padding >= side:
            raise UsageError(
                f"crop_padding is {self.crop_padding}, and an image of {spec.title} has {side} pixels a side: a crop "
                f"could show nothing of it. Give at most {side - 1}.",
                option="crop_padding",
            )
        asked = {"crop_padding": self.crop_padding, "flip": self.flip}
        return replace(usual_augment(spec), **{name: value for name, value in asked.items() if value is not None})


def check_fit(options: Options, model: Any, spec: Any) -> None:
    """Refuse options that do not fit the model or the data, before anything is trained.

    Raises:
        UsageError: there are no validation images, the model does not take an activation, or the scope leaves too few
            weights for the first layer.
    """
    watching = [name for name in ("corrected", "ladder") if name in options.protocols]
    if not spec.validation and watching:
        raise UsageError(
            f"validation is 0, but {' and '.join(watching)} watch validation images, and choose by them. Keep some "
            "(--validation 200).",
            option="validation",
        )
    if isinstance(model, CustomModel):
        with about("activations"):
            for word in options.activations:  # a user's own model may not take the word
                replace(model, activation=word).check()
    if options.scope == "uniform":
        from torch import zeros

        from lotterylab.masks.select import select
        from lotterylab.types import Scores
        from lotterylab.weights import prunable_names

        module = model.build()  # not on "meta", where a user's code may ask a tensor for its value
        same = Scores({name: zeros(module.get_parameter(name).shape) for name in prunable_names(module)})
        with about("sparsities"):
            for sparsity in options.sparsities:
                select(same, sparsity, scope=options.scope, granularity=options.granularity)
