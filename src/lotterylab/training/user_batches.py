"""A user's batches and learning rates become functions of the seed and the step."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lotterylab import rng
from lotterylab.errors import UsageError

if TYPE_CHECKING:
    import torch


def batches(loader: Any, *, seed: int, steps: range) -> Iterator[tuple[int, Any]]:
    """Yield ``(step, batch)`` for each of ``steps``.

    Every global generator (torch's, NumPy's, Python's) is seeded before an epoch, before a batch is fetched and before
    it is yielded.  So the order, the data set's draws and the network's draws (dropout) depend on the seed and the step
    alone.  If the steps begin inside an epoch, its earlier batches are fetched and dropped.

    Args:
        loader: a ``DataLoader``, or anything with a length that ``iter`` starts over.
        seed: the seed of order and draws.
        steps: optimizer steps, counted from the beginning of the training.

    Raises:
        UsageError: the loader has no length or no batch, its epochs end early, or its workers keep their generators
            from epoch to epoch.
    """
    per_epoch = _length(loader)
    for epoch in range(steps.start // per_epoch, -(-steps.stop // per_epoch)):
        _begin(loader, seed, epoch)
        fetched = iter(loader)
        for step in range(epoch * per_epoch, min((epoch + 1) * per_epoch, steps.stop)):
            if step % per_epoch:  # an epoch's first batch draws the order, unless workers drew it before
                rng.seed_globals(seed, "batch", step)
            try:
                batch = next(fetched)
            except StopIteration:
                raise UsageError(
                    f"the loader reports {per_epoch} batches and yielded {step % per_epoch}. Give a loader whose "
                    "length is right in every epoch."
                ) from None
            if step in steps:
                rng.seed_globals(seed, "forward", step)
                yield step, batch


def advance(schedule: Any, optimizer: torch.optim.Optimizer, count: int) -> None:
    """Advance a new learning-rate schedule by ``count`` of its steps.

    Raises:
        UsageError: the schedule's rates depend on measurements, or it belongs to another optimizer.
    """
    from torch.optim.lr_scheduler import ReduceLROnPlateau

    from lotterylab.training.wrapped import Inside

    if isinstance(schedule, ReduceLROnPlateau):
        raise UsageError(
            "ReduceLROnPlateau depends on earlier measurements, which a training that begins at a later step does not "
            "have. Use a schedule whose rates depend on the step alone."
        )
    parts = Inside(optimizer, {}).parts().values()
    if all(getattr(schedule, "optimizer", part) is not part for part in parts):
        raise UsageError("the schedule belongs to another optimizer. Make it for the optimizer that is held.")
    with warnings.catch_warnings():  # torch warns if a schedule moves before its optimizer
        warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
        for _ in range(count):
            schedule.step()


def _length(loader: Any) -> int:
    if getattr(loader, "persistent_workers", False):
        raise UsageError(
            "the loader has persistent_workers=True: its workers keep their generators from epoch to epoch, so their "
            "draws depend on the step where a training began. Leave it out."
        )
    try:
        per_epoch = len(loader)
    except TypeError as error:
        raise UsageError(
            f"the loader has no length ({error}), so a step has no epoch. Give a data set with __len__, or make each "
            "batch from run.seed and the step."
        ) from None
    if not per_epoch:
        raise UsageError("the loader has no batch. Give more data, or a smaller batch_size.")
    return per_epoch


def _begin(loader: Any, seed: int, epoch: int) -> None:
    """Seed the generators that draw an epoch's order: the global ones, the loader's and its sampler's."""
    rng.seed_globals(seed, "order", epoch)
    sampler = getattr(loader, "sampler", None)
    for generator in (getattr(loader, "generator", None), getattr(sampler, "generator", None)):
        if generator is not None:
            generator.manual_seed(rng.key(seed, "order", epoch) % 2**63)
    if sampler is not None and hasattr(sampler, "set_epoch"):  # a DistributedSampler draws by its epoch
        sampler.set_epoch(epoch)
