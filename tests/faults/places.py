"""A place that hostile inputs must not leave: a finished store, its ledger, and a victim beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

from faults.checks import explained
from faults.lab import Ending, Lab
from faults.watch import differences, snapshot

MEGABYTES = 300  # beyond the server's own: torch's pages that a command touches, and its tables


@dataclass(kw_only=True)
class Place:
    """``root``/store, book.jsonl, victim; ``fresh`` makes them as they were."""

    root: Path
    finished: Path
    book: bytes

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def victim(self) -> Path:
        return self.root / "victim"

    @classmethod
    def make(cls, lab: Lab, shelf: Path) -> Place:
        """A place of a test file, of the one finished store that all test files copy."""
        finished, book = lab.fence / "finished", lab.fence / "true.jsonl"
        if not book.exists():
            assert lab.call("study", finished, book).code == 0
        return cls(root=shelf / "place", finished=finished, book=book.read_bytes())

    def fresh(self) -> None:
        """Everything as at first."""
        rmtree(self.root, ignore_errors=True)
        copytree(self.finished, self.store)
        (self.victim / "deep").mkdir(parents=True)
        (self.victim / "thesis.txt").write_text("years of work")
        (self.victim / "deep" / "checkpoint").write_text("weights")
        for name in ("aa", "report"):
            (self.victim / name).mkdir()

    def watched(
        self, lab: Lab, call: str, *arguments: Any, may: tuple[Path, ...] = (), megabytes: float = MEGABYTES
    ) -> tuple[Ending, list[str]]:
        """A call under the watch, and what is wrong with it.  ``may``: where it may write."""
        victim, store = snapshot(self.victim), snapshot(self.store)
        ending = lab.call(call, *arguments, watched=True, cwd=self.root, seconds=30)
        return ending, list(self._problems(ending, lab, victim, store, may, megabytes))

    def _problems(
        self, ending: Ending, lab: Lab, victim: Any, store: Any, may: tuple[Path, ...], megabytes: float
    ) -> Iterator[str]:
        yield from explained(ending)
        if changed := differences(victim, snapshot(self.victim)):
            yield f"the victim: {', '.join(changed[:3])}"
        if self.store not in may and (changed := differences(store, snapshot(self.store))):
            yield f"the store, of a command that reads: {', '.join(changed[:3])}"
        if strays := ending.outside(lab.scratch, lab.fence / "home", lab.fence / "tmp", *may):
            yield f"outside: {', '.join(strays[:3])}"
        if ending.megabytes > megabytes:
            yield f"takes {ending.megabytes:.0f} MB"
