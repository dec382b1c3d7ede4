"""Files of a folder are matched to the roles of the audit by their names."""

from __future__ import annotations

import re
from pathlib import Path

from lotterylab.errors import UsageError
from lotterylab.formats.blobs import SUFFIXES

# role: (its file stems, the pattern in other people's file names); "end" must not match "backend"
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
SHARED = ("init", "dense")  # roles that an arm may take from an arm above it


def tensor_files(folder: Path) -> list[Path]:
    """Return the files with a suffix of tensor files, sorted; the reader refuses pipes and broken links."""
    return sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and not path.is_dir())


def exact(folder: Path, role: str) -> Path | None:
    """Return the folder's file whose stem is the role's name, or None."""
    stems, _ = ROLES[role]
    return _only([path for path in tensor_files(folder) if path.stem in stems], role)


def stranger(folder: Path) -> dict[str, Path]:
    """Return the files by role, by exact stem first and then by words in the name; {} without an end state."""
    files = {role: path for role in ROLES if (path := exact(folder, role))}
    unmatched = [path for path in tensor_files(folder) if path not in files.values()]
    for role, (_, pattern) in ROLES.items():
        if role not in files and (path := _only([p for p in unmatched if re.search(pattern, p.stem.lower())], role)):
            files[role] = path
    for path in set(files.values()):
        roles = [role for role in files if files[role] == path]
        if len(roles) > 1:
            names = " or ".join(role + path.suffix for role in roles)
            raise UsageError(f"the name of {path} matches {' and '.join(roles)}. Name it {names}.")
    return files if "end" in files else {}


def _only(paths: list[Path], role: str) -> Path | None:
    if len(paths) > 1:
        listed = " and ".join(str(path) for path in paths)
        raise UsageError(f"{listed} could all be {role}. Name one {role}{paths[0].suffix}, and move the others away.")
    return paths[0] if paths else None
