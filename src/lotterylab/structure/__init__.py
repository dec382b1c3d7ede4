"""Structure: which channels of a network belong together, the smaller network without some, and their order."""

from typing import TYPE_CHECKING

from lotterylab.homes import room
from lotterylab.structure.channels import channels, never_emptied
from lotterylab.structure.coupling import Structure, structure_of
from lotterylab.structure.layers import Layer
from lotterylab.structure.matching import Order, match
from lotterylab.structure.shrink import Back, shrink

__all__ = ["Back", "Layer", "Order", "Structure", "channels", "match", "never_emptied", "shrink", "structure_of"]

if not TYPE_CHECKING:
    __getattr__ = room(__name__)
