"""Gates learn masks in the place of the weights or beside them, one paper a file; the law tests run over ``ALL``."""

from typing import TYPE_CHECKING, Any

from lotterylab.errors import UsageError, unknown
from lotterylab.gates.base import GATE, HEAT, LEARNED, Gate, straight_through
from lotterylab.gates.continuous import ContinuousSparsification
from lotterylab.gates.edge_popup import EdgePopup, IteRand
from lotterylab.gates.network import gated, learned, learned_mask, under, with_gates, without_gates
from lotterylab.gates.supermask import Supermask
from lotterylab.homes import room

if TYPE_CHECKING:
    from lotterylab.gates.installed import install

ALL = {
    "supermask": Supermask,
    "edge-popup": EdgePopup,
    "iterand": IteRand,
    "continuous-sparsification": ContinuousSparsification,
}

__all__ = [
    "ALL",
    "GATE",
    "HEAT",
    "LEARNED",
    "ContinuousSparsification",
    "EdgePopup",
    "Gate",
    "IteRand",
    "Supermask",
    "check_gate",
    "gated",
    "install",
    "learned",
    "learned_mask",
    "straight_through",
    "under",
    "with_gates",
    "without_gates",
]


def check_gate(gate: Any) -> None:
    """Refuse what is not a gate.

    Args:
        gate: what was given as ``gate``; None is no gate.

    Raises:
        UsageError: it is a name, a class or another object.

    Examples:
        >>> check_gate(Supermask())
        >>> check_gate("supermask")
        Traceback (most recent call last):
        ...
        lotterylab.errors.UsageError: gate='supermask': give an object ... such as lotterylab.gates.Supermask().
    """
    if gate is None or isinstance(gate, Gate):
        return
    if isinstance(gate, str) and gate not in ALL:
        raise unknown("gate", gate, ALL)
    kind = ALL[gate] if isinstance(gate, str) else gate if gate in ALL.values() else Supermask
    raise UsageError(
        f"gate={gate!r}: give an object that holds its options, such as lotterylab.gates.{kind.__name__}()."
    )


if not TYPE_CHECKING:
    __getattr__ = room(__name__, {"lotterylab.gates.installed": ("install",)})  # it imports torch
