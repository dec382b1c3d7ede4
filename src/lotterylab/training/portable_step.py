"""Steps of a chain of linear layers by torch's products alone, for machines without a C compiler.

There is no autograd, all weights are one row of numbers, and of a sparse layer only the kept ones exist.  Images are
columns: the values behind a layer are (units, images), which a matrix in compressed rows meets as they lie.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import nll_loss

from lotterylab.training.chain_layout import Layout, Matrix
from lotterylab.training.flat_step import FlatStepper, by_logits
from lotterylab.training.watch import Evaluation
from lotterylab.types import Checkpoint, Mask

SPARSE = 0.2  # of a layer: torch's products of denser matrices are faster whole
AT_ONCE = 500  # images that are evaluated together
BITS = {torch.float32: torch.int32, torch.float64: torch.int64}  # integers of the size of a number

_aten = torch.ops.aten
# the gradient before an activation, by the gradient dy and the value y behind it, and the slope of a leaky ReLU
BACK: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "relu": lambda dy, y, _: _aten.threshold_backward(dy, y, 0),
    "leaky_relu": lambda dy, y, slope: _aten.leaky_relu_backward(dy, y, slope, self_is_result=True),
    "softsign": lambda dy, y, _: dy * (1 - y.abs()).square(),
    "tanh": lambda dy, y, _: _aten.tanh_backward(dy, y),
    "sigmoid": lambda dy, y, _: _aten.sigmoid_backward(dy, y),
}
FORWARD: dict[str, Callable[[Tensor, float], Tensor]] = {
    "relu": lambda x, _: x.clamp_(min=0),
    "leaky_relu": lambda x, slope: torch.nn.functional.leaky_relu_(x, slope),
    "softsign": lambda x, _: torch.nn.functional.softsign(x),
    "tanh": lambda x, _: x.tanh_(),
    "sigmoid": lambda x, _: x.sigmoid_(),
}


class Product:
    """A ``Product`` is one layer: its matrix, whole or in compressed rows, whose numbers are those of the stepper.

    Args:
        matrix: how the layer is stored.
        weight, gradient: its numbers, views of those of all layers.
        bias, bias_gradient: those of its bias; None without one.
    """

    def __init__(
        self, matrix: Matrix, weight: Tensor, gradient: Tensor, bias: Tensor | None, bias_gradient: Tensor | None
    ) -> None:
        shape = matrix.rows, len(matrix.inputs)
        self._numbers, self._sparse = weight, matrix.start is not None
        self._bias = torch.zeros(matrix.rows, 1, dtype=weight.dtype) if bias is None else bias.view(-1, 1)
        self._bias_gradient = bias_gradient
        if matrix.start is None or matrix.col is None:
            self._weight, self._gradient = weight.view(shape), gradient.view(shape)
            self._bits = None if matrix.kept is None else -matrix.kept.to(BITS[weight.dtype]).view(shape)
            return
        self._weight = _csr(matrix.start, matrix.col, weight, shape)
        self._gradient = _csr(matrix.start, matrix.col, gradient, shape)
        order = torch.argsort(matrix.col, stable=True)  # the same numbers column by column
        rows = torch.repeat_interleave(torch.arange(matrix.rows), matrix.start.diff())[order]
        start = torch.zeros(shape[1] + 1, dtype=torch.int32)
        start[1:] = torch.bincount(matrix.col, minlength=shape[1]).cumsum(0)
        self._order = order
        self._turned = _csr(start, rows.to(torch.int32), weight[order], (shape[1], shape[0]))

    def forward(self, x: Tensor) -> Tensor:
        """Return the values behind the layer, (units, images), by those before it."""
        return torch.addmm(self._bias, self._weight, x)

    def learn(self, x: Tensor, dy: Tensor) -> None:
        """Set the gradients of weights and bias, by the values before the layer and the gradient behind it."""
        if self._bias_gradient is not None:
            torch.sum(dy, 1, out=self._bias_gradient)
        if self._sparse:
            torch.sparse.sampled_addmm(self._gradient, dy, x.t(), beta=0, out=self._gradient)
            return
        torch.mm(dy, x.t(), out=self._gradient)
        if self._bits is not None:
            self._gradient.view(self._bits.dtype).bitwise_and_(self._bits)  # +0.0 also of what is not finite

    def back(self, dy: Tensor) -> Tensor:
        """Return the gradient of the values before the layer, by that of those behind it."""
        if not self._sparse:
            return torch.mm(self._weight.t(), dy)
        torch.index_select(self._numbers, 0, self._order, out=self._turned.values())
        return torch.mm(self._turned, dy)


class PortableStepper(FlatStepper):
    """A ``PortableStepper`` is a ``FlatStepper`` of a chain that leaves each product to torch."""

    def _laid_out(self, begin: Checkpoint, mask: Mask) -> Layout:
        shapes = {name: tensor.shape for name, tensor in begin.state.items()}
        at_most = SPARSE if torch.backends.mkl.is_available() else -1.0  # other builds sample no product
        return Layout(self._links, shapes, mask, self._real, at_most=at_most)

    def _prepare(self) -> None:
        table, images = self._loader.meanings().to(self._real).contiguous(), self._loader.split("train").images
        self._table, self._inputs = table.flatten(), self._layout.matrices[0].inputs
        channels = (self._inputs // images[0, 0].numel() * table.shape[1]).view(-1, 1)
        self._channels = channels if images.shape[1] > 1 else None
        self._layers = [self._product(*named) for named in zip(self._links.layers, self._layout.matrices, strict=True)]

    def _product(self, name: str, matrix: Matrix) -> Product:
        def parts(kind: str) -> tuple[Tensor, Tensor]:
            return self._layout.part(self._params, f"{name}.{kind}"), self._layout.part(
                self._gradient, f"{name}.{kind}"
            )

        bias = parts("bias") if f"{name}.bias" in self._layout.firsts else (None, None)
        return Product(matrix, *parts("weight"), *bias)

    @torch.no_grad()
    def _advance(self, order: Tensor, rates: list[float], loss: float) -> tuple[float, int]:
        hits = 0
        split, names = self._loader.split("train"), self.recipe.optimizer.slot_names
        slots = {slot: {"": self._slots[slot]} for slot in names}
        for rate, images in zip(rates, order.split(self._loader.batch_size), strict=True):
            targets = split.labels[images]
            values = self._values(split.images.index_select(0, images))
            logits = values[-1].t().log_softmax(1)
            loss += float(nll_loss(logits, targets, reduction="sum"))
            hits += int((logits.argmax(1) == targets).sum())
            self._differentiate(values, logits, targets)
            self._gradient[self._layout.held] = 0.0
            step = self.updates
            self.recipe.optimizer.update_({"": self._params}, {"": self._gradient}, slots, lr=rate, step=step)
            self.updates += 1
        return loss, hits

    def _values(self, images: Tensor) -> list[Tensor]:
        """Return the pixels that are read and the values behind each layer, the logits last, each (units, images)."""
        raw = images.flatten(1).t().to(torch.int64, memory_format=torch.contiguous_format)
        if len(self._inputs) < len(raw):
            raw = raw.index_select(0, self._inputs)
        if self._channels is not None:
            raw += self._channels
        values = [self._table.index_select(0, raw.view(-1)).view(raw.shape)]  # faster than ``take``
        for place, layer in enumerate(self._layers):
            behind = layer.forward(values[-1])
            last = place + 1 == len(self._layers)
            values.append(behind if last else FORWARD[self._links.activation](behind, self._links.slope))
        return values

    def _differentiate(self, values: list[Tensor], logits: Tensor, targets: Tensor) -> None:
        """Set the gradient of the mean loss of a batch, by the logarithms of its probabilities, (images, classes)."""
        dy = logits.exp()
        dy[torch.arange(len(targets)), targets] -= 1
        dy = (dy / len(targets)).t().contiguous()
        for place in reversed(range(len(self._layers))):
            self._layers[place].learn(values[place], dy)
            if place:
                back = self._layers[place].back(dy)
                dy = BACK[self._links.activation](back, values[place], self._links.slope)

    @torch.no_grad()
    def score(self, name: str) -> Evaluation:
        """Evaluate the network on a split."""
        split = self._loader.split(name)
        logits = [self._values(images)[-1].t() for images in split.images.split(AT_ONCE)]
        self._loader.alive()
        return by_logits(split, torch.cat(logits))


def _csr(start: Tensor, col: Tensor, numbers: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return a matrix in compressed rows, whose numbers are those that are given, not a copy."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state", category=UserWarning)
        return torch.sparse_csr_tensor(start, col, numbers, size=shape, check_invariants=False)
