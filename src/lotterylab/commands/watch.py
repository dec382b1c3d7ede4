"""The command that prints the state of a study, once or repeatedly."""

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
    """Print the runs that are done, begun, failed and left, also while another process computes."""

    workers: int | None = option(None, help="Number of workers for the estimated time left; default one for each core")
    watch: bool = option(False, help="Print again every --every seconds, until nothing is left to train")
    every: float = option(5.0, help="Seconds between two looks", shown="SECONDS")
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
