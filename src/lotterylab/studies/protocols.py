"""The protocols of the activation study: as published, the repairs one at a time, and as its text claims."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from lotterylab.data.augment import Augment
from lotterylab.data.streams import NamedStream, TorchGlobalStream
from lotterylab.training.optim import Sgd
from lotterylab.training.recipe import Recipe
from lotterylab.training.schedules import EpochDrops, FractionDrops

BATCH = 64


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A ``Protocol`` is one way to run the study; each field is a quirk of the study or its repair.

    ``ties``: the rule of ``select``.  ``hold``: whether masks are held in retraining.  ``biases_scored``: whether the
    first-order score ranks biases too.  ``streams``: one shared stream (torch's global generator) or one for each
    purpose.
    ``pick``: the split that picks the epoch of the network that is scored and compared.
    ``schedule``: the drops of the learning rate.  ``rate``: the learning rate, or "chosen" on validation for each
    activation.  ``compared_at``: the epoch of the networks that are scored and compared, the picked or the last one.
    """

    name: str
    ties: str
    hold: bool
    biases_scored: bool
    streams: Literal["torch-global", "named"]
    pick: Literal["test", "validation"]
    schedule: Any
    rate: float | Literal["chosen"]
    compared_at: Literal["best", "final"] = "best"

    def stream(self, drawn_before: int, scoring_batch: int) -> Any:
        """Return the data stream of a run; the shared one goes on where initialisation and scoring have left it."""
        if self.streams == "named":
            return NamedStream()
        return TorchGlobalStream(drawn_before=drawn_before, scoring_batch=scoring_batch, evaluations_per_epoch=1)

    def recipe(self, *, epochs: int, rate: Any, augment: Augment, stream: Any, hold: bool) -> Recipe:
        """Return the recipe: SGD with momentum 0.9 and weight decay 5e-4 on all parameters, batches of 64."""
        return Recipe(
            epochs=epochs,
            optimizer=Sgd(lr=rate, momentum=0.9, weight_decay=5e-4),
            schedule=self.schedule,
            augment=augment,
            stream=stream,
            batch_size=BATCH,
            hold=hold,
            watch=(self.pick,),
            pick=self.pick,
        )


AS_PUBLISHED = Protocol(
    name="as-published",
    ties="activation-study",
    hold=False,
    biases_scored=True,
    streams="torch-global",
    pick="test",
    schedule=EpochDrops(at=(10, 15)),
    rate=0.1,
)

REPAIRS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("rank the right way round", {"ties": "threshold"}),
    ("ties by index", {"ties": "index"}),
    ("masks held", {"hold": True}),
    ("streams apart", {"streams": "named"}),
    ("validation split, no selection on test", {"pick": "validation"}),
    ("rate drops at 50 % and 75 %", {"schedule": FractionDrops(at=(0.5, 0.75))}),
    ("learning rate chosen on validation", {"rate": "chosen"}),
)


def ladder() -> tuple[Protocol, ...]:
    """Return the protocols of the ladder; rung r has the first r repairs."""
    rungs = [AS_PUBLISHED]
    for number, (name, repair) in enumerate(REPAIRS, start=1):
        rungs.append(replace(rungs[-1], name=f"ladder {number}: {name}", **repair))
    return tuple(rungs[1:])


CORRECTED = replace(ladder()[-1], name="corrected", biases_scored=False, compared_at="final")
