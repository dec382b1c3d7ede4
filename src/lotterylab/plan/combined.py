"""States and masks that are made of other states and masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lotterylab.errors import UsageError
from lotterylab.plan.node import Node
from lotterylab.protocols import Combining


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Combine(Node):
    """A state made of states and masks of one network by a rule.  Its value is a ``State``.

    Args:
        of: the name of each state or mask, as the rule wants it -> its node.
        rule: of ``lotterylab.combining``, or your own.
        seed: of what the rule draws.

    Raises:
        UsageError: the rule does not take these names, or they are of two networks.

    Examples:
        >>> import lotterylab as ll
        >>> first = ll.plan.Init(model=ll.models.Mlp(shape=(1, 8, 8)), seed=0)
        >>> other = ll.plan.Init(model=ll.models.Mlp(shape=(1, 8, 8)), seed=1)
        >>> Combine(of={"signs": first, "magnitudes": other}, rule=ll.combining.Signs()) == first
        False
        >>> Combine(of={"signs": first}, rule=ll.combining.Signs())
        Traceback (most recent call last):
        ...
        lotterylab.errors.UsageError: Signs was given signs; it needs magnitudes, signs.
    """

    of: Mapping[str, Node]
    rule: Combining
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.rule.check(self.of)
        for name, node in self.of.items():
            wanted = "a mask" if name in self.rule.masks else "a state"
            if name not in self.rule.either and node.is_mask != (wanted == "a mask"):
                raise UsageError(
                    f"{type(self.rule).__name__} was given {node!r} as '{name}'; it needs {wanted} there, such as "
                    f"{'run.final' if node.is_mask else 'ticket.mask'}."
                )
        if self.main.is_mask != self.is_mask:
            raise UsageError(
                f"{type(self).__name__} was given {self.main!r} to change; {type(self.rule).__name__} makes "
                f"{'a mask of a mask: use CombineMask' if self.main.is_mask else 'a state of a state: use Combine'}."
            )
        models = {name: _model_behind(node) for name, node in self.of.items()}
        first, *others = models.items()
        for name, model in others:
            if model != first[1]:
                raise UsageError(
                    f"Combine was given '{first[0]}' of {first[1]} and '{name}' of {model}. Give states and masks of "
                    "one network."
                )
        about = getattr(self.rule, "model", first[1])
        if about != first[1]:
            raise UsageError(
                f"Combine was given '{first[0]}' of {first[1]}, and its rule {type(self.rule).__name__} is about "
                f"{about}. Give the rule the network of the states."
            )

    @property
    def main(self) -> Node:
        """The state whose biases, norms and buffers the new one has."""
        return self.of[self.rule.needs[0] if self.rule.needs else min(self.of)]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CombineMask(Combine):
    """A mask made of states and masks of one network by a rule.  Its value is a ``Mask``.

    With ``combining.Aligned`` it is a ticket's mask with its units in the order of another network.   [adnan2025sparse]

    Args:
        of: the name of each state or mask, as the rule wants it -> its node; the first that the rule needs is a mask.
        rule: of ``lotterylab.combining``, or your own.
        seed: of what the rule draws.

    Raises:
        UsageError: the rule does not take these names, or they are of two networks.

    Examples:
        >>> import lotterylab as ll
        >>> data, recipe = ll.plan.pinned(ll.data.Digits()), ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1))
        >>> model = ll.models.Mlp(shape=(1, 8, 8))
        >>> a, b = (ll.plan.dense_run(model, data, recipe, seed=seed) for seed in (0, 1))
        >>> (ticket,) = ll.plan.one_shot(a, [0.5], criterion=ll.criteria.Magnitude(), seed=0)
        >>> of = {"moved": ticket.mask, "a": a.final, "b": b.final}
        >>> CombineMask(of=of, rule=ll.combining.Aligned(model=model)).main == ticket.mask
        True
    """

    is_mask: ClassVar[bool] = True


def _model_behind(node: Node) -> Any:
    """Return the model of a state or mask: the first that it or what it is made of names."""
    model = getattr(node, "model", None)
    if model is not None:
        return model
    return next((found for earlier in node.inputs() if (found := _model_behind(earlier)) is not None), None)
