"""The command that fetches a data set from its own site."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lotterylab.asking.options import Declared, option
from lotterylab.data.base import ENVIRONMENT, data_dir
from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from lotterylab.fetch import Progress

EVERY_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Data(Declared):
    """Fetch a data set from its own site, check it, and put it where the studies look for it."""

    what: Literal["fetch"] = option(help="The action", positional=True)
    name: str = option(help="cifar10, cifar100, mnist or fashion-mnist", shown="NAME", positional=True)
    into: Path | None = option(None, help="The folder of your data sets; default $LOTTERYLAB_DATA", shown="FOLDER")

    def __call__(self) -> int:
        """Fetch the data set, and print its folder."""
        from lotterylab.fetch import fetch
        from lotterylab.fetch.sources import source_named

        source = source_named(self.name)
        folder = data_dir(self.into)
        if folder is None:
            raise UsageError(f"no folder was given for the data. Pass --into FOLDER, or set {ENVIRONMENT}.")
        place = fetch(source, folder, progress=_Shown())
        print(f"{self.name} is in {place}. Next: --data {self.name} --data-dir {folder}")
        return 0


class _Shown:
    """``_Shown`` prints one line a second for a file, over the last line on a terminal, and one line for each step."""

    def __init__(self) -> None:
        self.last = 0.0

    def __call__(self, step: Progress) -> None:
        if step.what != "downloading":
            print(f"{step.file}: {step.what}", file=sys.stderr, flush=True)
            return
        now = time.monotonic()
        if now - self.last < EVERY_SECONDS and step.done != step.total:
            return
        self.last = now
        share = f" of {step.total / 1e6:.1f} MB, {100 * step.done / step.total:.0f} %" if step.total else " MB"
        end = "\n" if step.done == step.total or not sys.stderr.isatty() else "\r"
        print(f"{step.file}: {step.done / 1e6:.1f}{share}", end=end, file=sys.stderr, flush=True)
