"""The command that compares two results."""

from __future__ import annotations

from dataclasses import dataclass

from lotterylab.asking.options import Declared, option
from lotterylab.commands.shared import Place, print_json
from lotterylab.engine.records import Record
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Diff(Declared):
    """Print the settings, numbers and facts in which two results differ; table --json and the page show digests."""

    a: str = option(help="The first digits of a result's digest", shown="A", positional=True)
    b: str = option(help="The first digits of the other result's digest", shown="B", positional=True)
    place: Place
    json: bool = option(False, help="As JSON")

    def __call__(self) -> int:
        """Print the differences, and return 0 even if there are some."""
        from lotterylab.report.differences import differences, lines

        store = self.place.open(to_read=True)
        a, b = find(store, self.a), find(store, self.b)
        different = differences(a, b, store)
        if self.json:
            print_json({"a": a.digest, "b": b.digest, **different})
        else:
            print("\n".join(lines(a, b, different)))
        return 0


def find(store: Store, beginning: str) -> Record:
    """Return the only record whose digest begins with these digits.

    Raises:
        UsageError: no digest begins so, or several do.
    """
    digests = sorted(digest for digest in store.names() if beginning and digest.startswith(beginning))
    record = store.record(digests[0]) if len(digests) == 1 else None
    if record is None:
        shown = ", ".join(digest[:16] for digest in digests[:5])
        what = f"{len(digests)} begin so: {shown}" if digests else "none begins so"
        raise UsageError(
            f"a result of {store.path} was asked for by '{beginning}', the first digits of its digest; {what}. "
            "The report's table of runs, and table --json, show the digests."
        )
    return record
