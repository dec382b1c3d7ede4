"""The training speed of this machine, measured from a few steps."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lotterylab.engine.exact import exact
from lotterylab.engine.surroundings import is_daemonic, needs_main
from lotterylab.errors import UsageError
from lotterylab.masks.counts import Rate
from lotterylab.plan.cuts import Prune, Shuffle
from lotterylab.plan.nodes import Node, Train

if TYPE_CHECKING:
    from lotterylab.types import Dataset, Mask, Split

SECONDS = 0.2  # that are timed, at the least
STEPS, MOST_STEPS = 3, 400  # that are timed, at the least and at the most
LOOKED_AT = 500  # images that are evaluated


@dataclass(frozen=True, kw_only=True)
class Speed:
    """A ``Speed`` is the seconds that one thread takes for an image: ``trained``, or ``evaluated``."""

    trained: float
    evaluated: float


def measured(
    runs: Sequence[Train], data_dir: Path | None, *, fast: bool, device: str = "cpu", seconds: float = 3.0
) -> list[Speed]:
    """Return how fast the first of these runs are: as many as can be measured in so many seconds.

    A process without torch stays without it, since it may live for hours beside its workers: another one measures.

    Args:
        runs: one of each kind.
        data_dir: the folder of the data files.
        fast: whether the fast path is taken, as by default.
        device: "cpu", "cuda" or "cuda:N".
        seconds: after which no other run is measured.
    """
    how = {"fast": fast, "device": device, "seconds": seconds}
    if not runs or "torch" in sys.modules or is_daemonic():
        return _here(runs, data_dir, **how)
    try:
        found = _elsewhere(runs, data_dir, needs_main=needs_main(runs), **how)
    except (OSError, EOFError, UsageError):  # no other process may be started, or it died, or it lacks a user's class
        return _here(runs, data_dir, **how)
    if isinstance(found, Exception):
        raise found
    return found


def _elsewhere(
    runs: Sequence[Train], data_dir: Path | None, *, needs_main: bool, **how: Any
) -> list[Speed] | Exception:
    from lotterylab.engine.processes import spawned

    ours, theirs = multiprocessing.Pipe(duplex=False)
    with ours, theirs:
        process = spawned(_answer, theirs, runs, data_dir, how, needs_main=needs_main)
        try:
            theirs.close()
            return ours.recv()
        finally:
            process.kill()
            process.join()


def _answer(pipe: Connection, runs: Sequence[Train], data_dir: Path | None, how: Mapping[str, Any]) -> None:
    try:
        found: Any = _here(runs, data_dir, **how)
    except Exception as error:
        found = error
    with suppress(OSError):  # the asker has been interrupted
        pipe.send(found)


def _here(runs: Sequence[Train], data_dir: Path | None, *, fast: bool, device: str, seconds: float) -> list[Speed]:
    began, found = time.perf_counter(), []
    for run in runs:
        if time.perf_counter() - began < seconds:
            found.append(measure(run, data_dir, fast=fast, device=device, share=share_of(run.mask)))
    return found


def share_of(mask: Node | None) -> float:
    """Return the share of the prunable weights that a mask keeps, 1 where only computing it would tell."""
    if isinstance(mask, Shuffle):
        return share_of(mask.mask)
    if not isinstance(mask, Prune):
        return 1.0
    if isinstance(mask.sparsity, Rate):
        return share_of(mask.mask) * (1 - mask.sparsity.share) ** mask.sparsity.rounds
    return 1 - mask.sparsity


def measure(node: Train, data_dir: Path | None, *, fast: bool, device: str = "cpu", share: float = 1.0) -> Speed:
    """Return how fast the steps of a training are, and its evaluation, with a mask at random places.

    Args:
        node: the training.
        data_dir: the folder of the data files.
        fast: whether the fast path is taken, as by default.
        device: "cpu", "cuda" or "cuda:N".
        share: of the prunable weights that the mask keeps.
    """
    from lotterylab.data.loader import Loader
    from lotterylab.data.streams import NamedStream
    from lotterylab.engine.paths import chain_of
    from lotterylab.network import network
    from lotterylab.training.loop import first, opened, updates
    from lotterylab.training.recipe import Recipe
    from lotterylab.training.watch import Means

    recipe, data = cast(Recipe, node.recipe), _short(node.data.spec.load(data_dir).to(device))
    loader = Loader(
        data,
        augment=recipe.augment,
        stream=NamedStream(),
        seed=0,
        batch_size=min(recipe.batch_size, len(data.train)),
    )
    net = network(node.model.build(pool_first=fast))
    state, kernel = node.model.initial(0, "init", "named"), None
    mask = _random(state, net.prunable, share) if share < 1 else None
    if fast and device == "cpu":
        kernel = chain_of(node, node.model.build())
    begin = first(net, state, mask, recipe)
    update: Any = updates(opened(net, recipe), begin, mask, loader, recipe, channels_last=fast, kernel=kernel)
    step = 0

    def some(steps: int) -> int:
        """Train so many steps, or to the end of the epoch, and return their number."""
        nonlocal step
        before = step
        for done, _, _ in update.run(step, step + steps, lambda _: 0.0, Means(None, data.train.labels.device), None):
            step = done
        return step - before

    with exact(device):
        some(2)  # what is made at the first step
        seconds, steps = _timed(some, device)
        update.score("test")
        began = time.perf_counter()
        update.score("test")
        looked = time.perf_counter() - began
    return Speed(trained=seconds / steps / loader.batch_size, evaluated=looked / len(data.test))


def _timed(some: Callable[[int], int], device: str) -> tuple[float, int]:
    """Return the seconds of enough steps, and their number."""
    import torch

    began, steps, at_once = time.perf_counter(), 0, 1
    while steps < MOST_STEPS:
        steps += some(at_once)
        if device != "cpu":
            torch.cuda.synchronize(device)
        seconds = time.perf_counter() - began
        if seconds > SECONDS and steps >= STEPS:
            break
        at_once = min(2 * at_once, 100)
    return time.perf_counter() - began, steps


def _short(data: Dataset) -> Dataset:
    """Return the data with so many test images as are evaluated here, at the most."""

    def cut(split: Split) -> Split:
        return replace(split, **{name: part[:LOOKED_AT] for name, part in vars(split).items()})

    return replace(data, test=cut(data.test))


def _random(state: Any, names: Any, share: float) -> Mask:
    import torch

    from lotterylab.types import Mask

    draw = torch.Generator().manual_seed(0)
    return Mask({name: torch.rand(state[name].shape, generator=draw) < share for name in names})
