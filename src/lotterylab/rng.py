"""Random streams by name: what is drawn depends on the seed and the purpose, never on what was drawn before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy
    import torch

TORCH_SEED = 67280421310721  # of torch's generators in a new process


def key(seed: int, *names: str | int) -> int:
    """The 128-bit key of a stream: SHA-256 of the seed and the names, each with its length, so that
    ``("a", "bc")`` and ``("ab", "c")`` differ."""
    digest = hashlib.sha256(f"lotterylab.rng/{seed:d}".encode())
    for name in names:
        part = f"{type(name).__name__}:{name}".encode()
        digest.update(len(part).to_bytes(8, "little") + part)
    return int.from_bytes(digest.digest()[:16], "little")


def stream(seed: int, *names: str | int) -> numpy.random.Generator:
    """A generator for one purpose: ``stream(seed, "order", epoch)``.

    Philox (Salmon et al., 2011) with a 128-bit key.  NumPy's and not torch's, because torch's CPU generator
    keeps only 32 bits of its seed: among 10^5 streams two would share one with probability above one half.
    The same numbers on every platform and device; the caller moves them to where they are used.
    """
    import numpy

    return numpy.random.Generator(numpy.random.Philox(key=key(seed, *names)))


@contextmanager
def torch_draws(seed: int, *names: str | int, devices: Iterable[torch.device] = ()) -> Iterator[None]:
    """Let torch's global generators draw for one purpose within the block, and give them back as they were.

    For modules that draw from them as they are run, such as ``nn.Dropout``.  ``devices``: where the module is; those
    that are CUDA's have a generator each.  Here 63 bits of the key are all that torch takes.
    """
    import torch

    indices = sorted({device.index or 0 for device in devices if device.type == "cuda"})
    with torch.random.fork_rng(devices=indices):
        number = key(seed, *names) & (2**63 - 1)
        for generator in (torch.default_generator, *(torch.cuda.default_generators[index] for index in indices)):
            generator.manual_seed(number)  # these alone: torch.manual_seed would seed every other device too
        yield


def seed_globals(seed: int, *names: str | int) -> None:
    """Seed every global generator (torch's on all devices, NumPy's, Python's) for one purpose.

    For what a user's own code draws; nothing of ours draws from them unseeded.
    """
    import random

    import numpy
    import torch

    number = key(seed, *names)
    torch.manual_seed(number % 2**63)
    numpy.random.seed(number % 2**32)
    random.seed(number)


@contextmanager
def generators_of_a_new_process() -> Iterator[None]:
    """Let every global generator of the CPU start from one state within the block, and give them back as they were.

    What a user's module draws unasked then depends on its own task alone, not on the tasks before.
    """
    import random

    import numpy
    import torch

    before = torch.default_generator.get_state(), numpy.random.get_state(legacy=False), random.getstate()
    torch.default_generator.manual_seed(TORCH_SEED)
    numpy.random.seed(0)
    random.seed(0)
    try:
        yield
    finally:
        torch.default_generator.set_state(before[0])
        numpy.random.set_state(before[1])
        random.setstate(before[2])
