"""The batches of a user's loader, and the rates of a user's schedule, as functions of the seed and the step."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lotterylab import rng
from lotterylab.errors import UsageError

if TYPE_CHECKING:
    import torch


def batches(loader: Any, *, seed: int, steps: range) -> Iterator[tuple[int, Any]]:
    """``(step, batch)`` for each of ``steps``, of a ``DataLoader`` or anything with a length that ``iter`` begins anew.

    Every global generator (torch's, NumPy's, Python's) is seeded before an epoch, before a batch is fetched and before
    it is given out.  So the order, what the data set draws and what the network draws (dropout) depend on the seed and
    the step alone.  Of an epoch that is entered in its middle the batches before are fetched and dropped.

    Raises:
        UsageError: a loader without a length or without a batch, whose epochs end early, or whose workers keep their
            generators from epoch to epoch.
    """
    per_epoch = _length(loader)
    for epoch in range(steps.start // per_epoch, -(-steps.stop // per_epoch)):
        _begin(loader, seed, epoch)
        fetched = iter(loader)
        for step in range(epoch * per_epoch, min((epoch + 1) * per_epoch, steps.stop)):
            if step % per_epoch:  # with an epoch's first batch its order is drawn, unless workers drew it before
                rng.seed_globals(seed, "batch", step)
            try:
                batch = next(fetched)
            except StopIteration:
                raise UsageError(
                    f"the loader says that it has {per_epoch} batches and gave {step % per_epoch}. Give one whose "
                    "length is that of every epoch."
                ) from None
            if step in steps:
                rng.seed_globals(seed, "forward", step)
                yield step, batch


def advance(schedule: Any, optimizer: torch.optim.Optimizer, count: int) -> None:
    """Bring a new learning-rate schedule to where it is after ``count`` of its steps.

    Raises:
        UsageError: its rates depend on what was measured, or it is another optimizer's.
    """
    from torch.optim.lr_scheduler import ReduceLROnPlateau

    if isinstance(schedule, ReduceLROnPlateau):
        raise UsageError(
            "ReduceLROnPlateau goes by what was measured before, which a training that begins at a later step has not "
            "seen. Use a schedule whose rates depend on the step alone."
        )
    if getattr(schedule, "optimizer", optimizer) is not optimizer:
        raise UsageError("the schedule is of another optimizer than the one that is held. Make it of this one.")
    with warnings.catch_warnings():  # torch warns of a schedule that moves before its optimizer
        warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
        for _ in range(count):
            schedule.step()


def _length(loader: Any) -> int:
    if getattr(loader, "persistent_workers", False):
        raise UsageError(
            "the loader has persistent_workers=True: they keep their generators from epoch to epoch, so that what they "
            "draw depends on where a training began. Leave it out."
        )
    try:
        per_epoch = len(loader)
    except TypeError as error:
        raise UsageError(
            f"the loader has no length ({error}), so a step has no place in an epoch. Give a data set with __len__, or "
            "make each batch from run.seed and the step."
        ) from None
    if not per_epoch:
        raise UsageError("the loader has no batch. Give more data, or a smaller batch_size.")
    return per_epoch


def _begin(loader: Any, seed: int, epoch: int) -> None:
    """Seed what an epoch's order is drawn from: the global generators, and those that the loader has of its own."""
    rng.seed_globals(seed, "order", epoch)
    sampler = getattr(loader, "sampler", None)
    for own in (getattr(loader, "generator", None), getattr(sampler, "generator", None)):
        if own is not None:
            own.manual_seed(rng.key(seed, "order", epoch) % 2**63)
    if sampler is not None and hasattr(sampler, "set_epoch"):  # as a DistributedSampler has, which draws by it
        sampler.set_epoch(epoch)
