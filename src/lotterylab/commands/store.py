"""The commands that keep a store: gc, reindex, export, import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lotterylab.asking.options import Declared, option
from lotterylab.commands.shared import OfAStudy, Place
from lotterylab.errors import UsageError
from lotterylab.formats.text import shown_path


@dataclass(frozen=True, kw_only=True)
class Upkeep(Declared):
    """Clean up a store, or import a study that another store has exported (lotterylab store export STUDY)."""

    what: Literal["gc", "reindex", "import"] = option(
        help="gc removes files that no result needs; reindex builds the index of equal runs; import reads FILE",
        positional=True,
    )
    file: Path | None = option(None, help="The exported study, for import", shown="FILE", positional=True)
    place: Place
    dry_run: bool = option(False, help="With gc: list the files that would be removed, and remove nothing")

    def __call__(self) -> int:
        """Do the action, and print its outcome."""
        if (self.what == "import") != (self.file is not None):
            given = f"'{self.file}' was given" if self.file else "none was given"
            raise UsageError(f"store {self.what} takes {'a' if self.what == 'import' else 'no'} file; {given}.")
        if self.dry_run and self.what != "gc":
            raise UsageError(f"--dry-run goes with gc, not with {self.what}.")
        {"gc": self._gc, "reindex": self._reindex, "import": self._import}[self.what]()
        return 0

    def _gc(self) -> None:
        from lotterylab.engine import upkeep

        store = self.place.open(to_read=True)
        if self.dry_run:
            items = list(upkeep.garbage(store))
        else:
            with store.lock():
                items = upkeep.collect(store)
        for item in items:
            print(f"{shown_path(item.path)}: {item.why} ({item.bytes:,} bytes)")
        verb = "would be" if self.dry_run else "were"
        print(f"{len(items)} files of {sum(item.bytes for item in items) / 1e6:.1f} MB {verb} removed.")

    def _reindex(self) -> None:
        from lotterylab.engine import upkeep

        store = self.place.open(to_read=True)
        with store.lock():
            print(f"{upkeep.reindex(store)} runs are in the index of equal content.")

    def _import(self) -> None:
        from lotterylab.engine import upkeep
        from lotterylab.engine.bundle import check_bundle, read_bundle

        assert self.file
        check_bundle(self.file)
        store = self.place.open().create()
        with store.lock():
            upkeep.sweep(store)
            counts = read_bundle(self.file, store)
        print(f"{counts.results} results and {counts.blobs} blobs were new and are in {store.path} now.")


@dataclass(frozen=True, kw_only=True)
class Export(OfAStudy):
    """Write the finished results of this study with their tensors into one file, for store import elsewhere."""

    out: Path = option(help="The file to write; a tar archive in which every byte is under a checksum", shown="FILE")

    def __call__(self) -> int:
        """Write the file, and print the numbers of its results and blobs."""
        from lotterylab.engine.bundle import write_bundle

        resolved, store = self.resolve(), self.place.open(to_read=True)
        out = self.out
        counts = write_bundle(resolved.plan.targets(), store, out)
        print(f"{counts.results} results and {counts.blobs} blobs of {resolved.plan.title} are in {out}.")
        return 0
