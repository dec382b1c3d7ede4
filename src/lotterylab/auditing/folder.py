"""Folders of checkpoints are audited, whether this package or another wrote them.

    study/                  all arms below share this init and dense
        init.pt  dense.pt
        magnitude/
            0.5/            an arm: it holds end.* or final.*
                mask.safetensors  start.safetensors  end.safetensors  run.json
            0.9/ ...        arms of the same folder are compared with each other

Files are .safetensors, or of ``torch.save`` (.pt, .pth, .ckpt, .bin), or an index of several; a pickle is read as
weights alone and no code in it is run.  ``formats.networks`` says which tensors of a file are the network.  States of
pruning libraries give their masks, and the masked weights that the module uses (``formats.layouts``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from lotterylab.auditing import alarms, run_alarms
from lotterylab.auditing.alarms import Alarm
from lotterylab.auditing.evidence import MASKS
from lotterylab.auditing.files import ROLES, SHARED, exact, stranger, tensor_files
from lotterylab.auditing.judging import judged
from lotterylab.auditing.reports import Report
from lotterylab.auditing.runs import read_run
from lotterylab.errors import UsageError
from lotterylab.formats.checkpoints import SUFFIXES, Checkpoint, read_checkpoint
from lotterylab.formats.shards import read_network
from lotterylab.formats.text import shown
from lotterylab.masks.counts import Share
from lotterylab.masks.files import mask_of
from lotterylab.system.places import missing, place
from lotterylab.system.refusals import reading


def audit_folder(folder: str | Path, *, requested: Share | None = None, within: str = "") -> list[Report]:
    """Audit all arms at and below ``folder``, and compare the arms of each folder; nothing is written.

    A role that an arm lacks is read from the nearest folder above, up to ``folder``; a folder that is itself an arm
    passes on only init and dense.  Without any arm, the files of ``folder`` are matched by words in their names
    ("resnet_init.pt", "pruned_model.pth", "masks.pt"), and the only file of a network is the end state
    ("model.safetensors", its index, "last.ckpt").

    Args:
        folder: a folder with the layout above, or the file of an end state.
        requested: the requested sparsity of arms whose ``run.json`` does not state it.
        within: the keys of the network in files that hold several, "netG" or "state.model".

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
    root = place(folder, "folder of checkpoints")
    if os.path.isfile(root):
        return [judge_file(root, requested, within)]
    if not os.path.isdir(root):
        raise UsageError(f"{missing('folder', root)}. Name a folder of checkpoints, or a file.")
    with reading(root):
        arms = _arms(root)
        files_of = {arm: _files(root, arm, arms) for arm in arms} or {root: stranger(root)}
    if not files_of[next(iter(files_of))]:
        raise UsageError(_expected(root))
    shared: dict[Path, Checkpoint] = {}
    alone = len(files_of) == 1
    reports = {
        arm: _report_or_fault(
            root, arm, partial(_report, root, arm, files_of[arm], requested, shared, within), alone=alone
        )
        for arm in files_of
    }
    return [*reports.values(), *_comparisons(root, reports)]


def judge_file(path: Path, requested: Share | None, within: str = "") -> Report:
    """Return the report on one file, the end state; nothing beside it is read."""
    given = {"end": read_role("end", path, within)}
    return judged(path.name, given, files={"end": path.name}, run={}, requested=requested, place=str(path))


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


def _report_or_fault(root: Path, arm: Path, read: Callable[[], Report], *, alone: bool) -> Report:
    """Return the arm's report; an unreadable arm among several gets a fault instead, so that the others are read."""
    try:
        return read()
    except UsageError as error:
        if alone:
            raise
        where = _name(root, arm)
        fault = tuple(alarms.one("unreadable", str(error), where, "fault"))
        return Report(where=where, facts={"requested": None, "evidence": ()}, alarms=fault)


def _report(
    root: Path,
    arm: Path,
    files: Mapping[str, Path],
    requested: Share | None,
    shared: dict[Path, Checkpoint],
    within: str,
) -> Report:
    run = read_run(arm / "run.json")
    given: dict[str, Checkpoint] = {}
    for role, path in files.items():
        given[role] = shared[path] if path in shared else read_role(role, path, within)
        if path.parent != arm:  # a shared file is read once for all arms
            shared[path] = given[role]
    return judged(
        _name(root, arm),
        given,
        files={role: path.name for role, path in files.items()},
        run=run,
        requested=requested,
        unread=[path.name for path in tensor_files(arm) if path not in files.values()],
        place=str(arm),
    )


def read_role(role: str, path: Path, within: str) -> Checkpoint:
    """Return the network, or the mask, in the file of a role."""
    if role not in MASKS:
        return read_network(path, within=within)
    checkpoint = read_checkpoint(path, wanted="mask")
    return replace(checkpoint, tensors=dict(mask_of(checkpoint, where=str(path))), mask=None)


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
        "arms, the folder needs one file of a network, or one with 'end', 'final' or 'pruned' in its name. Found: "
        f"{listed or 'nothing'}."
    )
