"""RandomOut draws filters of a convolution anew if they hardly learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from lotterylab.interventions.base import Intervening, held_mask, zeroed
from lotterylab.types import State
from lotterylab.views import Change, View

if TYPE_CHECKING:
    from torch import Tensor

AMENDED = "amended"  # the initial state with each filter as it was drawn last


@dataclass(frozen=True, kw_only=True)
class RandomOut(Intervening):
    """A filter f with ``CGN(f) = sum_i |dL/df_i| < tau`` is drawn anew.   [cohen2016randomout, eq. 1, algorithm 1]

    Only the filter's own weights change: bias, norms and the next layer stay, and so does the optimizer state unless
    ``reset_optimizer`` is set.  Under a mask, kept entries alone count and are drawn.  The loss is a mean over the
    batch here and a sum in the authors' code, so that their tau of 1e-6 for a batch of 128 is 8e-9 here.

    The point "amended" of the run is its initial state with the filters drawn last: the state to which a ticket of the
    run can be reset.

    Args:
        threshold: tau.
        rule: what tau is compared with: "absolute" the CGN; "median" the CGN as a share of its layer's median; "dead"
            nothing, as a filter goes whose CGN was exactly 0 in ``patience`` batches in a row.
        patience: batches in a row in which a filter has to be weak.
        begin_step: the first update after which filters are drawn.
        end_step: the last one; None for the end of the training.
        reset_optimizer: set the optimizer state of a drawn filter to 0.

    Raises:
        UsageError: a number is out of range; when it begins, the network has no convolution.

    Examples:
        >>> RandomOut(threshold=0.1, rule="median").keeps
        ('amended',)
    """

    threshold: float = 1e-6
    rule: Literal["absolute", "median", "dead"] = "absolute"
    patience: int = 1
    begin_step: int = 1
    end_step: int | None = None
    reset_optimizer: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.count("patience", self.patience)
        self.count("begin_step", self.begin_step)
        if self.threshold < 0:
            raise self.refuse(f"threshold={self.threshold}. Give at least 0.")

    @property
    def keeps(self) -> tuple[str, ...]:
        """The amended initial state."""
        return (AMENDED,)

    def begin(self, view: View) -> Mapping[str, Tensor]:
        """Return, for each convolution, batches in a row of weakness, the draws, and the filters drawn last."""
        import torch

        layers = convolutions(view)
        if not layers:
            raise self.refuse("the network has no convolution, and so no filters. Use another intervention.")
        initial = view.initial or view.state
        carry = {f"weak/{name}": torch.zeros(len(view.state[name]), dtype=torch.int64) for name in layers}
        carry |= {f"log/{name}": torch.zeros((0, 2), dtype=torch.int64) for name in layers}
        return carry | {f"initial/{name}": initial[name].detach().cpu() for name in layers}

    def __call__(self, view: View, carry: Mapping[str, Tensor]) -> Change:
        """Return new values for the filters that have been weak for long enough."""
        weak, drawn = {}, {}
        for name in convolutions(view):
            row = carry[f"weak/{name}"]
            weak[f"weak/{name}"] = row = (row + 1).where(self.is_weak(view, name).cpu(), 0)
            if self.begin_step <= view.step <= (self.end_step or view.step) and (row >= self.patience).any():
                drawn[name] = row >= self.patience
                weak[f"weak/{name}"] = row.masked_fill(drawn[name], 0)
        change = redrawn(view, carry, drawn, reset_optimizer=self.reset_optimizer)
        return Change(state=change.state, optimizer=change.optimizer, kept=change.kept, carry={**weak, **change.carry})

    def is_weak(self, view: View, name: str) -> Tensor:
        """Return for each filter, bool (filters,), whether this batch finds it weak."""
        norms = cgn(view, name)
        if self.rule == "dead":
            return norms == 0
        return norms < self.threshold * (norms.median() if self.rule == "median" else 1.0)

    def summary(self, carry: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """Return "resets": how many filters of each layer were drawn anew."""
        return {"resets": {name: len(log) for name, log in logs(carry).items()}}


@dataclass(frozen=True, kw_only=True)
class SameResets(Intervening):
    """The control of ``RandomOut``: at each step as many filters of a layer are drawn anew, but random ones.

    Args:
        log: for each layer, (step, filters) pairs; in a plan ``ResetsOf(run=...)``, the draws of another run.
        reset_optimizer: as in ``RandomOut``.

    Examples:
        >>> SameResets(log={"conv1.weight": ((3, 1),)}).keeps
        ('amended',)
    """

    log: Any
    reset_optimizer: bool = False

    @property
    def keeps(self) -> tuple[str, ...]:
        """The amended initial state."""
        return (AMENDED,)

    def begin(self, view: View) -> Mapping[str, Tensor]:
        """Return the carry of ``RandomOut``; the network must have the layers that the log names."""
        if unknown := sorted(set(self.log) - set(convolutions(view))):
            raise self.refuse(f"the log names '{unknown[0]}', which is no convolution of the network.")
        return {name: tensor for name, tensor in RandomOut().begin(view).items() if not name.startswith("weak/")}

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
        return redrawn(view, carry, drawn, reset_optimizer=self.reset_optimizer)

    def summary(self, carry: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """Return "resets", as ``RandomOut`` does."""
        return RandomOut().summary(carry)


def convolutions(view: View) -> list[str]:
    """Return the weights of convolutions among the names of the view."""
    return [name for name in view.names if view.state[name].dim() >= 3]


def cgn(view: View, name: str) -> Tensor:
    """Return the convolutional gradient norm of each filter, (filters,): ``|dL/dw|`` summed over its kept weights."""
    slope = view.gradients[name]
    kept = held_mask(view).get(name)
    return (slope if kept is None else slope * kept).abs().flatten(1).sum(1)


def redrawn(view: View, carry: Mapping[str, Tensor], drawn: Mapping[str, Tensor], *, reset_optimizer: bool) -> Change:
    """Return the change that draws filters anew, bool (filters,) by layer, and notes them in log and amended state."""
    import torch

    state, log, initial, places = {}, {}, {}, {}
    fresh = view.fresh("random-out") if drawn and view.fresh else None
    if drawn and fresh is None:
        raise Intervening().refuse("initial weights cannot be drawn anew here. Give fresh=, see attach.")
    for name, which in drawn.items():
        weight = view.state[name]
        here = which.view(-1, *[1] * (weight.dim() - 1)).expand(weight.shape)
        new = cast(State, fresh)[name]
        places[name] = here
        state[name] = weight.where(~here.to(weight.device), new.to(weight.device))
        initial[f"initial/{name}"] = carry[f"initial/{name}"].where(~here, new)
        rows = torch.stack([torch.full((int(which.sum()),), view.step), which.nonzero().flatten()], dim=1)
        log[f"log/{name}"] = torch.cat([carry[f"log/{name}"], rows])
    kept: dict[str, State] = {}
    if drawn or view.step == 1:
        weights = {name: tensor for name, tensor in {**carry, **initial}.items() if name.startswith("initial/")}
        amended = {name.removeprefix("initial/"): tensor for name, tensor in weights.items()}
        kept[AMENDED] = cast(State, {**(view.initial or view.state), **amended})
    optimizer = zeroed(view, places) if reset_optimizer else {}
    return Change(state=state, optimizer=optimizer, kept=kept, carry={**log, **initial})


def logs(carry: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return for each layer its draws, int64 (draws, 2): step and filter; also from the carry of a whole run."""
    return {name.partition("log/")[2]: log for name, log in carry.items() if "log/" in name}
