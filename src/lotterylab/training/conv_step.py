"""Steps of convolutions in front of linear layers, computed by the kernel of ``kernels/conv.c``.

Pruned weights cost nothing.  Its numbers are those of ``training.step`` up to rounding, so that the kernel is a fact of
the result ("path").
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from lotterylab.kernels.build import Library
from lotterylab.kernels.links import Block, Links
from lotterylab.kernels.structs import Conv, Net, pointer, pointer_to
from lotterylab.training.chain_layout import Layout
from lotterylab.training.chain_step import ChainStepper, by_logits
from lotterylab.training.conv_layout import Kernel
from lotterylab.training.losses import ScalesL1
from lotterylab.training.watch import Evaluation, Means
from lotterylab.types import Batch, Checkpoint, Mask, State

if TYPE_CHECKING:
    from lotterylab.data.loader import Loader
    from lotterylab.training.recipe import Recipe

FEW = 64  # image points, at the most, of which a whole kernel sums the gradients of all tiles together
RUNNING = ("running_mean", "running_var", "num_batches_tracked")


class ConvStepper(ChainStepper):
    """A ``ConvStepper`` trains convolutions with a chain behind them, one batch a call.

    Args:
        library: the compiled kernel.
        links: the network.
        recipe: its optimizer and batch size.
        begin: where the training begins; pruned weights and their optimizer state are 0.
        mask: the mask; a weight that it does not name is kept whole.
        loader: the images and their order.
    """

    def __init__(
        self,
        library: Library,
        links: Links,
        recipe: Recipe,
        begin: Checkpoint,
        mask: Mask,
        loader: Loader,
    ) -> None:
        self._names = tuple(begin.state)
        loss = recipe.loss
        self._scales_weight = loss.weight if isinstance(loss, ScalesL1) else 0.0
        self._lanes = library.lanes
        super().__init__(library, links, recipe, begin, mask, loader)

    def _arrange(self, begin: Checkpoint, mask: Mask) -> None:
        running = {name: tensor for name, tensor in begin.state.items() if name.rpartition(".")[2] in RUNNING}
        self._running = {
            name: tensor.clone() if tensor.dtype == torch.int64 else tensor.to(self._real, copy=True)
            for name, tensor in running.items()
        }
        super()._arrange(begin, mask)
        lanes = self._lanes
        self._tiles_of_a_batch = -(-self._loader.batch_size // lanes)
        self._held: list[Tensor] = []
        convs = self._convs(lanes)
        self._net = Net(
            convs=len(convs),
            conv=(Conv * len(convs))(*convs),
            chain=ctypes.pointer(self._chain),
            tiles=self._tiles_of_a_batch,
            features=self._layout.units[0],
            room=pointer(self._room(max(map(self._scratch, self._layout.kernels)), lanes)),
            scales=self._scales_weight,
        )

    def _laid_out(self, begin: Checkpoint, mask: Mask) -> Layout:
        shapes = {name: tensor.shape for name, tensor in begin.state.items() if name not in self._running}
        image = self._loader.dataset.train.images.shape[2:]
        return Layout(self._links, shapes, mask, self._real, image=(image[0], image[1]))

    def _room(self, *shape: int) -> Tensor:
        """Return zeros that live as long as the stepper."""
        self._held.append(torch.zeros(shape, dtype=self._real))
        return self._held[-1]

    def _scratch(self, kernel: Kernel) -> int:
        """Return the vectors that the kernel needs beside those of the network."""
        sides = (ctypes.c_int64(kernel.size.channels), ctypes.c_int64(len(kernel.start) - 1))
        return self._functions.lotterylab_patches_room(*sides) if kernel.patches else 0

    def _convs(self, lanes: int) -> list[Conv]:
        """Return what the kernel is told of each convolution, with the buffers between them."""
        kernels, tiles = self._layout.kernels, self._tiles_of_a_batch
        inputs = [
            self._room(tiles, size.channels, size.high + 2 * size.pad, size.wide + 2 * size.pad, lanes)
            for size in (kernel.size for kernel in kernels)
        ]
        slopes = [self._room(tiles, k.size.channels, k.size.high, k.size.wide, lanes) for k in kernels[1:]]
        ends = [self._room(tiles, self._layout.units[0], lanes) for _ in range(2)]
        told = []
        for place, (block, kernel, following) in enumerate(
            zip_longest(self._links.blocks, kernels, kernels[1:], fillvalue=None)
        ):
            assert block and kernel
            told.append(
                Conv(
                    **self._sizes(block, kernel),
                    **self._lists(kernel),
                    **self._norm(block),
                    **self._buffers(block, kernel, lanes),
                    x=pointer(inputs[place]),
                    z=pointer(inputs[place + 1] if following else ends[0]),
                    dz=pointer(slopes[place] if following else ends[1]),
                    dx=pointer(slopes[place - 1]) if place else None,
                    z_pad=following.size.pad if following else 0,
                )
            )
        return told

    def _sizes(self, block: Block, kernel: Kernel) -> dict[str, int]:
        size, firsts = kernel.size, self._layout.firsts
        return {
            "in": size.channels,
            "out": len(kernel.start) - 1,
            "high": size.high,
            "wide": size.wide,
            "size": size.kernel,
            "pad": size.pad,
            "rim": size.rim,
            "first": firsts[f"{block.conv}.weight"],
            "bias": firsts.get(f"{block.conv}.bias", -1),
            "whole": kernel.whole,
            "act": block.act,
            "pool": block.pool,
        }

    def _lists(self, kernel: Kernel) -> dict[str, ctypes.c_void_p | None]:
        names = ("start", "at", "back_start", "back_at", "back_from")
        return {**{name: pointer(getattr(kernel, name)) for name in names}, "kept": pointer_to(kernel.kept)}

    def _norm(self, block: Block) -> dict[str, object]:
        if block.norm is None:
            return {"norm": 0}
        firsts = self._layout.firsts
        return {
            "norm": 1,
            "scale": firsts[f"{block.norm}.weight"],
            "shift": firsts[f"{block.norm}.bias"],
            "eps": block.eps,
            "momentum": block.momentum,
            "mean": pointer(self._running[f"{block.norm}.running_mean"]),
            "var": pointer(self._running[f"{block.norm}.running_var"]),
        }

    def _buffers(self, block: Block, kernel: Kernel, lanes: int) -> dict[str, ctypes.c_void_p | int]:
        (high, wide), out, rim = kernel.size.after, len(kernel.start) - 1, 2 * kernel.size.rim
        together = kernel.patches or (kernel.whole and high * wide <= FEW)
        in_y = kernel.patches or block.norm
        pooled = (out, high // 2, wide // 2) if block.pool else (0,)
        best = torch.zeros(self._tiles_of_a_batch, *pooled, lanes, dtype=torch.uint8)
        self._held.append(best)
        return {
            "y": pointer(self._room(self._tiles_of_a_batch if in_y else 1, out, high, wide, lanes)),
            "best": pointer(best),
            "patches": kernel.patches,
            "together": together,
            "dy": pointer(self._room(self._tiles_of_a_batch if together else 1, out, high + rim, wide + rim, lanes)),
            "back": pointer(self._room(len(kernel.places))),
            "stats": pointer(self._room(4, out)),
        }

    def run(
        self, step: int, end: int, rate: Callable[[int], float], means: Means, every: int | None
    ) -> Iterator[tuple[int, Batch, Tensor]]:
        """Train from a step to the end of its epoch, or to ``end``.

        Yields:
            The number of steps so far, the batch, and its loss before the update.
        """
        epoch, within = divmod(step, self._loader.steps_per_epoch)
        for batch in self._loader.batches(epoch, start=within):
            loss = self._learn(batch, rate(step), means)
            step += 1
            yield step, batch, loss
            if step == end:
                return

    def _learn(self, batch: Batch, rate: float, means: Means) -> Tensor:
        """Make one step; return its loss before the update."""
        loss, hits, labels = ctypes.c_double(0.0), ctypes.c_int64(0), batch.targets
        images, added = self._points(cast(Tensor, batch.inputs)), self._added_loss()
        self._functions.lotterylab_conv_train(
            ctypes.byref(self._net),
            ctypes.byref(self._rule()),
            pointer(images),
            pointer(labels),
            ctypes.c_int64(len(labels)),
            ctypes.c_double(rate),
            ctypes.byref(loss),
            ctypes.byref(hits),
        )
        self.updates += 1
        for name, tensor in self._running.items():
            if name.endswith(RUNNING[-1]):
                tensor += 1
        whole = loss.value + added * len(labels)
        means.add_sums(whole, hits.value, len(labels))
        return torch.tensor(whole / len(labels))

    def _added_loss(self) -> float:
        """Return what ``ScalesL1`` adds to the loss."""
        if not self._scales_weight:
            return 0.0
        norms = (block.norm for block in self._links.blocks if block.norm)
        scales = (self._layout.part(self._params, f"{norm}.weight") for norm in norms)
        return self._scales_weight * sum(float(scale.abs().sum()) for scale in scales)

    def _points(self, inputs: Tensor) -> Tensor:
        """Return images (B, C, H, W) as the kernel reads them, (B, H, W, C)."""
        return inputs.permute(0, 2, 3, 1).to(self._real).contiguous()

    def score(self, name: str) -> Evaluation:
        """Evaluate the network on a split."""
        split, logits = self._loader.split(name), []
        for batch in self._loader.evaluation_batches(name):
            images = self._points(cast(Tensor, batch.inputs))
            logits.append(torch.empty(len(images), self._layout.units[-1], dtype=self._real))
            self._functions.lotterylab_conv_logits(
                ctypes.byref(self._net), pointer(images), ctypes.c_int64(len(images)), pointer(logits[-1])
            )
        return by_logits(split, torch.cat(logits))

    @property
    def state(self) -> State:
        """The state in the shapes of the network, a copy."""
        whole = {**self._layout.whole(self._params), **{name: one.clone() for name, one in self._running.items()}}
        return cast(State, {name: whole[name] for name in self._names})
