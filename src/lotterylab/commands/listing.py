"""What there is: methods, models, data, studies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from lotterylab.commands.shared import Json, print_json


@dataclass(frozen=True, kw_only=True)
class List:
    """Say what there is to ask for, one line each, with its paper and an example."""

    what: Annotated[Literal["methods", "models", "data", "studies", "activations", "inits"], tyro.conf.Positional]
    """methods, models, data, studies, activations or inits."""
    json: Json = False
    """As JSON."""

    def __call__(self) -> int:
        """Print the list."""
        from lotterylab.report import catalogue

        entries = catalogue.LISTS[self.what]()
        if self.json:
            print_json(entries)
        else:
            print("\n".join(catalogue.lines(entries)))
        return 0
