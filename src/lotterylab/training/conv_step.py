"""Steps of convolutions in front of linear layers, computed by the kernel of ``kernels/conv.c``.

Pruned weights cost nothing.  Its numbers are those of ``training.step`` up to rounding, so that the kernel is a fact of
the result ("path").
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from lotterylab.errors import UsageError
from lotterylab.kernels.build import Library
from lotterylab.kernels.links import Block, Links
from lotterylab.kernels.structs import Conv, Net, pointer, pointer_to
from lotterylab.training.chain_layout import Layout
from lotterylab.training.chain_step import ChainStepper
from lotterylab.training.conv_layout import Kernel
from lotterylab.training.flat_step import by_logits
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
        self._check_features()
        self._tiles_of_a_batch = -(-self._loader.batch_size // lanes)
        self._held: list[Tensor] = []
        convs = self._convs(lanes)
        self._net = Net(
            convs=len(convs),
            conv=(Conv * len(convs))(*convs),
            chain=ctypes.pointer(self._chain),
            tiles=self._tiles_of_a_batch,
            features=self._layout.units[0],
            points=self._points_of_a_feature(),
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
        links, kernels, tiles = self._links, self._layout.kernels, self._tiles_of_a_batch
        first, rooms = kernels[0].size, {place: 2 * links.room(place) for place in range(-1, len(kernels))}
        sizes = {-1: (first.channels, first.high, first.wide)}
        sizes |= {place: (len(kernel.start) - 1, *kernel.size.values) for place, kernel in enumerate(kernels)}
        values = {
            place: self._room(tiles, channels, high + rooms[place], wide + rooms[place], lanes)
            for place, (channels, high, wide) in sizes.items()
        }
        slopes: dict[int, Tensor | None] = {place: self._room(tiles, *size, lanes) for place, size in sizes.items()}
        slopes[-1] = None  # nothing learns from the gradient of pixels
        told = []
        for place, (block, kernel, (plus_adds, adds)) in enumerate(
            zip(links.blocks, kernels, links.adds(), strict=True)
        ):
            source, plus = links.source(place), block.plus
            conv = Conv(
                **self._sizes(block, kernel),
                **self._lists(kernel),
                **self._norm(block),
                **self._buffers(block, kernel, lanes),
                x=pointer(values[source]),
                z=pointer(values[place]),
                dz=pointer_to(slopes[place]),
                dx=pointer_to(slopes[source]),
                adds=adds,
                z_pad=links.room(place),
            )
            if plus is not None:
                conv.plus, conv.plus_dx, conv.plus_adds = pointer(values[plus]), pointer_to(slopes[plus]), plus_adds
                conv.plus_channels, conv.plus_high, conv.plus_wide = sizes[plus]
                conv.plus_pad, conv.plus_every = links.room(plus), -(-sizes[plus][1] // sizes[place][1])
            told.append(conv)
        return told

    def _check_features(self) -> None:
        """Refuse a network whose linear layers read another number of values than its convolutions give."""
        last, read = self._layout.kernels[-1], self._layout.units[0]
        given = (len(last.start) - 1) * (1 if self._links.mean else math.prod(last.size.values))
        if given != read:
            first = self._loader.dataset.train.images
            raise UsageError(
                f"Layer '{self._links.layers[0]}' reads {read} values; on images of shape {tuple(first.shape[1:])} the "
                f"convolutions give {given}. Give the model the shape of the data."
            )

    def _points_of_a_feature(self) -> int:
        """Return of how many values of the last block the layers read the mean."""
        return math.prod(self._layout.kernels[-1].size.values) if self._links.mean else 1

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
            "stride": size.stride,
            "room": size.room,
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
        (high, wide), out = kernel.size.after, len(kernel.start) - 1
        together = kernel.patches or (kernel.whole and high * wide <= FEW)
        in_y = kernel.patches or block.norm
        pooled = (out, *kernel.size.values) if block.pool else (0,)
        best = torch.zeros(self._tiles_of_a_batch, *pooled, lanes, dtype=torch.uint8)
        self._held.append(best)
        return {
            "y": pointer(self._room(self._tiles_of_a_batch if in_y else 1, out, high, wide, lanes)),
            "best": pointer(best),
            "patches": kernel.patches,
            "together": together,
            "dy": pointer(self._room(self._tiles_of_a_batch if together else 1, out, *kernel.size.edges, lanes)),
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

    def take(self, state: State) -> None:
        """Go on with another state, in which the same weights are pruned."""
        super().take(state)
        for name, tensor in self._running.items():
            tensor.copy_(state[name])

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
