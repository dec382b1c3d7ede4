"""Parts of interventions that draw filters anew: the draws, their log, and the amended initial state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from lotterylab.interventions.base import Intervening, held_mask, zeroed
from lotterylab.types import State
from lotterylab.views import Change, View

if TYPE_CHECKING:
    from torch import Tensor

AMENDED = "amended"  # the initial state with each filter as it was drawn last


class Redrawing(Intervening):
    """Abstract: draws filters anew, and keeps the initial state as it would have been with them.

    The carry has, for each convolution, "log/<weight>", int64 (draws, 2): step and filter of each draw, and
    "initial/<weight>", the filters as they were drawn last.
    """

    reset_optimizer: bool

    @property
    def keeps(self) -> tuple[str, ...]:
        """The amended initial state."""
        return (AMENDED,)

    def last_change(self, total_steps: int) -> int:
        """Return 0: the mask stays."""
        return 0

    def begin(self, view: View) -> Mapping[str, Tensor]:
        """Return an empty log and the initial filters of each convolution."""
        import torch

        layers = convolutions(view)
        if not layers:
            raise self.refuse("the network has no convolution, and so no filters. Use another intervention.")
        initial = view.initial or view.state
        carry = {f"log/{name}": torch.zeros((0, 2), dtype=torch.int64) for name in layers}
        return carry | {f"initial/{name}": initial[name].detach().cpu() for name in layers}

    def summary(self, carry: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """Return "resets": how many filters of each layer were drawn anew."""
        return {"resets": {name: len(log) for name, log in logs(carry).items()}}

    def redrawn(self, view: View, carry: Mapping[str, Tensor], drawn: Mapping[str, Tensor]) -> Change:
        """Return the change that draws filters anew, bool (filters,) by layer, and notes them in the carry."""
        import torch

        state, noted, places = {}, {}, {}
        fresh = view.fresh("random-out") if drawn and view.fresh else None
        if drawn and fresh is None:
            raise self.refuse("initial weights cannot be drawn anew here. Give fresh=, see attach.")
        for name, which in drawn.items():
            weight = view.state[name]
            here = which.view(-1, *[1] * (weight.dim() - 1)).expand(weight.shape)
            new = cast(State, fresh)[name]
            places[name] = here
            state[name] = weight.where(~here.to(weight.device), new.to(weight.device))
            noted[f"initial/{name}"] = carry[f"initial/{name}"].where(~here, new.cpu())
            rows = torch.stack([torch.full((int(which.sum()),), view.step), which.nonzero().flatten()], dim=1)
            noted[f"log/{name}"] = torch.cat([carry[f"log/{name}"], rows])
        kept: dict[str, State] = {}
        if drawn or view.step == 1:
            weights = {name: tensor for name, tensor in {**carry, **noted}.items() if name.startswith("initial/")}
            amended = {name.removeprefix("initial/"): tensor for name, tensor in weights.items()}
            kept[AMENDED] = cast(State, {**(view.initial or view.state), **amended})
        optimizer = zeroed(view, places) if self.reset_optimizer else {}
        return Change(state=state, optimizer=optimizer, kept=kept, carry=noted)


@dataclass(frozen=True, kw_only=True)
class SameResets(Redrawing):
    """The control of ``RandomOut``: at each step as many filters of a layer are drawn anew, but random ones.

    Args:
        log: for each layer, (step, filters) pairs; in a plan ``ResetsOf(run=...)``, the draws of another run.
        reset_optimizer: as in ``RandomOut``.

    Raises:
        UsageError: when it begins, the network lacks a layer of the log, or has no convolution.

    Examples:
        >>> SameResets(log={"conv1.weight": ((3, 1),)}).keeps
        ('amended',)
    """

    log: Any
    reset_optimizer: bool = False

    def begin(self, view: View) -> Mapping[str, Tensor]:
        """Return the carry, for a network that has the layers of the log."""
        if unknown := sorted(set(self.log) - set(convolutions(view))):
            raise self.refuse(f"the log names '{unknown[0]}', which is not a convolution of the network.")
        return super().begin(view)

    def __call__(self, view: View, carry: Mapping[str, Tensor]) -> Change:
        """Return new values for as many random filters as the log says of this step."""
        import torch

        drawn = {}
        for name, rows in self.log.items():
            for step, filters in rows:
                if step == view.step:
                    order = view.stream("which", name).permutation(len(view.state[name]))[:filters]
                    drawn[name] = torch.zeros(len(view.state[name]), dtype=torch.bool)
                    drawn[name][torch.from_numpy(order)] = True
        return self.redrawn(view, carry, drawn)


def convolutions(view: View) -> list[str]:
    """Return the weights of convolutions among the names of the view."""
    return [name for name in view.names if view.state[name].dim() >= 3]


def cgn(view: View, name: str) -> Tensor:
    """Return the convolutional gradient norm of each filter, (filters,): ``|dL/dw|`` summed over its kept weights."""
    if view.kept_gradients is not None:
        slope = view.kept_gradients[name]
    else:
        slope, kept = view.gradients[name], held_mask(view).get(name)
        slope = slope if kept is None else slope * kept
    return slope.abs().flatten(1).sum(1)


def logs(carry: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return for each layer its draws, int64 (draws, 2): step and filter; also from the carry of a whole run."""
    return {name.partition("log/")[2]: log for name, log in carry.items() if "log/" in name}
