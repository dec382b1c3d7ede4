"""Two checkpoints are audited: one before a training, and one after it."""

from __future__ import annotations

from pathlib import Path

from lotterylab.auditing.files import exact, network_file, stranger, tensor_files
from lotterylab.auditing.folder import read_role
from lotterylab.auditing.inferred import inferred_mask
from lotterylab.auditing.judging import judged
from lotterylab.auditing.reports import Report
from lotterylab.auditing.runs import read_run
from lotterylab.errors import UsageError
from lotterylab.formats.checkpoints import Checkpoint
from lotterylab.formats.text import shown, shown_path
from lotterylab.masks import algebra
from lotterylab.masks.counts import Share

TIMES = 10  # as many zeros in the end as in the start: the start was not pruned


def audit_pair(start: str | Path, end: str | Path, *, requested: Share | None = None, within: str = "") -> list[Report]:
    """Audit two checkpoints, the start and the end of a training; nothing is written.

    If the end has more than ten times the zeros of the start, the start is taken for the dense network that was pruned.
    A ``mask.*`` in either folder, and a ``run.json`` in the end's, are read too.

    Args:
        start: a file, or a folder with one network, in any layout that ``audit_folder`` reads.
        end: the same, of the same network.
        requested: the requested sparsity, if ``run.json`` does not state it.
        within: the keys of the network in files that hold several.

    Raises:
        UsageError: a path has no network, or several, or the two are of different networks.

    Examples:
        >>> import tempfile, torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     torch.save({"weight": torch.tensor([[0.0, 1.0]])}, f"{folder}/before.pt")
        ...     torch.save({"weight": torch.tensor([[0.5, 1.5]])}, f"{folder}/after.pt")
        ...     (report,) = audit_pair(f"{folder}/before.pt", f"{folder}/after.pt")
        >>> [alarm.code for alarm in report.alarms]
        ['moved', 'mask-inferred']
    """
    paths = {role: _network(Path(place)) for role, place in (("start", start), ("end", end))}
    given = {role: read_role(role, path, within) for role, path in paths.items()}
    files = {role: shown_path(path) for role, path in paths.items()}
    folders = [place for place in (Path(end), Path(start)) if place.is_dir()]
    mask = next((path for folder in folders if (path := exact(folder, "mask"))), None)
    if mask is not None:
        given["mask"], files["mask"] = read_role("mask", mask, within), shown_path(mask)
    masked = mask is not None or any(checkpoint.mask for checkpoint in given.values())
    if TIMES * _removed(given["start"]) < _removed(given["end"]):
        given["dense"], files["dense"] = given.pop("start"), files.pop("start")
    run = read_run(Path(end) / "run.json") if Path(end).is_dir() else {}
    unread = [path.name for folder in folders for path in tensor_files(folder) if path not in (*paths.values(), mask)]
    where = f"{Path(start).name} to {Path(end).name}"
    return [
        judged(
            where,
            given,
            files=files,
            run=run,
            requested=requested,
            unread=unread,
            place=f"{start}, {end}",
            infer=not masked and "dense" in given,
        )
    ]


def _network(place: Path) -> Path:
    """Return the file of the network in a folder, or the file itself.

    Raises:
        UsageError: there is no such path, or no file of a network in it.
    """
    if not place.is_dir():
        if not place.exists():
            raise UsageError(f"there is no file or folder {shown_path(place)}. Name a checkpoint or its folder.")
        return place
    path = exact(place, "end") or stranger(place).get("end") or network_file(place)
    if path is None:
        found = ", ".join(sorted(shown(each.name, most=80) for each in place.iterdir())[:12]) or "nothing"
        raise UsageError(f"{shown_path(place)} holds no file of a network. Found: {found}. Name the file.")
    return path


def _removed(checkpoint: Checkpoint) -> int:
    """Count the zeros among the weights of a checkpoint, or what its mask removes."""
    mask = checkpoint.mask or inferred_mask(checkpoint.tensors, None, [checkpoint.tensors], "start").mask
    return algebra.entries(mask) - algebra.kept(mask)
