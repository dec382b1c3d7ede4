"""Defaults and checks that interventions share: for those that keep, carry or sum up nothing, and of settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from lotterylab.errors import UsageError
from lotterylab.masks.counts import if_percent
from lotterylab.types import Mask
from lotterylab.views import Change, View
from lotterylab.words import check_words

if TYPE_CHECKING:
    import numpy
    from torch import Tensor


class Intervening:
    """Abstract: an intervention that keeps no state, carries nothing and says nothing at the end."""

    version: ClassVar[int] = 1
    needs_sparse: ClassVar[bool] = False  # it moves the weights of a sparse mask, and refuses a dense one
    least: ClassVar[Mapping[str, float]] = {}  # the smallest allowed value of a setting, by name
    shares: ClassVar[tuple[str, ...]] = ()  # the settings that are numbers from 0 to 1

    def __post_init__(self) -> None:
        check_words(self)
        for name, least in self.least.items():
            self.count(name, getattr(self, name), least)
        for name in self.shares:
            self.share(name, getattr(self, name))

    @property
    def keeps(self) -> tuple[str, ...]:
        """The names of the states and masks that it keeps: none."""
        return ()

    @property
    def may_stop(self) -> bool:
        """Return whether it may end a training early, for the price of a plan; from outside the package any may."""
        return not type(self).__module__.startswith("lotterylab.")

    def last_change(self, total_steps: int) -> int:
        """Return the last step at which it may change the mask, 0 for never, for the cost of finding a mask.

        By default it is the end of the training.
        """
        return total_steps

    def acts_at(self, step: int, steps_per_epoch: int | None) -> bool:
        """Return whether it is called after this update; by default after each.

        An intervention that acts seldom says so here, because it takes time to show it the network.  Called at another
        step it changes nothing.

        Args:
            step: the updates so far.
            steps_per_epoch: batches in a pass over the training images; None if it is not known.
        """
        return True

    def begin(self, view: View) -> Mapping[str, Tensor]:
        """Return an empty carry."""
        return {}

    def __call__(self, view: View, carry: Mapping[str, Tensor]) -> Change:
        """Return what becomes of the training after an update."""
        raise NotImplementedError

    def summary(self, carry: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """Return nothing for the record."""
        return {}

    def refuse(self, why: str) -> UsageError:
        """Return an error that names the intervention."""
        return UsageError(f"{type(self).__name__}: {why}")

    def share(self, name: str, value: float, *, ends: bool = True, whole: bool = True) -> None:
        """Refuse a setting that is not a share of 1; ``ends``: 0 and 1 are allowed; ``whole``: 1 is."""
        if not (0 <= value <= 1 if ends else 0 < value < 1) or (value == 1 and not whole):
            wanted = "between 0 and 1" if not ends else "from 0 to 1" if whole else "from 0 up to but not 1"
            raise self.refuse(f"{name}={value}. Give a number {wanted}.{if_percent(value)}")

    def count(self, name: str, value: float, least: float = 1) -> None:
        """Refuse a setting that is below the least count."""
        if value < least:
            raise self.refuse(f"{name}={value}. Give at least {least}.")

    def epochs_known(self, view: View) -> int:
        """Return the steps of an epoch."""
        if not view.steps_per_epoch:
            raise self.refuse("it acts once an epoch, and the steps of an epoch are not known. Give steps_per_epoch.")
        return view.steps_per_epoch

    def end_known(self, view: View) -> int:
        """Return the steps of the whole training."""
        if not view.total_steps:
            raise self.refuse("it depends on the length of the training, which is not known. Give total_steps.")
        return view.total_steps

    def rate_known(self, view: View) -> float:
        """Return the learning rate of the update."""
        if view.lr is None:
            raise self.refuse("it needs the learning rate. Give all parameters the same rate.")
        return view.lr

    def check_end(self, view: View, end_step: int) -> None:
        """Refuse a schedule that ends after the training."""
        if view.total_steps and end_step > view.total_steps:
            raise self.refuse(f"end_step={end_step}, but the training has {view.total_steps} steps.")

    def check_sparse(self, view: View) -> None:
        """Refuse a mask that is dense or empty, in which no weight can take another's place."""
        mask = held_mask(view)
        entries = sum(kept.numel() for kept in mask.values())
        active = sum(int(kept.sum()) for kept in mask.values())
        if not 0 < active < entries:
            raise self.refuse(
                f"the training begins with {active} of {entries} weights active, so none can take another's place. "
                "Give it a sparse mask, such as Prune(criterion=Random(), scope='erk', sparsity=0.9, ...)."
            )


class Periodic(Intervening):
    """Abstract: an intervention that acts after each multiple of its setting ``every``."""

    every: int

    def acts_at(self, step: int, steps_per_epoch: int | None) -> bool:
        """Return whether it is a multiple of ``every``."""
        return step % self.every == 0


def held_mask(view: View) -> Mask:
    """Return the mask that is held, all ones for each name of the view where there is none."""
    import torch

    return view.mask or Mask({name: torch.ones_like(view.state[name], dtype=torch.bool) for name in view.names})


def random_places(generator: numpy.random.Generator, among: Tensor, count: int) -> Tensor:
    """Return ``count`` random places among those that a bool tensor marks, as a bool tensor of its shape."""
    import torch

    marked = among.flatten().nonzero().flatten()
    order = torch.from_numpy(generator.permutation(len(marked))[:count]).to(marked.device)
    return torch.zeros_like(among).flatten().index_fill(0, marked[order], True).view(among.shape)


def zeroed(view: View, places: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the optimizer state with zeros at some places of some parameters, for ``Change.optimizer``."""
    cleared = {}
    for key, slot in view.optimizer.items():
        here = places.get(key.partition("/")[2])
        if here is not None and here.shape == slot.shape:
            cleared[key] = slot.masked_fill(here.to(slot.device), 0.0)
    return cleared
