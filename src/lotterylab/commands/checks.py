"""The commands that look for faults: in checkpoints, and in a store."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lotterylab.asking.options import Declared, option
from lotterylab.commands.shared import Place, print_json
from lotterylab.masks.counts import check_target

if TYPE_CHECKING:
    from lotterylab.engine.verify import Damage


@dataclass(frozen=True, kw_only=True)
class Audit(Declared):
    """Report faults of checkpoints: a folder, a file, or the start and the end of a training.

    Files are .safetensors, or those of torch.save read as weights alone; none of their code is run.
    """

    folder: Path = option(
        help="A folder with end.* (and init, dense, start, mask, run.json, if any), a folder of such folders, a folder "
        "with one network (model.safetensors, last.ckpt), or a file",
        shown="FOLDER",
        positional=True,
    )
    end: Path | None = option(
        None,
        help="The folder or file of the end of the training; the first is then its start",
        shown="END",
        positional=True,
    )
    requested: float | None = option(
        None,
        help="The requested sparsity, for runs whose run.json does not have it",
        least=0,
        check=check_target,
    )
    within: str = option(
        "", help="The keys of the network in a file that holds several, such as netG or state.model", shown="KEY"
    )
    fail_on: Literal["fault", "caution"] = option(
        "fault", help="fault: the exit code is 3 if there is a fault.  caution: 3 for a caution too"
    )
    html: Path | None = option(None, help="Also write the reports as one offline page", shown="FILE")
    json: bool = option(False, help="The reports as JSON")

    def __call__(self) -> int:
        """Print a line for each alarm and note, and return 3 if there is a fault."""
        from lotterylab.auditing import audit_folder, audit_pair

        if self.end is None:
            reports = audit_folder(self.folder.expanduser(), requested=self.requested, within=self.within)
        else:
            start, end = self.folder.expanduser(), self.end.expanduser()
            reports = audit_pair(start, end, requested=self.requested, within=self.within)
        counts = Counter(alarm.severity for report in reports for alarm in report.alarms)
        failed = counts["fault"] or (self.fail_on == "caution" and counts["caution"])
        code = 3 if failed else 0
        if self.html is not None:
            from lotterylab.report.audit_page import write_audit

            write_audit(reports, self.html.expanduser(), title=self._title(), command=self._line())
        if self.json:
            print_json(
                {
                    "verdict": "fault" if counts["fault"] else "caution" if counts["caution"] else "ok",
                    "faults": counts["fault"],
                    "cautions": counts["caution"],
                    "exit_code": code,
                    "reports": [report.as_json() for report in reports],
                }
            )
            return code
        for report in reports:
            print("\n".join(report.lines()))
        numbers = (("place", len(reports)), ("fault", counts["fault"]), ("caution", counts["caution"]))
        places, *rest = (f"{count} {word}{'' if count == 1 else 's'}" for word, count in numbers)
        print(f"{places} looked at: {', '.join(rest)}.")
        return code

    def _line(self) -> str:
        """Return the command line."""
        words = ["lotterylab", "audit", str(self.folder), *([str(self.end)] if self.end else [])]
        words += ["--requested", f"{self.requested:g}"] if self.requested is not None else []
        words += ["--within", self.within] if self.within else []
        return shlex.join([*words, "--html", str(self.html)])

    def _title(self) -> str:
        return self.folder.name if self.end is None else f"{self.folder.name} and {self.end.name}"


@dataclass(frozen=True, kw_only=True)
class Verify(Declared):
    """Compare every file of the store with its checksum and its name."""

    place: Place
    repair: bool = option(
        False, help="Set damaged files aside, so that run computes their results again; needs the lock"
    )

    def __call__(self) -> int:
        """Print the damaged files, and return 5 if any is left."""
        from lotterylab.engine import verify

        store = self.place.open(to_read=True)
        damage = list(verify.verify(store))
        print("\n".join([*map(str, damage), *self._verdict(damage)]))
        if damage and self.repair:
            with store.lock():
                verify.repair(store, damage)
            print("\n".join(store.files.moved))
            damage = list(verify.verify(store))
            print("Repaired; run computes again what is needed." if not damage else f"{len(damage)} are left.")
        return 5 if damage else 0

    def _verdict(self, damage: list[Damage]) -> list[str]:
        if not damage:
            return ["All blobs and manifests are whole."]
        advice = "" if self.repair else " verify --repair sets them aside; run computes again what it needs."
        return [f"{len(damage)} damaged.{advice}"]
