"""Data sets: a frozen spec says which and how many images; what it loads stands on the device as whole tensors.

``SPECS`` are the names that the command line knows.
"""

from lotterylab.data.augment import Augment
from lotterylab.data.cifar import Cifar10, Cifar100
from lotterylab.data.digits import Digits
from lotterylab.data.mnist import FashionMnist, Mnist
from lotterylab.data.streams import NamedStream, TorchGlobalStream

SPECS = {spec.name: spec for spec in (Cifar10, Cifar100, Digits, FashionMnist, Mnist)}

__all__ = [
    "SPECS",
    "Augment",
    "Cifar10",
    "Cifar100",
    "Digits",
    "FashionMnist",
    "Mnist",
    "NamedStream",
    "TorchGlobalStream",
]
