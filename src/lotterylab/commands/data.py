"""Data sets from their own sites."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from lotterylab.data.base import ENVIRONMENT
from lotterylab.errors import UsageError

EVERY_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Data:
    """Fetch a data set from its own site, check it, and put it where the studies look for it."""

    what: Annotated[Literal["fetch"], tyro.conf.Positional]
    """fetch."""
    name: Annotated[str, tyro.conf.Positional]
    """cifar10, cifar100, mnist or fashion-mnist."""
    into: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="")] = None
    """Folder of your data sets; default $LOTTERYLAB_DATA."""

    def __call__(self) -> int:
        """Fetch, and say where it is."""
        from lotterylab.fetch import fetch

        folder = self.into or (Path(os.environ[ENVIRONMENT]) if os.environ.get(ENVIRONMENT) else None)
        if folder is None:
            raise UsageError(f"where to? Pass --into FOLDER, or set {ENVIRONMENT}.")
        place = fetch(self.name, folder, progress=_Shown())
        print(f"{self.name} is in {place}. Next: --data {self.name} --data-dir {folder}")
        return 0


class _Shown:
    """One line a second and file, on a terminal over the last one."""

    def __init__(self) -> None:
        self.last = 0.0

    def __call__(self, file: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self.last < EVERY_SECONDS and done != total:
            return
        self.last = now
        of = f" of {total / 1e6:.1f} MB, {100 * done / total:.0f} %" if total else " MB"
        text = f"{file}: {done / 1e6:.1f}{of}"
        end = "\n" if done == total or not sys.stderr.isatty() else "\r"
        print(text, end=end, file=sys.stderr, flush=True)
