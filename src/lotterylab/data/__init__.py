"""Data sets: a frozen spec says which and how many images; what it loads stands on the device as whole tensors.

``SPECS`` are the names that the command line knows.
"""

from lotterylab.data.augment import Augment
from lotterylab.data.cifar import Cifar10
from lotterylab.data.digits import Digits
from lotterylab.data.streams import NamedStream, TorchGlobalStream

SPECS = {"cifar10": Cifar10, "digits": Digits}

__all__ = ["SPECS", "Augment", "Cifar10", "Digits", "NamedStream", "TorchGlobalStream"]
