"""Multiply-accumulates of a forward pass are counted by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lotterylab.network import modes_kept, network, state_of

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Macs:
    """``Macs`` counts the multiply-accumulates of a forward pass of one image, for the state "state" on a data set.

    ``dense`` has the counts by the name of the layer's weight, ``total`` their sum; convolutions and linear layers
    count. The state is a dict of tensors by name; the size of an image, (C, H, W), is the data set's.

    Examples:
        >>> import lotterylab as ll
        >>> from lotterylab.network import network
        >>> spec = ll.models.Mlp(shape=(1, 8, 8), widths=(20,))
        >>> state, net = spec.initial(0, "init", "named"), network(spec.build())
        >>> Macs()({"state": state}, {"state": net}, ll.data.Digits().load(None))
        {'dense': {'fc.0.weight': 1280, 'fc.1.weight': 200}, 'total': 1480}
    """

    version: ClassVar[int] = 1

    def __call__(self, values: Mapping[str, Any], models: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
        """The counts and their sum."""
        import torch

        counts = _count(models["state"], values["state"], torch.zeros(1, *dataset.train.images.shape[1:]))
        return {"dense": counts, "total": sum(counts.values())}


def macs(module: nn.Module, shape: tuple[int, ...], *, device: str = "meta") -> dict[str, int]:
    """Multiply-accumulates of one input of ``shape`` (C, H, W), for each prunable weight by its name.

    A weight of P entries costs its P times the places it is used at: the outputs' pixels of a convolution, the inputs'
    of a transposed one, 1 for a linear layer of one vector.  So products with padding count, as usual; biases, norms
    and activations do not.  A weight used by several layers, or several times, has the sum; one not used has 0.

    On the device "meta" nothing is computed; "cpu" is for a module whose way depends on its values.  Parts of a module
    that use a weight without calling its layer are not seen.
    """
    import torch

    state = {name: tensor.to(device) for name, tensor in state_of(module).items()}
    with modes_kept(module):
        return _count(network(module), state, torch.zeros(1, *shape, device=device))


def _count(net: Any, state: Mapping[str, Tensor], inputs: Tensor) -> dict[str, int]:
    """Return the multiply-accumulates of each prunable weight in one forward pass."""
    import torch
    from torch.nn.modules.conv import _ConvTransposeNd

    counts = dict.fromkeys(net.prunable, 0)

    def look(name: str, layer: nn.Module, arguments: tuple, output: Tensor) -> None:
        positions = arguments[0] if isinstance(layer, _ConvTransposeNd) else output
        # each position of a channel multiplies the entries of weight[0]
        counts[name] += positions.numel() * state[name][0].numel()

    with torch.no_grad():
        net.layer_calls(state, inputs, net.prunable, look)
    return counts
