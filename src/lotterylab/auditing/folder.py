"""Folders of checkpoints are audited, whether this package or another wrote them.

    study/                  all arms below share this init and dense
        init.pt  dense.pt
        magnitude/
            0.5/            an arm: it holds end.* or final.*
                mask.safetensors  start.safetensors  end.safetensors  run.json
            0.9/ ...        arms of the same folder are compared with each other

Files are .safetensors, .pt or .pth; a pickle is read as weights alone and no code in it is run.  A state of
``torch.nn.utils.prune`` gives its masks, and the masked weights that the module uses.
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
from lotterylab.masks.counts import Share
from lotterylab.masks.files import load_mask

if TYPE_CHECKING:
    from torch import Tensor

AT_INITIALISATION = ("snip", "grasp", "synflow")  # criteria whose papers score the network before any training


@dataclass(frozen=True, kw_only=True)
class Report:
    """A ``Report`` holds the findings about one arm, or between the arms of one folder.

    Args:
        where: the path below the audited folder.
        facts: the content of ``run.json``, "evidence" (the names of the known tensors and facts), "unread" (files
            whose names match no role), and the mask's "entries", "removed", "reached", "mask_digest",
            "mask_inferred_from" and, if the dense state is known, "removed_among_smallest".  A report between arms has
            "compared", the arms' names.
        alarms: the alarms, faults first.

    Examples:
        >>> Report(where="magnitude/0.5", facts={"evidence": ("mask", "end"), "reached": 0.5}).lines()
        ['OK magnitude/0.5: no alarm from mask, end']
    """

    where: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    alarms: tuple[Alarm, ...] = ()

    def lines(self) -> list[str]:
        """Return a line for each alarm, or an OK line without alarms, and a line of unread files."""
        where = shown_path(self.where)
        lines = [f"{a.severity.upper()} {a.code} {where}: {shown(a.message, most=None)}" for a in self.alarms]
        if not lines:
            blind = "" if "reached" in self.facts else "; no mask is known"
            lines.append(f"OK {where}: no alarm from {', '.join(self.facts['evidence'])}{blind}")
        if self.facts.get("unread"):
            lines.append(f"NOTE not-read {where}: {', '.join(map(shown, self.facts['unread']))}")
        return lines


def audit_folder(folder: str | Path, *, requested: Share | None = None) -> list[Report]:
    """Audit all arms at and below ``folder``, and compare the arms of each folder; nothing is written.

    A role that an arm lacks is read from the nearest folder above, up to ``folder``; a folder that is itself an arm
    passes on only init and dense.  Without any arm, the files of ``folder`` are matched by words in their names
    ("resnet_init.pt", "pruned_model.pth", "masks.pt").

    Args:
        folder: a folder with the layout above.
        requested: the requested sparsity of arms whose ``run.json`` does not state it.

    Raises:
        UsageError: there is no arm, or one role has two files.  If the only arm has an unreadable file, an unknown key
            in ``run.json`` or tensors that do not fit each other, that is refused too; among several arms it is the
            alarm "unreadable" of its arm.

    Examples:
        >>> import tempfile, torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     torch.save({"weight": torch.tensor([[0.0, 1.0]])}, f"{folder}/end.pt")
        ...     [alarm.code for report in audit_folder(folder, requested=0.5) for alarm in report.alarms]
        ['mask-inferred']
    """
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(f"there is no folder {root}. Name a folder of checkpoints.")
    arms = _arms(root)
    files_of = {arm: _files(root, arm, arms) for arm in arms} or {root: stranger(root)}
    if not files_of[next(iter(files_of))]:
        raise UsageError(_expected(root))
    shared: dict[Path, dict[str, Tensor]] = {}
    alone = len(files_of) == 1
    reports = {arm: _report_or_fault(root, arm, files_of[arm], requested, shared, alone=alone) for arm in files_of}
    return [*reports.values(), *_comparisons(root, reports)]


def _arms(root: Path) -> list[Path]:
    arms = []
    for path, folders, _ in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if exact(Path(path), "end"):
            arms.append(Path(path))
    return arms


def _files(root: Path, arm: Path, arms: list[Path]) -> dict[str, Path]:
    """Return the file of each role, from the arm or the nearest folder above it."""
    chain = [arm, *(above for above in arm.parents if above.is_relative_to(root))]
    files = {}
    for role in ROLES:
        for folder in chain:
            if folder != arm and (role == "end" or (folder in arms and role not in SHARED)):
                continue
            if path := exact(folder, role):
                files[role] = path
                break
    return files


def _report_or_fault(
    root: Path,
    arm: Path,
    files: Mapping[str, Path],
    requested: Share | None,
    shared: dict[Path, dict[str, Tensor]],
    *,
    alone: bool,
) -> Report:
    """Return the arm's report; an unreadable arm among several gets a fault instead, so that the others are read."""
    try:
        return _report(root, arm, files, requested, shared)
    except UsageError as error:
        if alone:
            raise
        where = _name(root, arm)
        fault = tuple(alarms.one("unreadable", str(error), where, "fault"))
        return Report(where=where, facts={"requested": None, "evidence": ()}, alarms=fault)


def _report(
    root: Path, arm: Path, files: Mapping[str, Path], requested: Share | None, shared: dict[Path, dict[str, Tensor]]
) -> Report:
    run = read_run(arm / "run.json")
    where = _name(root, arm)
    asked = run.get("requested", requested)
    given: dict[str, Mapping[str, Tensor]] = {}
    for role, path in files.items():
        given[role] = shared[path] if path in shared else _read(role, path)
        if path.parent != arm:  # a shared file is read once for all arms
            shared[path] = dict(given[role])
    for role in [role for role in given if role not in MASKS]:
        given[role], mask = folded(given[role])
        if role == "end" and mask:
            given.setdefault("mask", mask)
    try:
        run_facts = Run(**{field.name: run.get(field.name) for field in dataclasses.fields(Run)})
        tensors = evidence.gather(asked, **given)
        raised = [
            *states.inspect(tensors, asked, granularity=run.get("granularity", "weight"), where=where),
            *states.inspect_run(tensors, run_facts, where=where),
            *_scored_on(run, where),
        ]
        described = states.describe(tensors)
    except UsageError as error:
        raise UsageError(f"{arm}: {error}") from error
    except (RuntimeError, ArithmeticError, MemoryError) as error:  # torch raises these
        reason = shown(f"{type(error).__name__}: {error}")
        raise UsageError(f"{arm}: its tensors cannot be compared ({reason}). Save them as float32.") from error
    unread = sorted(path.name for path in tensor_files(arm) if path not in files.values())
    known = (*tensors.known(), *run_facts.known(), *(["scored_on"] if "scored_on" in run else []))
    facts = {**run, "requested": asked, "evidence": known if asked is None else (*known, "requested"), "unread": unread}
    return Report(where=where, facts={**facts, **described}, alarms=tuple(alarms.ordered(raised)))


def _read(role: str, path: Path) -> Mapping[str, Tensor]:
    return load_mask(path) if role in MASKS else read_tensors(path)


def _scored_on(run: Mapping[str, Any], where: str) -> list[Alarm]:
    method = run.get("method", "")
    at_init = any(word in method.lower() for word in AT_INITIALISATION)
    return run_alarms.scored_on_trained(at_init and run.get("scored_on") == "trained", method=method, where=where)


def _comparisons(root: Path, reports: Mapping[Path, Report]) -> list[Report]:
    """Report arms of a folder that share a mask for different requests of one method, or differ in data order."""
    comparisons = []
    for parent in dict.fromkeys(arm.parent for arm in reports if arm != root):
        where = _name(root, parent)
        siblings = {arm.name: report.facts for arm, report in reports.items() if arm.parent == parent}
        raised: list[Alarm] = []
        for method in dict.fromkeys(facts.get("method") for facts in siblings.values()):
            arms = {
                name: facts
                for name, facts in siblings.items()
                if facts.get("method") == method and facts["requested"] is not None and "mask_digest" in facts
            }
            for units in dict.fromkeys(facts["units"] for facts in arms.values()):
                targets = {
                    name: (facts["requested"], facts["mask_digest"])
                    for name, facts in arms.items()
                    if facts["units"] == units
                }
                raised += alarms.identical_masks(targets, units=units, where=where)
        orders = {name: facts["order"] for name, facts in siblings.items() if "order" in facts}
        raised += run_alarms.different_order(orders, where=where)
        if raised:
            compared = {"compared": tuple(siblings)}
            comparisons.append(Report(where=where, facts=compared, alarms=tuple(alarms.ordered(raised))))
    return comparisons


def _name(root: Path, arm: Path) -> str:
    return arm.relative_to(root).as_posix() if arm != root else root.resolve().name


def _expected(root: Path) -> str:
    names = sorted(shown(f"{path.name}/" if path.is_dir() else path.name, most=80) for path in root.iterdir())
    listed = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return (
        f"there is no arm at or below {root}. An arm is a folder with end.* or final.* ({', '.join(SUFFIXES)}); it may "
        f"have a run.json and, there or above, any of {', '.join(role for role in ROLES if role != 'end')}. Without "
        f"arms, a file needs 'end', 'final' or 'pruned' in its name. Found: {listed or 'nothing'}."
    )
