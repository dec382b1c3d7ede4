"""Initialisations have names, and draw each tensor of a state from a separate random stream.

fan_in and fan_out follow ``torch.nn.init``: dimensions 1 and 0 of the weight times the receptive field.  A transposed
convolution, whose weight is stored as (in, out / groups, ...), thus has the fans of the convolution that it transposes.
Biases are 0 by default.  He's two initialisations include the gain of a ReLU, sqrt(2); the others have no gain for any
activation.  Normal distributions are not truncated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from lotterylab.errors import UsageError, unknown
from lotterylab.network import state_of
from lotterylab.types import State
from lotterylab.weights import prunable_kinds

if TYPE_CHECKING:
    import numpy
    from torch import Tensor, nn

Stream = Callable[[str], "numpy.random.Generator"]  # tensor name -> its generator
Scale = Callable[[int, int], float]  # (fan_in, fan_out) -> half-width, standard deviation or gain
OWN = "own"  # the state that the module's constructor makes


@dataclass(frozen=True, kw_only=True)
class Initialisation:
    """An ``Initialisation`` draws weights by ``draw(generator, shape, scale(fan_in, fan_out))``, biases U[-bias, bias].

    ``papers`` are the keys of its sources.
    """

    draw: Callable[[numpy.random.Generator, tuple[int, ...], float], Any]
    scale: Scale
    bias: Scale = lambda fan_in, fan_out: 0.0
    papers: tuple[str, ...] = ()


GLOROT, HE, LECUN = ("glorot2010understanding",), ("he2015delving",), ("lecun1998efficient",)


def uniform(generator: numpy.random.Generator, shape: tuple[int, ...], half_width: float) -> Any:
    """Draw from U[-half_width, half_width], in float64."""
    return generator.uniform(-half_width, half_width, shape)


def normal(generator: numpy.random.Generator, shape: tuple[int, ...], deviation: float) -> Any:
    """Draw from N(0, deviation^2), in float64."""
    return generator.normal(0.0, deviation, shape)


def orthogonal(generator: numpy.random.Generator, shape: tuple[int, ...], gain: float) -> Any:
    """Draw ``gain`` times a uniform matrix with orthonormal rows, or columns if they are fewer.

    The matrix has shape (dimension 0, all others) [saxe2014exact, sec. 3].  It is Q of the QR decomposition of a
    Gaussian matrix, with the signs that make R's diagonal positive [mezzadri2007generate].  torch computes it in
    float64, because a result's facts record torch's version.
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


def unknown_init(word: str, known: Iterable[str]) -> UsageError:
    """Return the error for an initialisation that is not known; torch calls two families by other names."""
    error = unknown("initialisation", word, known)
    if any(family in word.lower() for family in ("xavier", "kaiming")):
        return UsageError(f"{error} Xavier's is glorot here, and Kaiming's is he.", option=error.option)
    return error


def named_init(module: nn.Module, init: str, stream: Stream) -> State:
    """Return a state for ``module`` with Conv and Linear layers drawn by ``init``, and all else as it was built.

    ``stream(name)`` gives the generator of a tensor, so two models that share a layer's name and shape share its
    weights.  A tied weight is drawn once, for the layer of its first name.  ``init="own"`` draws nothing.
    """
    import torch
    from torch import nn

    if init == OWN:
        return state_of(module)
    if init not in INITS:
        raise unknown_init(init, INITS)
    initialisation, kinds = INITS[init], prunable_kinds()
    state = state_of(module)

    def put(name: str, drawn: Any) -> None:
        state[name] = torch.from_numpy(drawn).to(state[name].dtype)

    for prefix, layer in module.named_modules():
        if not isinstance(layer, kinds):
            continue
        tensor = cast("Tensor", layer.weight)
        fans = nn.init._calculate_fan_in_and_fan_out(tensor)
        weight, bias = (f"{prefix}.{part}" if prefix else part for part in ("weight", "bias"))
        if weight in state:
            put(weight, initialisation.draw(stream(weight), tuple(tensor.shape), initialisation.scale(*fans)))
        if bias in state:
            put(bias, uniform(stream(bias), tuple(state[bias].shape), initialisation.bias(*fans)))
    return state


def seeded(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """Return ``build()``, called with torch's global CPU generator seeded; the generator is restored afterwards.

    The generator takes 64 bits of ``seed`` and keeps 32.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed % 2**64)
        return build()


def dropout_keys(module: nn.Module, state: State, stream: Stream) -> State:
    """Return ``state`` with a new key for each of the module's ``Dropout`` layers."""
    from lotterylab.models.dropout import Dropout, draw_key

    keys = [f"{prefix}.key" if prefix else "key" for prefix, m in module.named_modules() if isinstance(m, Dropout)]
    return State({**state, **{name: draw_key(stream(name)) for name in keys}})
