"""Networks whose tensors lie in several files: an index of Hugging Face, or files that count themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lotterylab.errors import UsageError
from lotterylab.formats.checkpoints import Checkpoint, checkpoint_in, flat_tensors, read_checkpoint
from lotterylab.formats.foreign import text
from lotterylab.formats.text import shown, shown_path

if TYPE_CHECKING:
    from torch import Tensor

INDEX = ".index.json"
PIECE = re.compile(r"^(.*)-(\d{5})-of-(\d{5})(\.[a-z]+)$")  # model-00001-of-00003.safetensors
MOST_BYTES = 64 << 20  # of an index; one of 100,000 tensors has 10 MB
MOST_FILES = 10_000


def read_network(path: Path, *, within: str = "") -> Checkpoint:
    """Return the network in a file, or in all files that an index (``*.index.json``) or a first piece names.

    Args:
        path: a file of tensors, an index, or a piece such as "model-00001-of-00003.safetensors".
        within: the keys of the network in the file, if the choice is the caller's.

    Raises:
        UsageError: a file cannot be read or is missing, or the index names files outside its folder, or tensors that
            are not there.
    """
    if path.name.endswith(INDEX):
        tensors = _by_index(path)
    elif piece := PIECE.match(path.name):
        tensors = _by_count(path, piece)
    else:
        return read_checkpoint(path, within=within)
    return checkpoint_in(tensors, where=shown_path(path), within=within)


def _by_index(path: Path) -> dict[str, Tensor]:
    named = shown_path(path)
    try:
        index = json.loads(text(path, most=MOST_BYTES))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{named} is not JSON ({shown(str(error))}).") from error
    places = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
        raise UsageError(f"{named} has no 'weight_map' from tensors to files, as an index of Hugging Face has.")
    files = list(dict.fromkeys(places.values()))
    for name in files[:MOST_FILES]:
        if Path(name).name != name or name.startswith(".") or "\0" in name:
            raise UsageError(f"{named} names the file '{shown(name)}'; only files beside the index are read.")
    if len(files) > MOST_FILES:
        raise UsageError(f"{named} names {len(files):,} files; at most {MOST_FILES:,} are read.")
    held = _union(path.parent, files)
    missing = [name for name, file in places.items() if name not in held or held[name][0] != file]
    if missing:
        file = places[missing[0]]
        raise UsageError(
            f"{named} puts '{shown(missing[0])}' into {shown(file)}, which does not have it ({len(missing)} such "
            "tensors). Fetch the files of one version."
        )
    return {name: held[name][1] for name in places}


def _by_count(path: Path, piece: re.Match[str]) -> dict[str, Tensor]:
    before, _, count, suffix = piece.groups()
    if not 1 <= int(count) <= MOST_FILES:
        raise UsageError(f"{shown_path(path)} counts {int(count):,} files; from 1 to {MOST_FILES:,} are read.")
    files = [f"{before}-{number:05}-of-{count}{suffix}" for number in range(1, int(count) + 1)]
    return {name: tensor for name, (_, tensor) in _union(path.parent, files).items()}


def _union(folder: Path, files: Iterable[str]) -> Mapping[str, tuple[str, Tensor]]:
    """Return the tensors of all files by name, each with its file.

    Raises:
        UsageError: a file is missing, or two files have a tensor of the same name.
    """
    held: dict[str, tuple[str, Tensor]] = {}
    for file in files:
        for name, tensor in flat_tensors(folder / file).items():
            if name in held:
                raise UsageError(
                    f"{shown_path(folder)}: '{shown(name)}' is in {shown(held[name][0])} and in {shown(file)}."
                )
            held[name] = file, tensor
    return held
