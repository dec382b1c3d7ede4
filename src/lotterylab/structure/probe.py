"""Probing: on which output channels of other layers each input channel of a layer depends."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from lotterylab.errors import UsageError
from lotterylab.structure.layers import Layer, layers_of

if TYPE_CHECKING:
    import numpy
    from torch import Tensor, nn

INPUT, OUTPUT = "the network's input", "the network's output"
SAMPLES = 32  # of a probe; half of them tell the bits of a channel's number
LOW, HIGH = 0.05, 0.15  # of the random outputs: where no usual activation is flat


class Edge(NamedTuple):
    """Output channels ``outs`` of ``source`` that reach the input channels ``ins`` of ``reader``, pair by pair."""

    source: str
    outs: numpy.ndarray
    reader: str
    ins: numpy.ndarray


@dataclass(frozen=True, kw_only=True)
class Probed:
    """The result of a probe.

    Args:
        layers: in the order of their calls.
        outputs: the number of output channels by layer, and by ``INPUT``.
        inputs: the number of input channels by layer, and by ``OUTPUT``.
        edges: the dependencies.
    """

    layers: tuple[Layer, ...]
    outputs: Mapping[str, int]
    inputs: Mapping[str, int]
    edges: tuple[Edge, ...]


def probe(module: nn.Module, shape: tuple[int, ...]) -> Probed:
    """Run a copy of the module with random numbers in the place of each layer's output, and follow the gradients.

    Raises:
        UsageError: the module cannot be followed.
    """
    import torch

    layers = layers_of(module)
    copied = copy.deepcopy(module).cpu().float().eval()
    for parameter in copied.parameters():
        parameter.requires_grad_()
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.default_generator.manual_seed(0)  # a GPU's generator stays as it is
        inputs, outputs = _run(copied, layers, shape, lambda size: LOW + (HIGH - LOW) * torch.rand(size))
        _check_parameters(copied, inputs)
        edges = tuple(edge for name, tensor in inputs.items() for edge in _edges(name, tensor, outputs))
    return Probed(
        layers=tuple(layers[name] for name in inputs if name != OUTPUT),
        outputs={name: leaf.shape[1] for name, leaf in outputs.items()},
        inputs={name: tensor.shape[1] for name, tensor in inputs.items()},
        edges=edges,
    )


def _run(
    module: nn.Module, layers: Mapping[str, Layer], shape: tuple[int, ...], make: Callable[[Any], Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the input of each layer and what stood for its output, made by ``make``, in the order of the calls."""
    import torch

    inputs: dict[str, Tensor] = {}
    outputs = {INPUT: make((SAMPLES, *shape)).requires_grad_()}

    def stand_in(name: str, forward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        def run(x: Tensor) -> Tensor:
            if name in inputs:
                _refuse(f"'{name}' is called more than once in a forward pass")
            if len(x) != SAMPLES or x.dim() < 2 or (x.dim() > 2 and layers[name].kind == "Linear"):
                _refuse(f"the input of '{name}' has the shape {tuple(x.shape)} for a batch of {SAMPLES}")
            inputs[name] = x
            with torch.no_grad():
                size = forward(x[:1].detach()).shape[1:]
            outputs[name] = make((SAMPLES, *size)).requires_grad_()
            return outputs[name]

        return run

    named = {name: module.get_submodule(name) for name in layers}
    before = {name: layer.forward for name, layer in named.items()}
    for name, layer in named.items():
        layer.forward = stand_in(name, before[name])
    try:
        result = module(outputs[INPUT])
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(f"the network fails on inputs of shape {(SAMPLES, *shape)}: {error}") from error
    finally:
        for name, layer in named.items():
            layer.forward = before[name]
    if not isinstance(result, torch.Tensor) or result.dim() < 2 or len(result) != SAMPLES:
        _refuse(
            f"it returns {getattr(result, 'shape', type(result).__name__)} for a batch of {SAMPLES}, and not (B, K)"
        )
    return {**inputs, OUTPUT: result}, outputs


def _edges(reader: str, tensor: Tensor, outputs: Mapping[str, Tensor]) -> Iterator[Edge]:
    """Yield the channels on which a reader's input depends.

    Sums over the channels whose number has a bit, and over the others, tell it in one backward pass where a channel
    reaches one channel of the reader; the transposed pass where it reaches several, and each of them is reached by one
    (flattening); one sum a channel tells the rest.
    """
    import torch

    if not tensor.requires_grad:
        return
    left = []
    for source, hit in _hits(tensor, _codes(tensor.shape[1]), outputs).items():
        if (ins := _decoded(hit)) is not None:
            outs = torch.arange(len(ins))
        elif (spread := _spread(tensor, outputs[source])) is not None and (outs := _decoded(spread)) is not None:
            ins = torch.arange(len(outs))
        else:
            left.append(source)
            continue
        used = (ins >= 0) & (outs >= 0)
        yield from _edge(source, outs[used], reader, ins[used])
    for source in left:
        every = torch.eye(tensor.shape[1], dtype=torch.bool)
        ins, outs = _hits(tensor, every, {source: outputs[source]})[source].nonzero().unbind(1)
        yield from _edge(source, outs, reader, ins)


def _codes(channels: int) -> Tensor:
    """Return the bits of the channels' numbers, and their complements: bool (2 bits, C)."""
    import torch

    number = torch.arange(channels)
    code = torch.stack([number >> bit & 1 for bit in range(max(1, (channels - 1).bit_length()))]).bool()
    return torch.cat([code, ~code])


def _decoded(hit: Tensor) -> Tensor | None:
    """Return the number that each column of (2 bits, C) tells, -1 for none; None if one tells several numbers."""
    ones, zeros = hit.chunk(2)
    used = (ones | zeros).any(0)
    if not bool((ones ^ zeros)[:, used].all()):
        return None
    return sum((ones[bit].long() << bit for bit in range(len(ones))), used.long() * 0).masked_fill(~used, -1)


def _edge(source: str, outs: Tensor, reader: str, ins: Tensor) -> Iterator[Edge]:
    """Yield an edge that has channels.

    Raises:
        UsageError: an input channel of a layer depends on several channels of the source.
    """
    if reader != OUTPUT and source != INPUT and len(ins.unique()) < len(ins):
        _refuse(f"an input channel of '{reader}' depends on several output channels of '{source}'")
    if len(ins):
        yield Edge(source, outs.numpy(), reader, ins.numpy())


def _hits(tensor: Tensor, rows: Tensor, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return, by source, on which of its channels the reader's channels in each row depend: bool (rows, C)."""
    import torch

    hits: dict[str, list[Tensor]] = {}
    for some in rows.split(SAMPLES):
        weights = _by_sample(some, tensor)
        slopes = torch.autograd.grad(tensor, list(outputs.values()), weights, retain_graph=True, allow_unused=True)
        for source, slope in zip(outputs, slopes, strict=True):
            if slope is not None:
                hits.setdefault(source, []).append(_touched(slope, len(some)))
    return {source: torch.cat(touched) for source, touched in hits.items()}


def _spread(tensor: Tensor, leaf: Tensor) -> Tensor | None:
    """Return which of the reader's channels depend on channels of a source, by their codes: bool (2 bits, C).

    None where a step in between has no second derivative in torch.
    """
    import torch

    rows = _codes(leaf.shape[1])
    weights = torch.zeros_like(tensor, requires_grad=True)
    try:
        (slope,) = torch.autograd.grad(tensor, leaf, weights, create_graph=True)
        (spread,) = torch.autograd.grad(slope, weights, _by_sample(rows, leaf))
    except RuntimeError:
        return None
    return _touched(spread, len(rows))


def _by_sample(rows: Tensor, like: Tensor) -> Tensor:
    """Return random positive weights of the channels in each row, one row a sample."""
    import torch

    chosen = torch.zeros(like.shape[:2])
    chosen[: len(rows)] = rows.float()
    return chosen.reshape(*chosen.shape, *[1] * (like.dim() - 2)) * (0.5 + torch.rand(like.shape))


def _touched(slope: Tensor, rows: int) -> Tensor:
    return slope.ne(0).reshape(*slope.shape[:2], -1).any(2)[:rows]


def _check_parameters(module: nn.Module, inputs: Mapping[str, Tensor]) -> None:
    """Refuse parameters that are used outside the layers; one of a single number has no channels."""
    import torch

    found = [tensor for tensor in inputs.values() if tensor.requires_grad]
    named = dict(module.named_parameters())
    if not found or not named:
        return
    weights = [torch.ones_like(tensor) for tensor in found]
    slopes = torch.autograd.grad(found, list(named.values()), weights, retain_graph=True, allow_unused=True)
    for (name, parameter), slope in zip(named.items(), slopes, strict=True):
        if slope is not None and parameter.numel() > 1:
            _refuse(f"'{name}' is used outside convolutions, linear layers and batch norms")


def _refuse(why: str) -> NoReturn:
    raise UsageError(f"the channels of this network cannot be followed: {why}.")
