"""Random streams have names: their draws depend on the seed and the purpose, never on earlier draws."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy
    import torch

TORCH_SEED = 67280421310721  # torch's own seed in a new process


def key(seed: int, *names: str | int) -> int:
    """Return the 128-bit key of a stream, from the SHA-256 of the seed and the names.

    Each name is hashed with its type and length, so ``("a", "bc")`` and ``("ab", "c")`` differ.
    """
    digest = hashlib.sha256(f"lotterylab.rng/{seed:d}".encode())
    for name in names:
        part = f"{type(name).__name__}:{name}".encode()
        digest.update(len(part).to_bytes(8, "little") + part)
    return int.from_bytes(digest.digest()[:16], "little")


def stream(seed: int, *names: str | int) -> numpy.random.Generator:
    """Return a NumPy generator for one purpose, such as ``stream(seed, "order", epoch)``.

    It is Philox (Salmon et al., 2011) with a 128-bit key, and gives the same numbers on every platform.  torch's CPU
    generator keeps only 32 bits of its seed: of 10^5 streams, two would be equal with a probability above one half.

    Examples:
        >>> stream(0, "order", 3).permutation(5).tolist() == stream(0, "order", 3).permutation(5).tolist()
        True
    """
    import numpy

    return numpy.random.Generator(numpy.random.Philox(key=key(seed, *names)))


def rows(seed: int, *names: str | int, first: int, count: int, width: int) -> numpy.ndarray:
    """Return uniform draws in [0, 1), float64 ``(count, width)``, of an endless table: rows ``first`` and following.

    A row is a function of seed, names, ``width`` and its number alone, because Philox can start at any place.  Four
    draws are one step of Philox, so ``width`` is a multiple of 4.

    Examples:
        >>> whole, part = rows(0, "shapes", first=0, count=9, width=4), rows(0, "shapes", first=7, count=2, width=4)
        >>> bool((whole[7:] == part).all())
        True
    """
    import numpy

    steps, rest = divmod(width, 4)
    if rest:
        raise ValueError(f"width={width} is not a multiple of 4")
    bits = numpy.random.Philox(key=key(seed, *names), counter=first * steps)
    return numpy.random.Generator(bits).random((count, width))


@contextmanager
def draws(seed: int, *names: str | int, devices: Iterable[torch.device] = ()) -> Iterator[None]:
    """Seed the global generators of torch, NumPy and Python for one purpose in the block, and restore them afterwards.

    A module may draw from any of them (``nn.Dropout``, stochastic depth).  ``devices`` are the module's; each CUDA
    device has its own generator.  torch takes 63 bits of the key, NumPy 32.
    """
    import random

    import numpy
    import torch

    indices = sorted({device.index or 0 for device in devices if device.type == "cuda"})
    with generators_kept(), torch.random.fork_rng(devices=indices):
        number = key(seed, *names)
        for generator in (torch.default_generator, *(torch.cuda.default_generators[index] for index in indices)):
            generator.manual_seed(number & (2**63 - 1))  # torch.manual_seed would seed every other device too
        numpy.random.seed(number % 2**32)
        random.seed(number)
        yield


def seed_globals(seed: int, *names: str | int) -> None:
    """Seed every global generator (torch's on all devices, NumPy's, Python's) for one purpose, for a user's code."""
    import random

    import numpy
    import torch

    number = key(seed, *names)
    torch.manual_seed(number % 2**63)
    numpy.random.seed(number % 2**32)
    random.seed(number)


@contextmanager
def generators_of_a_new_process() -> Iterator[None]:
    """Reset every global CPU generator within the block, and restore their states afterwards.

    Unseeded draws of a user's module then depend on its own task alone, not on earlier tasks.
    """
    import random

    import numpy
    import torch

    with generators_kept():
        torch.default_generator.manual_seed(TORCH_SEED)
        numpy.random.seed(0)
        random.seed(0)
        yield


@contextmanager
def generators_kept() -> Iterator[None]:
    """Restore the states of every global CPU generator after the block."""
    import random

    import numpy
    import torch

    before = torch.default_generator.get_state(), numpy.random.get_state(legacy=False), random.getstate()
    try:
        yield
    finally:
        torch.default_generator.set_state(before[0])
        numpy.random.set_state(before[1])
        random.setstate(before[2])


def generator_as_it_is(value: object) -> Callable[[], object] | None:
    """Return a function that gives a generator of torch, NumPy or Python its present state; None for other values.

    Examples:
        >>> generator = stream(0, "noise")
        >>> restore = generator_as_it_is(generator)
        >>> first = generator.random()
        >>> _ = restore()
        >>> generator.random() == first
        True
    """
    import random

    import numpy
    import torch

    if isinstance(value, torch.Generator):
        return partial(value.set_state, value.get_state())
    if isinstance(value, random.Random):
        return partial(value.setstate, value.getstate())
    if isinstance(value, numpy.random.Generator):
        return partial(setattr, value.bit_generator, "state", value.bit_generator.state)
    if isinstance(value, numpy.random.RandomState):
        return partial(value.set_state, value.get_state(legacy=False))
    return None
