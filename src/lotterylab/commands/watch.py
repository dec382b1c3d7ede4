"""How far a study is, once or again and again."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from lotterylab.asking.options import option
from lotterylab.commands.shared import How, OfAStudy, print_json, run_names
from lotterylab.system import ending

CLEAR = "\x1b[H\x1b[2J"


@dataclass(frozen=True, kw_only=True)
class Status(OfAStudy):
    """Say what is done, begun, failed and left.  Needs no lock: it answers while another process computes."""

    workers: int | None = option(None, help="How many workers the time left is reckoned for; default one for each core")
    watch: bool = option(False, help="Again every --every seconds, until nothing is left to train")
    every: float = option(5.0, help="How often to look", shown="SECONDS")
    json: bool = option(False, help="As JSON; with --watch one document after the other")

    def __call__(self) -> int:
        """Print the state."""
        from lotterylab.report.standing import standing

        resolved, store = self.resolve(), self.place.open()
        ending.hold(resolved)
        while True:
            now = standing(resolved.plan, store)
            names = run_names(resolved) if now.begun or now.failed else {}
            if self.json:
                print_json(now.as_json(names))
            else:
                if self.watch and sys.stdout.isatty():
                    print(CLEAR, end="")
                print("\n".join((resolved.plan.title, *now.lines(names, How(workers=self.workers).count))))
            sys.stdout.flush()
            if not self.watch or now.done == now.runs:
                return 0
            time.sleep(self.every)
