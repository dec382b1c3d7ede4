"""Initialisations by name.  Each draws a whole state, every tensor from a random stream of its own.

fan_in and fan_out are those of ``torch.nn.init``: dimensions 1 and 0 of the weight times the receptive field.  (For a
transposed convolution, whose weight is stored as (in, out / groups, ...), they are therefore those of the convolution
that it transposes.)  Biases are 0 unless said.  The gain of a ReLU, sqrt(2), is part of He's two; no other one has a
gain, whatever the activation.  Normal distributions are not truncated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from lotterylab.errors import unknown
from lotterylab.network import prunable_kinds, state_of
from lotterylab.types import State

if TYPE_CHECKING:
    import numpy
    from torch import Tensor, nn

Stream = Callable[[str], "numpy.random.Generator"]  # of one tensor, by its name
Scale = Callable[[int, int], float]  # (fan_in, fan_out) -> half-width, standard deviation or gain
OWN = "own"  # the state that the module's constructor makes


@dataclass(frozen=True, kw_only=True)
class Initialisation:
    """``draw(generator, shape, scale(fan_in, fan_out))`` gives a weight; biases are U[-bias, bias].

    ``papers``: the keys of the works that it is from.
    """

    draw: Callable[[numpy.random.Generator, tuple[int, ...], float], Any]
    scale: Scale
    bias: Scale = lambda fan_in, fan_out: 0.0
    papers: tuple[str, ...] = ()


GLOROT, HE, LECUN = ("glorot2010understanding",), ("he2015delving",), ("lecun1998efficient",)


def uniform(generator: numpy.random.Generator, shape: tuple[int, ...], half_width: float) -> Any:
    """U[-half_width, half_width], float64."""
    return generator.uniform(-half_width, half_width, shape)


def normal(generator: numpy.random.Generator, shape: tuple[int, ...], deviation: float) -> Any:
    """N(0, deviation^2), float64."""
    return generator.normal(0.0, deviation, shape)


def orthogonal(generator: numpy.random.Generator, shape: tuple[int, ...], gain: float) -> Any:
    """W of shape (dimension 0, all others), uniform among those with orthonormal rows, or columns if these are fewer,
    times ``gain``.   [saxe2014exact, sec. 3]

    Q of the QR decomposition of a Gaussian matrix, with the signs that make R's diagonal positive
    [mezzadri2007generate].  In float64 by torch, so that its bits depend on what a result's facts record.
    """
    import torch

    rows, columns = shape[0], math.prod(shape[1:])
    gaussian = torch.from_numpy(generator.normal(0.0, 1.0, (max(rows, columns), min(rows, columns))))
    q, r = torch.linalg.qr(gaussian)
    q = gain * q * torch.where(r.diagonal() < 0, -1.0, 1.0)
    return (q if rows >= columns else q.T).reshape(shape).numpy()


def _inverse_root(fan_in: int, fan_out: int) -> float:
    return 1 / math.sqrt(fan_in)


INITS: dict[str, Initialisation] = {
    # U[-1/sqrt(fan_in), 1/sqrt(fan_in)] for weights and biases: what nn.Linear and nn.Conv2d do
    "pytorch": Initialisation(draw=uniform, scale=_inverse_root, bias=_inverse_root),
    # eq. 1, the "commonly used heuristic": the same weights, biases 0
    "glorot-heuristic": Initialisation(draw=uniform, scale=_inverse_root, papers=GLOROT),
    # eq. 16
    "glorot-normalized": Initialisation(draw=uniform, scale=lambda i, o: math.sqrt(6 / (i + o)), papers=GLOROT),
    # the variance of eq. 16 (its eq. 12), as a normal distribution
    "glorot-normal": Initialisation(draw=normal, scale=lambda i, o: math.sqrt(2 / (i + o)), papers=GLOROT),
    # eq. 10: fan_in, not fan_out; ReLU's gain included
    "he-normal": Initialisation(draw=normal, scale=lambda i, o: math.sqrt(2 / i), papers=HE),
    # the same variance, 2 / fan_in
    "he-uniform": Initialisation(draw=uniform, scale=lambda i, o: math.sqrt(6 / i), papers=HE),
    # variance 1 / fan_in, sec. 4.6, eq. 16
    "lecun-normal": Initialisation(draw=normal, scale=_inverse_root, papers=LECUN),
    "lecun-uniform": Initialisation(draw=uniform, scale=lambda i, o: math.sqrt(3 / i), papers=LECUN),
    "orthogonal": Initialisation(
        draw=orthogonal, scale=lambda i, o: 1.0, papers=("saxe2014exact", "mezzadri2007generate")
    ),
}


def named_init(module: nn.Module, init: str, stream: Stream) -> State:
    """A state for ``module``: Conv and Linear layers drawn by ``init``, all else as the module was built.

    ``stream(name)`` gives the generator of one tensor, so that two models that share a layer's name and shape share
    its weights.  A tied weight is drawn once, for the layer that has its first name.  ``init="own"`` draws nothing.
    """
    import torch
    from torch import nn

    if init == OWN:
        return state_of(module)
    if init not in INITS:
        raise unknown("initialisation", init, INITS)
    kind, layers = INITS[init], prunable_kinds()
    state = state_of(module)

    def put(name: str, drawn: Any) -> None:
        state[name] = torch.from_numpy(drawn).to(state[name].dtype)

    for prefix, layer in module.named_modules():
        if not isinstance(layer, layers):
            continue
        tensor = cast("Tensor", layer.weight)
        fans = nn.init._calculate_fan_in_and_fan_out(tensor)
        weight, bias = (f"{prefix}.{part}" if prefix else part for part in ("weight", "bias"))
        if weight in state:
            put(weight, kind.draw(stream(weight), tuple(tensor.shape), kind.scale(*fans)))
        if bias in state:
            put(bias, uniform(stream(bias), tuple(state[bias].shape), kind.bias(*fans)))
    return state


def seeded(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """``build()`` while torch's global generator of the CPU is seeded, which is put back as it was.

    Of ``seed``, the generator takes 64 bits and keeps 32.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed % 2**64)
        return build()


def dropout_keys(module: nn.Module, state: State, stream: Stream) -> State:
    """``state`` with a key drawn for each of the module's ``Dropout`` layers."""
    from lotterylab.models.dropout import Dropout, draw_key

    keys = [f"{prefix}.key" if prefix else "key" for prefix, m in module.named_modules() if isinstance(m, Dropout)]
    return State({**state, **{name: draw_key(stream(name)) for name in keys}})
