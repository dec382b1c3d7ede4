"""Tensors on disk: safetensors and weights-only ``.pt`` in, safetensors out, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".safetensors", ".pt", ".pth")
WRITING = ".writing-"  # how the names of files begin that are not whole yet


def write_atomically(path: str | Path, data: bytes) -> None:
    """Write, fsync, rename, fsync the folder: a reader sees the old file or the whole new one."""
    path = Path(path)
    temporary = path.parent / f"{WRITING}{secrets.token_hex(8)}"  # tempfile's would be readable by its owner alone
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def serialize(tensors: Mapping[str, Tensor]) -> bytes:
    """Safetensors bytes; the same tensors give the same bytes, whatever their order or memory layout."""
    from safetensors.torch import save

    # one key at most: with more, the format's writer orders them by chance
    return save({name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)})


def deserialize(data: bytes) -> dict[str, Tensor]:
    """The tensors of safetensors bytes, in the order of their names: the format's reader gives them in no order."""
    from safetensors.torch import load

    return dict(sorted(load(data).items()))


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor]) -> str:
    """Write safetensors atomically and return the SHA-256 of the bytes."""
    data = serialize(tensors)
    write_atomically(path, data)
    return hashlib.sha256(data).hexdigest()


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """A flat dict of tensors from a ``.safetensors``, ``.pt`` or ``.pth`` file; no code in it is ever run."""
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"no file {path}.")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return dict(sorted(load_file(path).items()))
        except SafetensorError as error:
            raise UsageError(f"{path} is not a whole safetensors file ({error}).") from error
    return _read_pickle(path)


def _read_pickle(path: Path) -> dict[str, Tensor]:
    import warnings

    import torch

    try:
        with warnings.catch_warnings(action="ignore"):  # torch warns of pickles that it then refuses
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise nearly anything; whatever it is, no weights were read
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if "weights only load failed" in first.lower():  # torch goes on to explain how to run the code in it
            first = "it holds more than tensors: a module, or an optimizer's objects"
        raise UsageError(f"{path} cannot be read as weights alone ({first}). Save module.state_dict().") from error
    for wrapper in ("state_dict", "model", "model_state_dict", "mask"):  # the usual ways to wrap one
        if isinstance(loaded, dict) and isinstance(loaded.get(wrapper), dict):
            loaded = loaded[wrapper]
    tensors = (
        {name: value for name, value in loaded.items() if torch.is_tensor(value)} if isinstance(loaded, dict) else {}
    )
    if not tensors:
        raise UsageError(f"{path} holds no dict of tensors but a {type(loaded).__name__}. Save module.state_dict().")
    return tensors
