"""A data spec is a frozen choice of images; it loads whole tensors onto the device.

``SPECS`` holds the data sets with names; ``Folder`` is any folder of images.
"""

from typing import TYPE_CHECKING

from lotterylab.data.augment import Augment
from lotterylab.data.cifar import Cifar10, Cifar100
from lotterylab.data.cubist import CubistSpiral
from lotterylab.data.digits import Digits
from lotterylab.data.folder import Folder
from lotterylab.data.mnist import FashionMnist, Mnist
from lotterylab.data.shapeset import Shapeset
from lotterylab.data.streams import NamedStream, TorchGlobalStream
from lotterylab.homes import room

SPECS = {spec.name: spec for spec in (Cifar10, Cifar100, CubistSpiral, Digits, FashionMnist, Mnist, Shapeset)}

__all__ = [
    "SPECS",
    "Augment",
    "Cifar10",
    "Cifar100",
    "CubistSpiral",
    "Digits",
    "FashionMnist",
    "Folder",
    "Mnist",
    "NamedStream",
    "Shapeset",
    "TorchGlobalStream",
]

if not TYPE_CHECKING:
    __getattr__ = room(__name__)
