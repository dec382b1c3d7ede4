"""Filters of two trained networks are compared by their directions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class FilterLikeness:
    """``FilterLikeness`` compares the filters of the first convolution of two states "a" and "b" of one network.

    Each filter is a vector of its weights, of length (channels x height x width).

    - ``cosine``: the mean cosine of filter k of both.  It is near 0 for networks of other initialisations, whose
      filters have no common order.
    - ``matched``: the mean cosine under the one-to-one matching of filters for which it is largest, so that the order
      does not count.  It is above 0 for random filters too.   [li2016convergent, section 3.1, with activations]

    A filter of zeros has the cosine 0 with every filter.

    Raises:
        UsageError: the network has no convolution.

    Examples:
        >>> import torch
        >>> a = {"conv.weight": torch.tensor([[[[1.0]], [[0.0]]], [[[0.0]], [[1.0]]]])}
        >>> FilterLikeness()({"a": a, "b": {"conv.weight": a["conv.weight"].flip(0)}}, {}, None)
        {'cosine': 0.0, 'matched': 1.0}
    """

    version: ClassVar[int] = 1

    def __call__(self, values: Mapping[str, Any], models: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
        """Return the two numbers, computed in float64."""
        from scipy.optimize import linear_sum_assignment

        cosines = _directions(values["a"]) @ _directions(values["b"]).T
        rows, columns = linear_sum_assignment(cosines.numpy(), maximize=True)
        return {"cosine": float(cosines.diagonal().mean()), "matched": float(cosines[rows, columns].mean())}


def _directions(state: Mapping[str, Tensor]) -> Tensor:
    """Return the filters of the first convolution as rows of length 1, (filters, weights), float64."""
    import torch

    weight = next((tensor for name, tensor in state.items() if name.endswith("weight") and tensor.dim() >= 3), None)
    if weight is None:
        raise UsageError("filters are compared, and the network has no convolution. Measure another network.")
    return torch.nn.functional.normalize(weight.double().flatten(1), dim=1)
