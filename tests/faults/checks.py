"""What has to hold of a store after a fault, compared with a store of an unbroken run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faults.lab import Ending, Lab
from lotterylab.engine.store import Store
from lotterylab.engine.verify import verify
from lotterylab.formats.blobs import WRITING

ACCEPTED = (0, 2, 3, 4, 5, 6)  # documented exit codes that come with a sentence


def hashes(path: Path) -> dict[str, Any]:
    """What must not depend on how a store came about."""
    return {record.digest: (record.kind, record.blobs, record.metrics) for record in Store(path).records()}


def files(path: Path) -> set[str]:
    """Every file below a folder and every folder without files, as relative paths."""
    found = set()
    for entry in path.rglob("*"):
        if not entry.is_dir() or entry.is_symlink() or not any(entry.iterdir()):
            found.add(str(entry.relative_to(path)))
    return found


# folders of the layout that may be empty; files that need not be the same
LAYOUT = {"objects", "runs", "partial", "same", "failed", "known", "known.jsonl", "quarantine", "lock"}


@dataclass(frozen=True, kw_only=True)
class Whole:
    """What an unbroken run leaves: hashes, files, the message of each task that fails."""

    hashes: dict[str, Any]
    files: set[str]
    value: dict[str, Any]

    @classmethod
    def of(cls, lab: Lab, plan: str, path: Path) -> Whole:
        """Compute a plan without a fault."""
        ending = lab.call("compute", path, plan)
        assert ending.code == 0 and ending.value, str(ending)
        return cls(hashes=hashes(path), files=files(path), value=ending.value)

    def leftovers(self, path: Path, *, quarantine: bool = False) -> list[str]:
        """Files that an unbroken run does not leave; with ``quarantine``, folders without files may stay too."""
        extra = files(path) - self.files - LAYOUT
        if quarantine:
            extra = {name for name in extra if not name.startswith("quarantine/") and not (path / name).is_dir()}
        return sorted(extra)

    def problems(self, path: Path, *, quarantine: bool = False) -> Iterator[str]:
        """What is wrong with a store after the same command ran again.  ``quarantine``: files set aside may stay."""
        now = hashes(path)
        lost, wrong = self.hashes.keys() - now.keys(), {d for d in now.keys() & self.hashes if now[d] != self.hashes[d]}
        if lost:
            yield f"{len(lost)} results are missing at the end ({_short(lost)})"
        if wrong:
            yield f"{len(wrong)} results are not those of an unbroken run ({_short(wrong)})"
        if damaged := [str(line) for line in verify(Store(path))]:
            yield f"verify finds damage at the end: {damaged[0]}"
        if left := self.leftovers(path, quarantine=quarantine):
            yield f"left behind: {', '.join(left[:4])}"

    def finished(self, ending: Ending) -> Iterator[str]:
        """What is wrong with how the second command ended."""
        if not ending.in_time or ending.code or ending.signal or ending.raised:
            yield f"the second run {ending}"
        elif ending.value["failed"].keys() != self.value["failed"].keys():
            yield f"the second run failed at {list(ending.value['failed'].values())[:2]}"


def explained(ending: Ending) -> Iterator[str]:
    """What is wrong with how a command ended: it may refuse, in a sentence."""
    if not ending.in_time:
        yield f"hangs ({ending.seconds:.0f} s)"
    elif ending.signal:
        yield f"ended by signal {ending.signal}"
    elif ending.raised and not ending.is_explained:
        yield f"raised {ending.raised}: {ending.message[:200]} ({_place(ending.trace)})"
    elif ending.is_traceback:
        yield f"a traceback: {ending.err.strip().splitlines()[-1][:200]}"
    elif isinstance(ending.value, int) and ending.value not in ACCEPTED:
        yield f"exit code {ending.value}: {ending.err.strip()[-200:]}"


def _short(digests: set[str]) -> str:
    return ", ".join(sorted(digest[:8] for digest in digests)[:4])


def _place(trace: str) -> str:
    """The last line of our own code in a traceback."""
    lines = [line.strip() for line in trace.splitlines() if "src/lotterylab" in line]
    return lines[-1].split("src/")[-1] if lines else "outside of lotterylab"


def unfinished_writes(path: Path) -> list[Path]:
    return list(path.rglob(f"{WRITING}*"))
