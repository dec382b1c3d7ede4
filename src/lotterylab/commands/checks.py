"""The commands that look for faults: in checkpoints, and in a store."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lotterylab.asking.options import Declared, option
from lotterylab.commands.shared import Place, print_json

if TYPE_CHECKING:
    from lotterylab.engine.verify import Damage


@dataclass(frozen=True, kw_only=True)
class Audit(Declared):
    """Report faults in a folder of checkpoints: .safetensors, or .pt files read as weights alone."""

    folder: Path = option(
        help="A folder with end.* (and init, dense, start, mask, run.json, if any), or a folder of such folders",
        shown="FOLDER",
        positional=True,
    )
    requested: float | None = option(
        None, help="The requested sparsity, for runs whose run.json does not have it", least=0
    )
    json: bool = option(False, help="The alarms as JSON")

    def __call__(self) -> int:
        """Print one line for each alarm, and return 3 if there is a fault."""
        from lotterylab.auditing import audit_folder

        reports = audit_folder(self.folder, requested=self.requested)
        alarms = [alarm for report in reports for alarm in report.alarms]
        faults = sum(alarm.severity == "fault" for alarm in alarms)
        if self.json:
            print_json([asdict(alarm) for alarm in alarms])
            return 3 if faults else 0
        for report in reports:
            print("\n".join(report.lines()))
        counts = (("place", len(reports)), ("fault", faults), ("caution", len(alarms) - faults))
        places, *numbers = (f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts)
        print(f"{places} looked at: {', '.join(numbers)}.")
        return 3 if faults else 0


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
