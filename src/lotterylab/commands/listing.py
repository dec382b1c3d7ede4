"""The command that lists methods, interventions, gates, models, data and studies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lotterylab.asking.options import Declared, option
from lotterylab.commands.shared import print_json


@dataclass(frozen=True, kw_only=True)
class List(Declared):
    """List the names that other commands take, each with its paper and an example."""

    what: Literal["methods", "interventions", "gates", "models", "data", "studies", "activations", "inits"] = option(
        help="The names to list", positional=True
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
