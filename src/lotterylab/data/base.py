"""The user's data folder, and the number of images that a data set needs."""

from __future__ import annotations

import os
from pathlib import Path

from lotterylab.errors import UsageError
from lotterylab.system.places import place

ENVIRONMENT = "LOTTERYLAB_DATA"


def data_dir(option: str | Path | None) -> Path | None:
    """Return the user's data folder: ``--data-dir``, or the environment variable LOTTERYLAB_DATA, or None."""
    chosen = option or os.environ.get(ENVIRONMENT)
    return place(chosen, "folder of the data") if chosen else None


def check_sizes(title: str, *, train: int, validation: int, test: int) -> None:
    """Refuse sizes that leave no image to train on or to test on."""
    for name, size, least in (("train", train, 1), ("validation", validation, 0), ("test", test, 1)):
        if size < least:
            raise UsageError(f"{title} with {name}={size}: give at least {least}.", option=name)
