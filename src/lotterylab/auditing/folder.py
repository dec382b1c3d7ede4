"""The audit of a folder of checkpoints, of this package or of a stranger.

    study/                  init and dense are looked up here by all arms below
        init.pt  dense.pt
        magnitude/
            0.5/            an arm: it holds end.* or final.*
                mask.safetensors  start.safetensors  end.safetensors  run.json
            0.9/ ...        arms side by side are compared with each other

Files are .safetensors, .pt or .pth; a pickle is read as weights alone and no code in it is run.  Of a state of
``torch.nn.utils.prune`` the masks are known, and its weights are those that the module uses.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lotterylab.auditing import alarms, evidence, run_alarms, states
from lotterylab.auditing.alarms import Alarm
from lotterylab.auditing.files import MASKS, ROLES, SHARED, exact, stranger, tensor_files
from lotterylab.auditing.folded import folded
from lotterylab.auditing.runs import Run, read_run
from lotterylab.errors import UsageError
from lotterylab.formats.blobs import SUFFIXES, read_tensors
from lotterylab.formats.text import shown, shown_path
from lotterylab.masks import algebra
from lotterylab.masks.counts import Share

if TYPE_CHECKING:
    from torch import Tensor

AT_INITIALISATION = ("snip", "grasp", "synflow")  # criteria whose papers score the network before any training


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was found in one arm, or between the arms of one folder.

    ``where``: the path below the audited folder.  ``facts``: what ``run.json`` says, "evidence" (what was there to be
    looked at), "unread" (files that no role has the name of), and of the mask "entries", "removed", "reached",
    "mask_digest", "mask_inferred_from" and, where the dense state is known, "removed_among_smallest"; between arms
    "compared".
    """

    where: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    alarms: tuple[Alarm, ...] = ()

    def lines(self) -> list[str]:
        """One line an alarm, or one that says in what none was found; and one of files that were left aside."""
        where = shown_path(self.where)
        told = [f"{one.severity.upper()} {one.code} {where}: {shown(one.message, most=None)}" for one in self.alarms]
        if not told:
            blind = "" if "reached" in self.facts else "; no mask is known"
            told.append(f"OK {where}: no alarm from {', '.join(self.facts['evidence'])}{blind}")
        if self.facts.get("unread"):
            told.append(f"NOTE not-read {where}: {', '.join(map(shown, self.facts['unread']))}")
        return told


def audit_folder(folder: str | Path, *, requested: Share | None = None) -> list[Report]:
    """Audit all arms at and below ``folder``, then what arms side by side have in common; nothing is written.

    What an arm lacks is taken from the nearest folder above that has it, not above ``folder``; from a folder that is
    itself an arm only init and dense.  Without any arm, the files of ``folder`` itself are matched by words in their
    names ("resnet_init.pt", "pruned_model.pth", "masks.pt").

    Args:
        folder: see the layout above.
        requested: the sparsity asked for, for arms whose ``run.json`` does not say.

    Raises:
        UsageError: no arm, two files for one role; of the only arm, an unreadable file, an unknown key in ``run.json``,
            tensors that do not fit each other.  Among several arms that is the fault "unreadable" of one.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(f"no folder {root}.")
    arms = _arms(root)
    found = {arm: _files(root, arm, arms) for arm in arms} or {root: stranger(root)}
    if not found[next(iter(found))]:
        raise UsageError(_expected(root))
    shared: dict[Path, dict[str, Tensor]] = {}
    reports = {arm: _judged(root, arm, files, requested, shared, alone=len(found) == 1) for arm, files in found.items()}
    return [*reports.values(), *_comparisons(root, reports)]


def _arms(root: Path) -> list[Path]:
    arms = []
    for path, folders, _ in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if exact(Path(path), "end"):
            arms.append(Path(path))
    return arms


def _files(root: Path, arm: Path, arms: list[Path]) -> dict[str, Path]:
    """The file of each role that the arm or a folder above it has."""
    chain = [arm, *(above for above in arm.parents if above.is_relative_to(root))]
    files = {}
    for role in ROLES:
        for place in chain:
            if place != arm and (role == "end" or (place in arms and role not in SHARED)):
                continue
            if path := exact(place, role):
                files[role] = path
                break
    return files


def _judged(
    root: Path,
    arm: Path,
    files: Mapping[str, Path],
    requested: Share | None,
    shared: dict[Path, dict[str, Tensor]],
    *,
    alone: bool,
) -> Report:
    """The report; of one arm among several that cannot be read, a fault that says why, and the others are read."""
    try:
        return _report(root, arm, files, requested, shared)
    except UsageError as error:
        if alone:
            raise
        where = _name(root, arm)
        told = tuple(alarms.one("unreadable", str(error), where, "fault"))
        return Report(where=where, facts={"requested": None, "evidence": ()}, alarms=told)


def _report(
    root: Path, arm: Path, files: Mapping[str, Path], requested: Share | None, shared: dict[Path, dict[str, Tensor]]
) -> Report:
    run = read_run(arm / "run.json")
    where = _name(root, arm)
    asked = run.get("requested", requested)
    given: dict[str, Mapping[str, Tensor]] = {}
    for role, path in files.items():
        given[role] = shared[path] if path in shared else _read(role, path)
        if path.parent != arm:  # read once for all arms that use it
            shared[path] = dict(given[role])
    for role in [role for role in given if role not in MASKS]:
        given[role], held = folded(given[role])
        if role == "end" and held:
            given.setdefault("mask", held)
    try:
        judged = Run(**{field.name: run.get(field.name) for field in dataclasses.fields(Run)})
        found = evidence.gather(asked, **given)
        told = [
            *states.inspect(found, asked, granularity=run.get("granularity", "weight"), where=where),
            *states.inspect_run(found, judged, where=where),
            *_scored_on(run, where),
        ]
        described = states.describe(found)
    except UsageError as error:
        raise UsageError(f"{arm}: {error}") from error
    except (
        RuntimeError,
        ArithmeticError,
        MemoryError,
    ) as error:  # torch's own
        reason = shown(f"{type(error).__name__}: {error}")
        raise UsageError(f"{arm}: its tensors cannot be compared ({reason}). Save them as float32.") from error
    unread = sorted(path.name for path in tensor_files(arm) if path not in files.values())
    known = (*found.known(), *judged.known(), *(["scored_on"] if "scored_on" in run else []))
    facts = {**run, "requested": asked, "evidence": known if asked is None else (*known, "requested"), "unread": unread}
    return Report(where=where, facts={**facts, **described}, alarms=tuple(alarms.ordered(told)))


def _read(role: str, path: Path) -> Mapping[str, Tensor]:
    return algebra.load_mask(path) if role in MASKS else read_tensors(path)


def _scored_on(run: Mapping[str, Any], where: str) -> list[Alarm]:
    method = run.get("method", "")
    before = any(word in method.lower() for word in AT_INITIALISATION)
    return run_alarms.scored_on_trained(before and run.get("scored_on") == "trained", method=method, where=where)


def _comparisons(root: Path, reports: Mapping[Path, Report]) -> list[Report]:
    """Of the arms side by side: one mask for several requests of a method, and different data orders."""
    told = []
    for parent in dict.fromkeys(arm.parent for arm in reports if arm != root):
        where = _name(root, parent)
        side_by_side = {arm.name: report.facts for arm, report in reports.items() if arm.parent == parent}
        found: list[Alarm] = []
        for method in dict.fromkeys(facts.get("method") for facts in side_by_side.values()):
            arms = {
                name: facts
                for name, facts in side_by_side.items()
                if facts.get("method") == method and facts["requested"] is not None and "mask_digest" in facts
            }
            for units in dict.fromkeys(facts["units"] for facts in arms.values()):
                targets = {
                    name: (facts["requested"], facts["mask_digest"])
                    for name, facts in arms.items()
                    if facts["units"] == units
                }
                found += alarms.identical_masks(targets, units=units, where=where)
        orders = {name: facts["order"] for name, facts in side_by_side.items() if "order" in facts}
        found += run_alarms.different_order(orders, where=where)
        if found:
            compared = {"compared": tuple(side_by_side)}
            told.append(Report(where=where, facts=compared, alarms=tuple(alarms.ordered(found))))
    return told


def _name(root: Path, arm: Path) -> str:
    return arm.relative_to(root).as_posix() if arm != root else root.resolve().name


def _expected(root: Path) -> str:
    names = sorted(shown(f"{path.name}/" if path.is_dir() else path.name, most=80) for path in root.iterdir())
    listed = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return (
        f"no arm at or below {root}. An arm is a folder with end.* or final.* ({', '.join(SUFFIXES)}) and, there or "
        f"above, any of {', '.join(role for role in ROLES if role != 'end')}; it may have a run.json. Without arms, a "
        f"file with 'end', 'final' or 'pruned' in its name is looked for. Found: {listed or 'nothing'}."
    )
