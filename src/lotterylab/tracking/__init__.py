"""Finished runs in TensorBoard, Weights & Biases or MLflow, offline.

The store's records are the source of truth; files written here can be deleted and written again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from lotterylab.errors import unknown
from lotterylab.formats.blobs import write_atomically
from lotterylab.tracking.runs import TrackedRun, Tracker


def _tensorboard(folder: Path) -> Tracker:
    from lotterylab.tracking.tensorboard import TensorBoard

    return TensorBoard(folder)


def _wandb(folder: Path) -> Tracker:
    from lotterylab.tracking.wandb import WeightsAndBiases

    return WeightsAndBiases(folder)


def _mlflow(folder: Path) -> Tracker:
    from lotterylab.tracking.mlflow import MLflow

    return MLflow(folder)


TRACKERS: dict[str, Callable[[Path], Tracker]] = {"tensorboard": _tensorboard, "wandb": _wandb, "mlflow": _mlflow}


def tracker(name: str, folder: Path) -> Tracker:
    """Return the tracker with this name, writing under ``folder/NAME``.

    Raises:
        UsageError: no tracker has that name, or its package is not installed.
    """
    if name not in TRACKERS:
        raise unknown("tracker", name, TRACKERS)
    inside = folder / name
    inside.mkdir(parents=True, exist_ok=True)
    return TRACKERS[name](inside)


def track(runs: Iterable[TrackedRun], names: Iterable[str], folder: Path) -> int:
    """Write the runs that a tracker does not have yet, and return how many were written.

    ``folder/NAME/written`` lists the digests of the written runs, one a line, so that no run is written twice.
    """
    count = 0
    runs = list(runs)
    for name in names:
        writer, index = tracker(name, folder), folder / name / "written"
        written = index.read_text().split() if index.is_file() else []
        known = set(written)
        for run in runs:
            if run.digest not in known:
                writer.write(run)
                known.add(run.digest)
                written.append(run.digest)
                count += 1
                write_atomically(index, "".join(f"{digest}\n" for digest in written).encode())
    return count
