"""Two results side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import tyro

from lotterylab.commands.shared import Json, Place, print_json


@dataclass(frozen=True, kw_only=True)
class Diff:
    """Settings, numbers and facts in which two results differ.  Digests as in table --json and on the page."""

    a: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="A")]
    """The first digits of a result's digest."""
    b: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="B")]
    """Those of the other one."""
    place: Place = field(default_factory=Place)
    json: Json = False
    """As JSON."""

    def __call__(self) -> int:
        """Print what differs; 0 whether or not something does."""
        from lotterylab.report.differences import differences, lines

        store = self.place.open(to_read=True)
        a, b = store.find(self.a), store.find(self.b)
        found = differences(a, b, store)
        if self.json:
            print_json({"a": a.digest, "b": b.digest, **found})
        else:
            print("\n".join(lines(a, b, found)))
        return 0
