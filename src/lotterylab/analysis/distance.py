"""Distances compare two states of the same network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from lotterylab.words import ADDED_LATER, OLDER, check_words

if TYPE_CHECKING:
    from torch import Tensor

    from lotterylab.network import Network

STATISTICS = ("running_mean", "running_var")  # how names of running statistics end


@dataclass(frozen=True, kw_only=True)
class Distances:
    """``Distances`` measures how far a ticket ended from its dense network: states "dense" and "ticket", mask "mask".

    States and masks are dicts of tensors by name, of the same shapes.

    - ``mean_relative_distance``, the activation study's D: the mean over all tensors t, biases included, of
      ||dense_t - ticket_t|| / ||dense_t||.  It weighs a bias of ten entries like a matrix of half a million.
    - ``floor``: the same D between the dense network and itself pruned: the effect of pruning alone, without training.
    - ``whole_relative_distance``: ||dense - ticket|| / ||dense|| over all entries at once, which no tiny tensor can
      dominate.
    - ``masked_l2``, ``masked_angle`` (degrees): ||m*dense - m*ticket|| and the angle between the two masked vectors,
      over the masked tensors alone.   [frankle2019stabilizing, section 3 and appendix B]
    - ``relative_to_ticket``: D with ||ticket_t|| below the line; small where D is large only because ||dense_t|| is
      small.  Fully pruned tensors have no such ratio and are left out.
    - ``by_tensor``, ``dense_norms``: the ratios that D averages, and the norms below them.
    - ``regrown``: the share of pruned entries that are not zero in the ticket; 0 for a mask that was held.

    Equal tensors have the ratio 0.  A ratio over a tensor of zeros, an angle to a vector of zeros and any number of a
    diverged network are None; means are over the ratios that there are.

    Args:
        tensors: "weights", the parameters; or "all", the running statistics of norms too, which weigh in D like a layer
            each, as in results from before the choice.

    Raises:
        UsageError: another word.

    Examples:
        >>> import torch
        >>> states = {"dense": {"w": torch.tensor([3.0, 4.0])}, "ticket": {"w": torch.tensor([3.0, 0.0])}}
        >>> found = Distances()({**states, "mask": {"w": torch.tensor([True, False])}}, {}, None)
        >>> found["mean_relative_distance"], found["floor"], found["masked_l2"]
        (0.8, 0.8, 0.0)
    """

    version: ClassVar[int] = 1
    tensors: Literal["weights", "all"] = field(default="weights", metadata={**ADDED_LATER, OLDER: "all"})

    def __post_init__(self) -> None:
        check_words(self)

    def __call__(self, values: Mapping[str, Any], models: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
        """The numbers above, computed in float64."""
        import torch

        names = self._names(values["dense"], models.get("dense"))
        dense, ticket = ({name: values[part][name].double() for name in names} for part in ("dense", "ticket"))
        mask = values["mask"]
        ratios = {name: _ratio(dense[name] - ticket[name], dense[name]) for name in dense}
        pruned = {name: dense[name] * mask[name] if name in mask else dense[name] for name in dense}
        floors = [_ratio(dense[name] - pruned[name], dense[name]) for name in dense]
        to_ticket = [
            _ratio(dense[name] - ticket[name], ticket[name]) for name in dense if bool((ticket[name] != 0).any())
        ]
        a = torch.cat([(dense[name] * mask[name]).flatten() for name in mask])
        b = torch.cat([(ticket[name] * mask[name]).flatten() for name in mask])
        everything = torch.cat([tensor.flatten() for tensor in dense.values()])
        apart = torch.cat([(dense[name] - ticket[name]).flatten() for name in dense])
        return {
            "mean_relative_distance": _mean(ratios.values()),
            "floor": _mean(floors),
            "whole_relative_distance": _ratio(apart, everything),
            "relative_to_ticket": _mean(to_ticket),
            "masked_l2": _finite((a - b).norm()),
            "masked_angle": angle(a, b),
            "by_tensor": ratios,
            "regrown": _share(torch.cat([ticket[name][~mask[name]] != 0 for name in mask])),
            "dense_norms": {name: _finite(tensor.norm()) for name, tensor in dense.items()},
        }

    def _names(self, state: Mapping[str, Tensor], net: Network | None) -> list[str]:
        """Return the tensors that are compared; without a network, running statistics are known by their names."""
        floats = [name for name, tensor in state.items() if tensor.is_floating_point()]
        if self.tensors == "all":
            return floats
        weights = [name for name in floats if not name.endswith(STATISTICS)]
        return weights if net is None else [name for name in weights if name in net.parameters]


def angle(a: Tensor, b: Tensor) -> float | None:
    """Return the angle between two vectors in degrees, by atan2 of half angles, which is exact near 0 unlike arccos.

    [Kahan 2006, "How futile are mindless assessments of roundoff", section 12]  None if one has no direction.
    """
    unit_a, unit_b = a / a.norm(), b / b.norm()
    found = math.degrees(2 * math.atan2(float((unit_a - unit_b).norm()), float((unit_a + unit_b).norm())))
    return None if math.isnan(found) else found


def _share(entries: Tensor) -> float:
    return float(entries.double().mean()) if len(entries) else 0.0


def _ratio(difference: Tensor, reference: Tensor) -> float | None:
    """Return ||difference|| / ||reference||; 0 if both are 0, and None if it is not a number."""
    above, below = difference.norm(), reference.norm()
    if float(below) == 0:
        return 0.0 if float(above) == 0 else None
    return _finite(above / below)


def _finite(number: Tensor) -> float | None:
    return float(number) if math.isfinite(number) else None


def _mean(ratios: Iterable[float | None]) -> float | None:
    known = [ratio for ratio in ratios if ratio is not None]
    return sum(known) / len(known) if known else None
