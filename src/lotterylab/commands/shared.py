"""Options and steps that several commands share."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lotterylab.asking.options import Declared, StudyOptions, given, option
from lotterylab.asking.study import Resolved, Study
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.plan.nodes import Node
from lotterylab.plan.plan import WHAT

STORE = "LOTTERYLAB_STORE"


@dataclass(frozen=True, kw_only=True)
class Place(Declared):
    """Where results are kept."""

    store: str | None = option(
        None, help="Folder of results; default $LOTTERYLAB_STORE, else ./lotterylab-store", shown="FOLDER"
    )
    ledger: Path | None = option(
        None,
        help="A ledger (JSON lines): its results are not computed again; run adds new ones after each seed",
        shown="FILE",
    )
    known: tuple[Path, ...] = option(
        (),
        help="Ledgers of other studies, which are only read: a run that two studies share is not computed again",
        shown="FILE",
    )

    def open(self, *, to_read: bool = False) -> Store:
        """The store, with what the ledgers hold in memory beside it; nothing is written.

        ``to_read``: there has to be something to read.

        Raises:
            UsageError: one of ``known`` is not there, or a ledger is damaged or no file; there is nothing to read.
        """
        from lotterylab.engine import ledger

        store = Store(Path(self.store or os.environ.get(STORE) or "lotterylab-store").expanduser())
        own = self.ledger.expanduser() if self.ledger else None
        if own and (to_read or own.exists()):
            ledger.bring_in(own, store)
        for path in self.known:
            ledger.bring_in(path.expanduser(), store)
        if to_read and not own and not self.known and not (store.path / "runs").is_dir():
            raise UsageError(f"no store {store.path}: nothing was run there. Name yours: --store, or ${STORE}.")
        return store


@dataclass(frozen=True, kw_only=True)
class How(Declared):
    """How to compute; nothing here is part of a result's name."""

    workers: int | None = option(None, help="Processes of one thread each; default one for each core, or one for a GPU")
    path: Literal["fast", "plain"] = option(
        "fast", help="fast: channels-last, pooling before a monotone activation.  plain: as the model is written"
    )
    device: str = option("cpu", help="Where to train: cpu, cuda or cuda:N", shown="DEVICE")
    progress: Literal["auto", "bars", "plain", "none"] = option(
        "auto", help="auto: bars on a terminal, plain lines elsewhere.  none: only what failed"
    )

    def check(self) -> None:
        """Refuse a device that is not here, before anything starts.

        Raises:
            UsageError: no such device.
        """
        if self.device == "cpu":
            return
        import torch

        found = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
        known = ["cpu", *(["cuda"] if found else []), *found]
        if self.device not in known:
            more = "" if found else f" This torch ({torch.__version__}) finds no GPU."
            raise UsageError(
                f"--device {self.device}: there is no such device here.{more} Known: {', '.join(known)}.",
                option="device",
            )

    @property
    def count(self) -> int:
        """How many workers."""
        return self.workers or (1 if self.device != "cpu" else os.cpu_count() or 1)


@dataclass(frozen=True, kw_only=True)
class OfAStudy(Declared):
    """Abstract.  A command on a study.  ``reference``: what the study was asked for by."""

    study: Study = given()
    reference: str = given()
    options: StudyOptions = given()
    place: Place

    def resolve(self) -> Resolved:
        """The study with its data found, and its plan."""
        return self.study.resolve(self.options)


def print_json(value: Any) -> None:
    """JSON for a program to read: one document, numbers that are not finite as null."""
    from lotterylab.engine.records import finite

    print(json.dumps(finite(value), indent=1, allow_nan=False))


def units(resolved: Resolved) -> Iterator[list[Node]]:
    """The targets of each seed, which are finished together."""
    seeds = dict.fromkeys(row.labels["seed"] for row in resolved.plan.rows)
    for seed in seeds:
        yield [node for row in resolved.plan.rows if row.labels["seed"] == seed for node in row.nodes.values()]


def run_names(resolved: Resolved) -> dict[str, str]:
    """What each training is called, by its digest."""
    names: dict[str, str] = {}
    for row in resolved.plan.rows:
        parts = [row.labels[name] for name in WHAT if row.labels[name]]
        sparsity = [f"{row.labels['sparsity']:g}"] if row.labels["sparsity"] else []
        text = " ".join([*map(str, parts), *sparsity, f"seed {row.labels['seed']}"])
        names.setdefault(row.nodes["train"].digest, text)
        if "rate" in row.nodes:
            for rate, runs in row.nodes["rate"].candidates:  # type: ignore[attr-defined]
                names |= {run.digest: f"trial of rate {rate:g}, {row.labels['activation']}" for run in runs}
    return names
