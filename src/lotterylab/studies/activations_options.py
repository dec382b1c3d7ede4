"""What may be asked of the activation study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from lotterylab.asking.methods import method as method_named
from lotterylab.data.augment import Augment
from lotterylab.errors import UsageError, unknown
from lotterylab.masks.counts import check_target
from lotterylab.masks.select import Rule
from lotterylab.models import ShallowCnn
from lotterylab.models.activations import ACTIVATIONS
from lotterylab.models.custom import CustomModel

PROTOCOLS = ("as-published", "corrected", "ladder")
TICKET_CONTROLS = ("random-mask", "reinitialised", "permuted", "reshuffled", "inverted")  # of procedures.CONTROLS
CONTROLS = (*TICKET_CONTROLS, "dense")
AUGMENT = Augment(crop_padding=4, flip=True)  # the published study's
TRIAL_SEEDS = (1001, 1002)  # for the choice of the learning rate, and for nothing else
STUDYS_OWN = ShallowCnn(activation="relu")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What may be asked of the study.  Defaults are those of the full study on CIFAR-10@5000."""

    protocols: tuple[str, ...] = ("as-published", "corrected")
    activations: tuple[str, ...] = ("relu", "tanh", "sigmoid")
    sparsities: tuple[float, ...] = (0.5, 0.8, 0.9)
    seeds: int = 5
    ladder_seeds: int = 2
    first_seed: int = 42
    dense_epochs: int = 50
    pruned_epochs: int = 20
    # 0.003 to 0.1 was planned; widened on both sides beforehand, and by 1 when sigmoid did best at 0.3
    rates: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
    augment: Augment = AUGMENT
    model: Any = STUDYS_OWN
    init: str = ""  # the model's own
    methods: tuple[str, ...] = ("magnitude", "grasp", "first-order")
    controls: tuple[str, ...] = ("random-mask", "reinitialised", "dense")
    scope: str = "global"
    granularity: str = "weight"
    scoring_images: int = 10  # of each class, for criteria that look at data

    def __post_init__(self) -> None:
        for name in self.protocols:
            if name not in PROTOCOLS:
                raise unknown("protocol", name, PROTOCOLS)
            if name != "corrected" and not isinstance(self.model, ShallowCnn):
                raise UsageError(
                    f"the protocol {name} is that of the published study and of its shallow CNN. With another model "
                    "ask for --protocols corrected."
                )
        for name in self.activations:
            if name not in ACTIVATIONS:
                raise unknown("activation", name, ACTIVATIONS)
        for name in self.methods:
            method_named(name)
        for name in self.controls:
            if name not in (*CONTROLS, "none"):
                raise unknown("control", name, (*CONTROLS, "none"))
        if "none" in self.controls and len(self.controls) > 1:
            raise UsageError(f"controls {' '.join(self.controls)}: 'none' stands alone.")
        rule = Rule(scope=self.scope, granularity=self.granularity)
        for sparsity in self.sparsities:
            check_target(sparsity)
            rule.kind.share(sparsity)  # refuses what N:M cannot have
        for name in ("seeds", "ladder_seeds", "dense_epochs", "pruned_epochs", "scoring_images"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be at least 1.")

    @property
    def all_seeds(self) -> range:
        """The seeds, from the first on; the published study's is 42."""
        return range(self.first_seed, self.first_seed + self.seeds)


def for_model(model: Any) -> dict[str, Any]:
    """The options that another model than the published study's changes, where nothing else is asked for."""
    if isinstance(model, ShallowCnn):
        return {}
    as_built = isinstance(model, CustomModel) and not model.takes_activation
    return {"protocols": ("corrected",), **({"activations": (model.activation,)} if as_built else {})}


Preset = Literal["small", "full"]
PRESETS: dict[str, dict[str, Any]] = {
    "full": {},
    "small": {
        "seeds": 3,
        "sparsities": (0.5, 0.9),
        "dense_epochs": 25,
        "pruned_epochs": 10,
        "rates": (0.003, 0.01, 0.03, 0.1),
    },
}
