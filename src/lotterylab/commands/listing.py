"""What there is: methods, models, data, studies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lotterylab.asking.options import Declared, option
from lotterylab.commands.shared import print_json


@dataclass(frozen=True, kw_only=True)
class List(Declared):
    """Say what there is to ask for, one line each, with its paper and an example."""

    what: Literal["methods", "models", "data", "studies", "activations", "inits"] = option(
        help="What to list", positional=True
    )
    json: bool = option(False, help="As JSON")

    def __call__(self) -> int:
        """Print the list."""
        from lotterylab.report import catalogue

        entries = catalogue.LISTS[self.what]()
        if self.json:
            print_json(entries)
        else:
            print("\n".join(catalogue.lines(entries)))
        return 0
