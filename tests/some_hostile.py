"""Files of a stranger who means harm, and how each is read: a table that grows with every trick that somebody finds.

``hostile_files`` makes them.  ``python some_hostile.py FOLDER`` reads each in a process of its own with bounds on
memory and time, and prints one line of JSON a file.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import signal
import struct
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from lotterylab.errors import LotteryError
from some_hostile_checkpoints import checkpoints
from some_hostile_data import data_files
from some_hostile_texts import texts

MEGABYTE = 1 << 20
SPARE = 320 * MEGABYTE  # memory that reading may take besides three times the bytes of the file
SECONDS, WAITING = 20, 120  # of work, and of waiting on a busy machine


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a file.  ``ended``: "refused", "harmless", or what went wrong; ``text``: all that a person saw."""

    name: str
    path: str
    ended: str
    text: str
    megabytes: int
    seconds: float


def hostile_files(folder: Path) -> list[tuple[str, Path, str]]:
    """(what it is, its path, how to read it: a key of ``READERS``); made below ``folder``."""
    made = [*checkpoints(folder / "checkpoints"), *texts(folder / "texts"), *data_files(folder / "data")]
    assert len({name for name, _, _ in made}) == len(made)
    return made


def _tensors(path: Path) -> str:
    from lotterylab.formats.checkpoints import read_tensors

    tensors = read_tensors(path)
    return f"{len(tensors)} tensors, {sum(float(tensor.double().abs().sum()) for tensor in tensors.values())}"


def _mask(path: Path) -> str:
    from lotterylab.masks.algebra import sparsity
    from lotterylab.masks.files import load_mask

    return f"{sparsity(load_mask(path))}"


def _command(*words: str) -> str:
    """All that a command prints; what it refuses is raised again, as what a person sees."""
    from lotterylab.commands.main import main

    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        code = main(words)
    if code == 2:
        raise LotteryError(told.getvalue().removesuffix("\n"))
    assert code in (0, 3), (code, told.getvalue())
    return told.getvalue()


def _audit(path: Path) -> str:
    return _command("audit", str(path), "--requested", "0.5")


def _options(path: Path) -> str:
    from lotterylab.commands import line
    from lotterylab.commands.table import kind_of

    words = ["--config", str(path)]
    try:
        parsed = line.command(kind_of("plan"), words, program="lotterylab plan", study="activations")
    except LotteryError as error:
        raise line.placed(error, words) from error
    return f"{parsed.place.store} {parsed.request.seeds}"


def _images(path: Path) -> str:
    from lotterylab.data import Folder

    data = Folder(path=path, size=4, test=1)
    told = data.title
    data.load(None)
    return told


def _idx(path: Path) -> str:
    from lotterylab.data import copies, idx

    copies.md5(copies.file(path.parent, path.name, called="MNIST"))
    return str(idx.read(path, (10, 28, 28)).shape)


def _cifar(path: Path) -> str:
    from lotterylab.data import Cifar10

    return Cifar10(train=10, test=10).title + str(len(Cifar10(train=10, test=10).load(path).train))


READERS: dict[str, Callable[[Path], str]] = {
    "tensors": _tensors,
    "mask": _mask,
    "audit": _audit,
    "options": _options,
    "images": _images,
    "idx": _idx,
    "cifar": _cifar,
}


def outcome(name: str, path: Path, how: str) -> Outcome:
    """Read one file in a process of its own."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        ended, text = _read_bounded(path, how)
        with os.fdopen(write, "w", errors="backslashreplace") as pipe:
            pipe.write(f"{ended}\0{text}")
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        ended, _, text = pipe.read().partition("\0")
    _, status, used = os.wait4(child, 0)
    if status:
        ended = f"killed by signal {os.waitstatus_to_exitcode(status)}"
    return Outcome(
        name=name,
        path=str(path),
        ended=ended,
        text=text,
        megabytes=used.ru_maxrss >> 10,
        seconds=used.ru_utime + used.ru_stime,
    )


def _read_bounded(path: Path, how: str) -> tuple[str, str]:
    size = path.stat().st_size if path.is_file() else 0
    virtual = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = virtual + 3 * min(size, 1 << 33) + SPARE
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    signal.alarm(WAITING)
    try:
        return "harmless", READERS[how](path)
    except LotteryError as error:
        return "refused", str(error)
    except SystemExit as end:
        return f"exit {end.code}", ""
    except BaseException:
        return "traceback", traceback.format_exc()


def outcomes(folder: Path) -> Iterator[Outcome]:
    """Read all hostile files, one after the other."""
    for name, path, how in hostile_files(folder):
        yield outcome(name, path, how)


def main() -> None:
    """Warm up, so that a child pays for what it reads alone; then read all."""
    import torch
    from PIL import Image, JpegImagePlugin, PngImagePlugin

    from lotterylab.auditing import audit_folder
    from lotterylab.commands.table import kind_of
    from lotterylab.data import Cifar10, Folder

    assert torch.zeros(1).sum() == 0 and struct and Image and JpegImagePlugin and PngImagePlugin
    assert audit_folder and kind_of("plan") and Cifar10 and Folder
    for result in outcomes(Path(sys.argv[1])):
        print(json.dumps(asdict(result)), flush=True)


if __name__ == "__main__":
    main()
