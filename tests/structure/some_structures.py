"""Small networks with norms whose scales are spread, and random masks of their channels."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from lotterylab.models import ConvN, PreResNet, ResNet, ShallowCnn, Vgg
from lotterylab.network import network, state_of

SHAPE = (3, 8, 8)
SPECS: dict[str, Any] = {
    "VGG-11": Vgg(depth=11, width=0.2, shape=SHAPE),
    "ResNet-20": ResNet(depth=20, shape=SHAPE),
    "ResNet-20 with padding": ResNet(depth=20, shortcut="padding", shape=SHAPE),
    "PreResNet-20": PreResNet(depth=20, shape=SHAPE),
    "PreResNet-20 with padding": PreResNet(depth=20, shortcut="padding", shape=SHAPE),
    "PreResNet with bottlenecks": PreResNet(depth=11, bottleneck=True, shape=SHAPE),
    "Conv-2": ConvN(depth=2, width=0.2, shape=SHAPE),
    "the shallow CNN": ShallowCnn(shape=SHAPE, widths=(5, 6, 7)),
}
# a removed channel leaves no constant behind, so that zeroed scales and shifts are no oracle
SIGMOID = {"sigmoid": ShallowCnn(shape=SHAPE, widths=(5, 6, 7), activation="sigmoid", batch_norm=True)}


def module_of(name: str, seed: int = 0) -> nn.Module:
    """A network in float64 whose tensors are all drawn, running statistics too."""
    torch.manual_seed(seed)
    module = {**SPECS, **SIGMOID}[name].build().double()
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.dim() == 1 and tensor.is_floating_point():
            tensor.data = torch.rand_like(tensor) + 0.1
    return module


def random_channels(module: nn.Module, share: float = 0.5, seed: int = 0) -> dict[str, torch.Tensor]:
    """A mask of scales, or of filters where there are no norms, at least one kept in each tensor."""
    draw = torch.Generator().manual_seed(seed)
    state, net = state_of(module), network(module)
    names = net.scales or [name for name in net.prunable if state[name].dim() == 4]
    mask = {name: torch.rand(len(state[name]), generator=draw) > share for name in names}
    for kept in mask.values():
        kept[int(torch.randint(len(kept), (1,), generator=draw))] = True
    return mask


def without_their_shifts(module: nn.Module, mask: dict[str, torch.Tensor]) -> nn.Module:
    """The plain oracle: the network, with scales and shifts (filters and biases) of removed channels at 0, in place."""
    for name, kept in mask.items():
        layer = module.get_submodule(name.rpartition(".")[0])
        layer.weight.data[~kept] = 0.0
        if layer.bias is not None:
            layer.bias.data[~kept] = 0.0
    return module
