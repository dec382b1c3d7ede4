"""What a forked child does: each function takes and returns what JSON can hold."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from faults import strikes
from faults.plans import KINDS
from faults.studies import GIVEN


def compute(path: str, plan: str) -> dict[str, Any]:
    """Compute a plan in this process, saving a checkpoint after each epoch."""
    from lotterylab.engine.here import run_here
    from lotterylab.engine.store import Store

    return asdict(run_here(KINDS[plan], Store(path), save_every_seconds=0.0))


def compute_all(path: str, plan: str) -> dict[str, Any]:
    """Compute a plan and every task behind it, also those whose results no other task needs any more."""
    from lotterylab.engine.here import run_here
    from lotterylab.engine.schedule import all_tasks
    from lotterylab.engine.store import Store

    tasks = all_tasks(KINDS[plan]).values()
    return asdict(run_here(list(tasks), Store(path), save_every_seconds=0.0))


def compute_with_workers(path: str, plan: str, workers: int) -> dict[str, Any]:
    from lotterylab.engine.local import run
    from lotterylab.engine.store import Store

    return asdict(run(KINDS[plan], Store(path), workers=workers, save_every_seconds=0.0))


def damage(path: str) -> list[str]:
    """What ``verify`` finds."""
    from lotterylab.engine.store import Store
    from lotterylab.engine.verify import verify

    return [str(line) for line in verify(Store(path))]


def command(*words: str) -> int:
    """The command, as a person would type it."""
    from lotterylab.commands.main import main

    return main(words)


def compute_until_saved(path: str, plan: str, saves: int) -> None:
    """Compute, and be killed after a number of saved checkpoints."""
    from lotterylab.engine.here import run_here
    from lotterylab.engine.store import Store

    save, count = Store.save_partial, [0]

    def counted(self: Store, *given: Any) -> None:
        save(self, *given)
        count[0] += 1
        if count[0] == saves:
            os.kill(os.getpid(), signal.SIGKILL)

    Store.save_partial = counted  # type: ignore[method-assign]
    run_here(KINDS[plan], Store(path), save_every_seconds=0.0)


def change(what: str, path: str) -> None:
    """One change of a file, for the test of the fence."""
    {
        "rmtree": lambda: shutil.rmtree(path),
        "unlink": lambda: os.unlink(path),
        "rename": lambda: os.rename(path, "stolen"),
        "write": lambda: Path(path).write_text("changed"),
        "append": lambda: open(path, "a").close(),
        "truncate": lambda: os.truncate(path, 0),
        "mkdir": lambda: os.mkdir(path),
        "chmod": lambda: os.chmod(path, 0),
        "symlink": lambda: os.symlink("/", path),
        "link": lambda: os.link("/etc/hostname", path),
        "torch": lambda: import_module("torch").save({}, path),
        "program": lambda: subprocess.run(["/bin/sh", "-c", 'echo changed > "$0"', path], check=True),
    }[what]()


def study(path: str, book: str = "") -> int:
    """Compute the small study in this process; its ledger too, if one is named."""
    from lotterylab import run_study
    from lotterylab.engine import ledger
    from lotterylab.engine.store import Store

    rows = run_study("activations", store=path, workers=0, **GIVEN)
    if book:
        ledger.export([node for row in rows for node in row.nodes.values()], Store(path), Path(book))
    return len(rows)


def compute_under_strikes(path: str, plan: str, workers: int, whom: str, seed: int, spread: float) -> dict[str, Any]:
    """As ``compute_with_workers``, while a process of its own strikes at parent or workers."""
    striker = strikes.begin(whom, seed, spread)
    try:
        return compute_with_workers(path, plan, workers)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(striker, signal.SIGKILL)
        os.waitpid(striker, 0)


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def own_plan(store: str) -> None:
    """Run a plan of one short training, under names that lead out."""
    from lotterylab import data, models, plan

    recipe = plan.Recipe(epochs=1, optimizer=plan.Sgd(lr=0.1))
    train = plan.dense_run(models.LeNet300100(shape=(1, 8, 8)), plan.pinned(data.Digits()), recipe, seed=0)
    plan.run(plan.comparison("../../victim/pwned", {"../arm": {0: train}}), store)


def public(name: str) -> int:
    """A public function that writes, in a folder with hostile inputs."""
    import lotterylab

    if name == "run_study":
        return study("store")
    if name == "tickets":
        import some_loop

        found = some_loop.find(Path("store"), sparsities=[0.5], steps=4)
        return len(found.rows)
    if name == "plan":
        own_plan("store")
        return 0
    import torch

    mask = {"../../victim/pwned": torch.ones(2, dtype=torch.bool)}
    place = lotterylab.masks if name == "masks" else lotterylab
    place.save_mask(mask, Path("mask.safetensors"))
    return 0


def tensors(safetensors: str, pickled: str) -> None:
    """A small network's weights, as safetensors and as torch saves them."""
    import torch

    from lotterylab.formats.blobs import serialize

    state = {"fc.weight": torch.arange(12.0).reshape(3, 4), "fc.bias": torch.zeros(3)}
    Path(safetensors).write_bytes(serialize(state))
    torch.save({name: tensor != 0 for name, tensor in state.items()}, pickled)


def read_hostile(reader: str, path: str) -> None:
    """A hostile file, read in its own way."""
    import_module("some_hostile").READERS[reader](Path(path))
