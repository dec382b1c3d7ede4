"""Steps of a chain of linear layers, computed by the kernel of ``kernels/chain.c``: pruned weights cost nothing.

Its numbers are those of ``training.step`` up to rounding, so that the kernel is a fact of the result ("path").
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lotterylab.data.augment import Augment
from lotterylab.kernels.build import Library
from lotterylab.kernels.links import Links
from lotterylab.kernels.structs import Chain, Images, Layer, Rule, pointer
from lotterylab.training.chain_layout import Layout
from lotterylab.training.flat_step import FlatStepper, by_logits
from lotterylab.training.losses import CrossEntropy, ScalesL1
from lotterylab.training.optim import Adam, Sgd
from lotterylab.training.watch import Evaluation
from lotterylab.types import Checkpoint, Mask

if TYPE_CHECKING:
    from lotterylab.data.loader import Loader
    from lotterylab.training.recipe import Recipe

ACTIVATIONS = ("relu", "leaky_relu", "softsign", "tanh", "sigmoid")  # in the order of the kernel's numbers
TILE = 64  # images that the kernel computes at a time


def fits(recipe: Recipe, links: Links, *, frozen: bool) -> bool:
    """Return whether the kernel can train a network in this way.

    Args:
        recipe: the training.
        links: the network; one without convolutions reads the images as they are, so that none can be augmented.
        frozen: whether removed weights are held at values other than 0.
    """
    plain = recipe.hold and recipe.gate is None and not frozen and links.activation in ACTIVATIONS
    loss: Any = recipe.loss
    if type(loss) is ScalesL1 and any(block.norm for block in links.blocks):
        loss = loss.loss
    known = type(loss) is CrossEntropy and type(recipe.optimizer) in (Sgd, Adam)
    return plain and known and (bool(links.blocks) or recipe.augment == Augment())


class ChainStepper(FlatStepper):
    """A ``ChainStepper`` trains a chain, many steps a call.

    Args:
        library: the compiled kernel.
        links: the chain.
        recipe: its optimizer and batch size.
        begin: where the training begins; pruned weights and their optimizer state are 0.
        mask: the mask; a weight that it does not name is kept whole.
        loader: the images and their order.
    """

    def __init__(
        self, library: Library, links: Links, recipe: Recipe, begin: Checkpoint, mask: Mask, loader: Loader
    ) -> None:
        self._functions = library.functions
        super().__init__(links, library.real, recipe, begin, mask, loader)

    def _prepare(self) -> None:
        self._images: dict[str, tuple[Images, tuple[Tensor, ...]]] = {}
        numbers = [TILE * max(count, 1) for count in self._layout.units]
        self._tiles = [[torch.zeros(count, dtype=self._real) for count in numbers] for _ in range(2)]
        self._chain = self._chained()

    def _laid_out(self, begin: Checkpoint, mask: Mask) -> Layout:
        return Layout(self._links, {name: tensor.shape for name, tensor in begin.state.items()}, mask, self._real)

    def _chained(self) -> Chain:
        """Return what the kernel is told of the network; the tensors behind it are attributes."""
        layers = tuple(self._layout.layers())
        slots = [pointer(self._slots[name]) for name in self.recipe.optimizer.slot_names]
        first, second, *_ = (*slots, None, None)
        unit, back = ((ctypes.c_void_p * len(tiles))(*map(pointer, tiles)) for tiles in self._tiles)
        if not self._links.blocks:
            back[0] = None  # nothing learns from the gradient of pixels
        return Chain(
            layers=len(layers),
            act=ACTIVATIONS.index(self._links.activation),
            count=len(self._gradient),
            layer=(Layer * len(layers))(*layers),
            slope=self._links.slope,
            w=pointer(self._params),
            g=pointer(self._gradient),
            first=first,
            second=second,
            unit=unit,
            back=back,
            helds=len(self._layout.held),
            held=pointer(self._layout.held),
        )

    def _advance(self, order: Tensor, rates: list[float], loss: float) -> tuple[float, int]:
        summed, hits = ctypes.c_double(loss), ctypes.c_int64(0)
        rate_of_step = torch.tensor(rates, dtype=torch.float64)
        self._functions.lotterylab_train(
            ctypes.byref(self._chain),
            ctypes.byref(self._split("train")),
            ctypes.byref(self._rule()),
            pointer(order),
            ctypes.c_int64(len(order)),
            ctypes.c_int64(self._loader.batch_size),
            pointer(rate_of_step),
            ctypes.byref(summed),
            ctypes.byref(hits),
        )
        self.updates += len(rates)
        return summed.value, hits.value

    def score(self, name: str) -> Evaluation:
        """Evaluate the network on a split."""
        split = self._loader.split(name)
        order = torch.arange(len(split))
        logits = torch.empty(len(split), self._layout.units[-1], dtype=self._real)
        self._functions.lotterylab_logits(
            ctypes.byref(self._chain),
            ctypes.byref(self._split(name)),
            pointer(order),
            ctypes.c_int64(len(split)),
            pointer(logits),
        )
        self._loader.alive()
        return by_logits(split, logits)

    def _split(self, name: str) -> Images:
        """Return what the kernel is told of a split's images; each split is prepared once."""
        if name not in self._images:
            split, table = self._loader.split(name), self._loader.meanings().to(self._real).contiguous()
            images, pixels = split.images.contiguous(), self._layout.matrices[0].inputs
            channels = pixels // images[0, 0].numel() * table.shape[1]
            held = (images, split.labels.contiguous(), pixels.to(torch.int32), table, channels.to(torch.int32))
            self._images[name] = Images(*map(pointer, held), images[0].numel()), held
        return self._images[name][0]

    def _rule(self) -> Rule:
        optimizer: Any = self.recipe.optimizer
        beta1, beta2 = getattr(optimizer, "betas", (0.0, 0.0))
        return Rule(
            adam=isinstance(optimizer, Adam),
            nesterov=getattr(optimizer, "nesterov", False),
            decoupled=getattr(optimizer, "decoupled", False),
            updates=self.updates,
            momentum=getattr(optimizer, "momentum", 0.0),
            beta1=beta1,
            beta2=beta2,
            eps=getattr(optimizer, "eps", 0.0),
            decay=optimizer.weight_decay,
        )
