"""Each model is a file with a frozen spec, which has ``build()`` and ``initial()``.

``SPECS`` holds the names that the command line knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotterylab.homes import room
from lotterylab.models.base import ModelSpec
from lotterylab.models.conv import ConvN
from lotterylab.models.crater_cnn import CraterCnn
from lotterylab.models.custom import CustomModel, custom
from lotterylab.models.inception import SmallInception
from lotterylab.models.lenet import LeNet300100
from lotterylab.models.mlp import Mlp
from lotterylab.models.named import Named
from lotterylab.models.narrowed import Narrowed
from lotterylab.models.preresnet import PreResNet
from lotterylab.models.resnet import ImageNetResNet18, ResNet
from lotterylab.models.shallow_cnn import ShallowCnn
from lotterylab.models.vgg import Vgg

SPECS: dict[str, Named] = {
    "shallow-cnn": Named(spec=ShallowCnn),
    "mlp": Named(spec=Mlp),
    "lenet-300-100": Named(spec=LeNet300100),
    **{f"conv-{depth}": Named(spec=ConvN, fixed={"depth": depth}) for depth in (2, 4, 6)},
    **{f"vgg-{depth}": Named(spec=Vgg, fixed={"depth": depth, "batch_norm": False}) for depth in (11, 16, 19)},
    **{f"vgg-{depth}-bn": Named(spec=Vgg, fixed={"depth": depth, "batch_norm": True}) for depth in (11, 16, 19)},
    **{f"resnet-{depth}": Named(spec=ResNet, fixed={"depth": depth}) for depth in (20, 32, 44, 56, 110)},
    "resnet-18": Named(
        spec=ResNet,
        fixed={"depth": 20},
        note="the lottery-ticket papers' name for resnet-20; ImageNet's network of 18 layers is resnet-18-imagenet",
    ),
    "resnet-18-imagenet": Named(spec=ImageNetResNet18, note="four stages, 11.2 million parameters, for CIFAR's images"),
    **{f"preresnet-{d}": Named(spec=PreResNet, fixed={"depth": d, "bottleneck": False}) for d in (20, 32, 56, 110)},
    **{f"preresnet-{d}": Named(spec=PreResNet, fixed={"depth": d, "bottleneck": True}) for d in (101, 164)},
    "crater-cnn": Named(spec=CraterCnn),
    "inception-28-small": Named(spec=SmallInception, fixed={"batch_norm": False}),
    "inception-28-small-bn": Named(spec=SmallInception, fixed={"batch_norm": True}),
}

__all__ = [
    "SPECS",
    "ConvN",
    "CraterCnn",
    "CustomModel",
    "ImageNetResNet18",
    "LeNet300100",
    "Mlp",
    "ModelSpec",
    "Named",
    "Narrowed",
    "PreResNet",
    "ResNet",
    "ShallowCnn",
    "SmallInception",
    "Vgg",
    "custom",
]

if not TYPE_CHECKING:
    __getattr__ = room(__name__)
