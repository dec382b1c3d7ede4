"""How far a study is, once or again and again."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import Annotated

import tyro

from lotterylab.asking.request import Request
from lotterylab.commands.shared import How, Json, Place, print_json, run_names
from lotterylab.errors import UsageError
from lotterylab.system import ending

CLEAR = "\x1b[H\x1b[2J"


@dataclass(frozen=True, kw_only=True)
class Status:
    """Say what is done, begun, failed and left.  Needs no lock: it answers while another process computes."""

    request: Request = field(default_factory=Request)
    place: Place = field(default_factory=Place)
    workers: Annotated[int | None, tyro.conf.arg(metavar="N", help_behavior_hint="")] = None
    """Of how many workers the time left is reckoned; default: one for each core."""
    watch: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Again every --every seconds, until nothing is left to train."""
    every: Annotated[float, tyro.conf.arg(metavar="SECONDS")] = 5.0
    """How often to look."""
    json: Json = False
    """As JSON; with --watch one document after the other."""

    def __call__(self) -> int:
        """Print the state."""
        from lotterylab.report.standing import standing

        if self.every <= 0:
            raise UsageError(f"--every {self.every:g}: more than 0 seconds are needed.")
        resolved, store = self.request.resolve(), self.place.open()
        ending.hold(resolved)
        while True:
            now = standing(resolved.study, store)
            names = run_names(resolved) if now.begun or now.failed else {}
            if self.json:
                print_json(now.as_json(names))
            else:
                if self.watch and sys.stdout.isatty():
                    print(CLEAR, end="")
                print("\n".join((resolved.study.title, *now.lines(names, How(workers=self.workers).count))))
            sys.stdout.flush()
            if not self.watch or now.done == now.runs:
                return 0
            time.sleep(self.every)
