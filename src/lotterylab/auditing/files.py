"""Which file of a folder holds which tensors."""

from __future__ import annotations

import re
from pathlib import Path

from lotterylab.errors import UsageError
from lotterylab.formats.blobs import SUFFIXES

# role: the stems that name it, and what a stranger's name for it contains ("end" must stand alone: not "backend")
ROLES = {
    "init": (("init",), r"init"),
    "dense": (("dense",), r"dense"),
    "start": (("start",), r"start"),
    "end": (("end", "final"), r"pruned|final|(?<![a-z])end(?![a-z])"),
    "mask": (("mask",), r"mask"),
    "earlier": (("earlier",), r"earlier"),
    "scores": (("scores",), r"score"),
    "gradients": (("gradients",), r"grad"),
}
MASKS = ("mask", "earlier")
SHARED = ("init", "dense")  # what arms may have in common with an arm above them


def tensor_files(folder: Path) -> list[Path]:
    """The files that may hold tensors, by their suffix, sorted; a pipe or a broken link among them is for the reader
    to refuse."""
    return sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and not path.is_dir())


def exact(folder: Path, role: str) -> Path | None:
    """The file of the folder whose stem is the role's name."""
    stems, _ = ROLES[role]
    return _only([path for path in tensor_files(folder) if path.stem in stems], role)


def stranger(folder: Path) -> dict[str, Path]:
    """The files by role, by exact stem first, then by words in the name; none if there is no end state."""
    files = {role: path for role in ROLES if (path := exact(folder, role))}
    free = [path for path in tensor_files(folder) if path not in files.values()]
    for role, (_, word) in ROLES.items():
        if role not in files and (path := _only([p for p in free if re.search(word, p.stem.lower())], role)):
            files[role] = path
    for path in set(files.values()):
        roles = [role for role in files if files[role] == path]
        if len(roles) > 1:
            names = " or ".join(role + path.suffix for role in roles)
            raise UsageError(f"the name of {path} says {' and '.join(roles)}. Name it {names}.")
    return files if "end" in files else {}


def _only(paths: list[Path], role: str) -> Path | None:
    if len(paths) > 1:
        listed = " and ".join(str(path) for path in paths)
        raise UsageError(f"{listed}: which of them is {role}? Name it {role}{paths[0].suffix}, move the rest away.")
    return paths[0] if paths else None
