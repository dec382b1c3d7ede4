"""Data sets: a frozen spec says which and how many images; what it loads stands on the device as whole tensors.

``SPECS`` are the sets that are known by name; ``Folder`` is any folder of images.
"""

from lotterylab.data.augment import Augment
from lotterylab.data.cifar import Cifar10, Cifar100
from lotterylab.data.digits import Digits
from lotterylab.data.folder import Folder
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
    "Folder",
    "Mnist",
    "NamedStream",
    "TorchGlobalStream",
]
