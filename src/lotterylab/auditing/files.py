"""Files of a folder are matched to the roles of the audit by their names."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from lotterylab.errors import UsageError
from lotterylab.formats.checkpoints import SUFFIXES
from lotterylab.formats.shards import INDEX, PIECE

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
KNOWN = (  # the files of Hugging Face, in the order in which they are taken
    *("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"),
    *("adapter_model.safetensors", "adapter_model.bin"),
)
OTHERS = re.compile(r"optim|scheduler|scaler|rng|random_states?|training_args|trainer_state|tokenizer")
NO_NETWORK = r"mask|earlier|score|grad"
SHARED = ("init", "dense")  # roles that an arm may take from an arm above it


def tensor_files(folder: Path) -> list[Path]:
    """Return the files of tensors, and the indexes of files, sorted; the reader refuses pipes and broken links."""
    names = (path for path in folder.iterdir() if _plain(path).suffix in SUFFIXES or path.name.endswith(INDEX))
    return sorted(path for path in names if not path.is_dir())


def exact(folder: Path, role: str) -> Path | None:
    """Return the folder's file whose stem is the role's name, or None."""
    stems, _ = ROLES[role]
    return _only([path for path in tensor_files(folder) if _plain(path).stem in stems], role)


def stranger(folder: Path) -> dict[str, Path]:
    """Return the files by role, by exact stem first and then by words in the name; {} without an end state.

    The only file of a network that has no such word is the end state.
    """
    files = {role: path for role in ROLES if (path := exact(folder, role))}
    unmatched = [path for path in tensor_files(folder) if path not in files.values()]
    for role, (_, pattern) in ROLES.items():
        found = [path for path in unmatched if re.search(pattern, _plain(path).stem.lower()) and not _is_other(path)]
        if role not in files and (path := _only(found, role)):
            files[role] = path
    for path in set(files.values()):
        roles = [role for role in files if files[role] == path]
        if len(roles) > 1:
            names = " or ".join(role + path.suffix for role in roles)
            raise UsageError(f"the name of {path} matches {' and '.join(roles)}. Name it {names}.")
    if "end" not in files and (path := network_file(folder, among=unmatched, taken=files.values())):
        files["end"] = path
    return files if "end" in files else {}


def network_file(folder: Path, *, among: Sequence[Path] | None = None, taken: Collection[Path] = ()) -> Path | None:
    """Return the file of the folder's network, its index or its first piece; None without any.

    Files of Hugging Face are known by their names.  Optimizers, schedulers, random states and masks are no networks.

    Args:
        folder: the folder, for errors.
        among: the files to choose from; all of the folder by default.
        taken: files that have another role.

    Raises:
        UsageError: several files could be the network, or it is a checkpoint of torch.distributed.
    """
    if parts := sorted(folder.glob("*.distcp"))[:1]:
        raise UsageError(
            f"{parts[0]} is a part of a distributed checkpoint. Convert it to one file: "
            "python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER end.pt"
        )
    files = [path for path in (tensor_files(folder) if among is None else among) if path not in taken]
    files = [path for path in files if not _is_other(path) and not re.search(NO_NETWORK, path.stem.lower())]
    known = [path for name in KNOWN for path in files if path.name == name]
    if known:
        return known[0]
    indexed = {path.name.removesuffix(INDEX).partition(".")[0] for path in files if path.name.endswith(INDEX)}
    pieces = {path: piece for path in files if (piece := PIECE.match(path.name))}
    firsts = {path for path, piece in pieces.items() if int(piece[2]) == 1 and piece[1] not in indexed}
    left = [path for path in files if path not in pieces or path in firsts]
    if len(left) > 1:
        listed = ", ".join(str(path) for path in left[:4]) + (f" and {len(left) - 4} more" if len(left) > 4 else "")
        raise UsageError(
            f"{listed} could all be the network. Name the file itself: lotterylab audit {left[0]}, or name one "
            f"end{left[0].suffix}."
        )
    return left[0] if left else None


def _plain(path: Path) -> Path:
    """Return the path without the ".tar" that many scripts put behind ".pth"; such a file is not an archive."""
    return path.with_suffix("") if path.suffix == ".tar" else path


def _is_other(path: Path) -> bool:
    return bool(OTHERS.search(path.name.lower()))


def _only(paths: list[Path], role: str) -> Path | None:
    if len(paths) > 1:
        listed = " and ".join(str(path) for path in paths)
        raise UsageError(f"{listed} could all be {role}. Name one {role}{paths[0].suffix}, and move the others away.")
    return paths[0] if paths else None
