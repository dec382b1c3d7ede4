"""RandomOut draws filters of a convolution anew if they hardly learn."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from lotterylab.interventions.filters import Redrawing, cgn, convolutions
from lotterylab.views import Change, View


@dataclass(frozen=True, kw_only=True)
class RandomOut(Redrawing):
    """A filter f with ``CGN(f) = sum_i |dL/df_i| < tau`` is drawn anew.   [cohen2016randomout, eq. 1, algorithm 1]

    Biases, norms and the next layer stay.  Under a mask, kept weights alone count.  The loss is a mean over the batch
    here and a sum in the authors' code: their tau of 1e-6 for 128 images is 8e-9 here.

    Args:
        threshold: tau, for "absolute"; as a share of the layer's median CGN for "median"; unused for "dead", where the
            CGN must be exactly 0.
        rule: "absolute" (the paper's), "median" or "dead".
        patience: batches in a row in which a filter has to be weak.
        begin_step: the first update after which filters are drawn.
        end_step: the last one; None for no end.
        reset_optimizer: set the optimizer state of a drawn filter to 0, which the authors' code leaves.

    Examples:
        >>> RandomOut(threshold=0.1, rule="median").keeps  # the initial state with the filters drawn last
        ('amended',)
    """

    least: ClassVar[Mapping[str, float]] = {"threshold": 0, "patience": 1, "begin_step": 1}
    threshold: float = 1e-6
    rule: Literal["absolute", "median", "dead"] = "absolute"
    patience: int = 1
    begin_step: int = 1
    end_step: int | None = None
    reset_optimizer: bool = False

    def begin(self, view: View) -> Mapping[str, Any]:
        """Return the carry, with the batches in a row in which each filter was weak."""
        import torch

        weak = {f"weak/{name}": torch.zeros(len(view.state[name]), dtype=torch.int64) for name in convolutions(view)}
        return {**super().begin(view), **weak}

    def __call__(self, view: View, carry: Mapping[str, Any]) -> Change:
        """Return new values for the filters that have been weak for long enough."""
        weak, drawn = {}, {}
        for name in convolutions(view):
            norms = cgn(view, name)
            tau = self.threshold * (norms.median() if self.rule == "median" else 1)
            is_weak = (norms == 0 if self.rule == "dead" else norms < tau).cpu()
            weak[name] = (carry[f"weak/{name}"] + 1).where(is_weak, 0)
            if self.begin_step <= view.step <= (self.end_step or view.step) and (weak[name] >= self.patience).any():
                drawn[name] = weak[name] >= self.patience
                weak[name] = weak[name].masked_fill(drawn[name], 0)
        change = self.redrawn(view, carry, drawn)
        return replace(change, carry={**change.carry, **{f"weak/{name}": row for name, row in weak.items()}})
