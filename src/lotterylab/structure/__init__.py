"""Structure: which channels of a network leave together, and the smaller network without them."""

from lotterylab.structure.channels import channels, never_emptied
from lotterylab.structure.coupling import Structure, structure_of
from lotterylab.structure.layers import Layer
from lotterylab.structure.shrink import Back, shrink

__all__ = ["Back", "Layer", "Structure", "channels", "never_emptied", "shrink", "structure_of"]
