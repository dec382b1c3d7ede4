"""States and masks of one network in the order of another network's units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from lotterylab.combining.base import Combining, Values
from lotterylab.errors import UsageError, a_type
from lotterylab.types import State


@dataclass(frozen=True, kw_only=True)
class Aligned(Combining):
    """ "moved" in the order of units in which the network "a" is nearest to the network "b", by their weights.
    [adnan2025sparse; ainsworth2023git]

    "moved" is a state or a mask of the network "a": its ticket's mask, which ``plan.CombineMask`` gives to the network
    "b", or its initial state, for ``plan.Combine``.  ``structure.match`` finds the order.

    Differs from the paper: it matches activations on training images, here the weights themselves are matched.

    Args:
        model: the network of all three.

    Raises:
        UsageError: when it is called: the states are of other widths, or the network's units cannot change places.

    Examples:
        >>> import lotterylab as ll
        >>> model = ll.models.Mlp(shape=(1, 2, 2), widths=(3,), classes=2)
        >>> a = model.initial(0, "init", "named")
        >>> b = {**a, "fc.0.weight": a["fc.0.weight"].flip(0), "fc.0.bias": a["fc.0.bias"].flip(0)}
        >>> b["fc.1.weight"] = a["fc.1.weight"].flip(1)
        >>> moved = Aligned(model=model)({"moved": a, "a": a, "b": b}, [], 0)
        >>> bool((moved["fc.0.weight"] == b["fc.0.weight"]).all())
        True
    """

    needs: ClassVar[tuple[str, ...]] = ("moved", "a", "b")
    either: ClassVar[tuple[str, ...]] = ("moved",)
    model: Any  # a model's spec

    def __call__(self, of: Values, names: Sequence[str], seed: int) -> State:
        """Return "moved" in the new order."""
        from lotterylab.structure import match

        shape = getattr(self.model, "shape", None)
        if shape is None:
            raise UsageError(f"the units of {a_type(self.model)} cannot be aligned: it has no shape of an input.")
        order = match(self.model.build(), of["a"], of["b"], shape=shape)
        return cast(State, order(of["moved"]))
