"""The form that rules share: which states and masks they need, and how they go over the weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, TypeAlias, cast

from lotterylab.errors import UsageError
from lotterylab.types import State
from lotterylab.words import check_words

if TYPE_CHECKING:
    from torch import Tensor

Values: TypeAlias = "Mapping[str, Mapping[str, Tensor]]"  # states and masks by the names that a rule gives them


class Combining:
    """Abstract: a rule from named states and masks of one network to a state.

    ``needs``: the names that it must be given, the one whose biases, norms and buffers it takes first; ``may``: those
    that it can be given.  A rule whose ``needs`` is empty takes any names.  ``masks``: the names of masks; ``either``:
    the names of what may be a state or a mask; all others are states.
    """

    version: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ()
    may: ClassVar[tuple[str, ...]] = ()
    masks: ClassVar[tuple[str, ...]] = ("mask",)
    either: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        check_words(self)

    def __call__(self, of: Values, names: Sequence[str], seed: int) -> State:
        """Return the new state; the tensors that were given stay as they are.

        Args:
            of: states and masks by name.
            names: the weights of the network that can be pruned; the rule is about these.
            seed: of what it draws.
        """
        main = of[self.needs[0]]
        made = {name: self.weight(of, name, seed) for name in names}
        return cast(State, {name: made.get(name, tensor).detach().clone() for name, tensor in main.items()})

    def weight(self, of: Values, name: str, seed: int) -> Tensor:
        """Return one weight of the new state."""
        raise NotImplementedError

    @classmethod
    def check(cls, given: Iterable[str]) -> None:
        """Refuse names that the rule does not take, and missing ones.

        Raises:
            UsageError: a name is missing or not known.
        """
        names = sorted(given)
        taken = (*cls.needs, *cls.may)
        wrong = [name for name in names if name not in taken] if cls.needs else []
        missing = [name for name in cls.needs if name not in names]
        if wrong or missing or not names:
            optional = f", and may have {', '.join(cls.may)}" if cls.may else ""
            needs = ", ".join(cls.needs) or "at least one state under any name"
            raise UsageError(f"{cls.__name__} was given {', '.join(names) or 'nothing'}; it needs {needs}{optional}.")
