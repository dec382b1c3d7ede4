"""Options and steps that several commands share."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from lotterylab.asking.options import Declared, StudyOptions, given, option
from lotterylab.asking.study import Resolved, Study
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.formats.text import shown_path
from lotterylab.plan.nodes import Node
from lotterylab.system.places import missing, place, why_unwritable

STORE = "LOTTERYLAB_STORE"


@dataclass(frozen=True, kw_only=True)
class Place(Declared):
    """The folder of results, and ledgers."""

    store: str | None = option(
        None,
        help="The folder of results; default $LOTTERYLAB_STORE, else ./lotterylab-store",
        check=partial(place, what="--store"),
        shown="FOLDER",
    )
    ledger: Path | None = option(
        None,
        help="A ledger (JSON lines): its results are not computed again; run adds new ones after each seed",
        shown="FILE",
    )
    known: tuple[Path, ...] = option(
        (),
        help="Ledgers of other studies, which are only read: a run shared with them is not computed again",
        shown="FILE",
    )

    def open(self, *, to_read: bool = False) -> Store:
        """Return the store, with the records of the ledgers in memory beside it; nothing is written.

        ``to_read``: whether it is an error if there is nothing to read.

        Raises:
            UsageError: a file of ``known`` is missing, a ledger is damaged or not a file, or there is nothing to read.
        """
        from lotterylab.engine import ledger

        store = Store(self.store or os.environ.get(STORE) or "lotterylab-store")
        if self.ledger and (to_read or self.ledger.exists()):
            ledger.bring_in(self.ledger, store)
        for path in self.known:
            ledger.bring_in(path, store)
        if to_read and not self.ledger and not self.known and not (store.path / "runs").is_dir():
            raise UsageError(_no_store(store.path))
        return store

    def check(self) -> None:
        """Refuse a ledger that could not be written at the end, before anything starts.

        Raises:
            UsageError: no file can be made there.
        """
        if self.ledger and (reason := why_unwritable(self.ledger)):
            raise UsageError(f"--ledger {shown_path(self.ledger)} could not be written: {reason}.", option="ledger")


def _no_store(path: Path) -> str:
    found = f"{shown_path(path)} is no store" if path.is_dir() else missing("store", path)
    return f"{found}: nothing was run there. Name your store: --store, or ${STORE}."


@dataclass(frozen=True, kw_only=True)
class How(Declared):
    """The way to compute, which is not part of a result's name."""

    workers: int | None = option(None, help="Processes of one thread each; default one for each core, or one for a GPU")
    path: Literal["fast", "plain"] = option(
        "fast",
        help="fast: channels-last, pooling before a monotone activation, a compiled kernel for fully connected "
        "networks.  plain: the model as it is written",
    )
    device: str = option("cpu", help="The device of the trainings: cpu, cuda or cuda:N", shown="DEVICE")
    progress: Literal["auto", "bars", "plain", "none"] = option(
        "auto", help="auto: bars on a terminal, plain lines elsewhere.  none: only failures"
    )

    def check(self) -> None:
        """Refuse a device that this machine lacks, before anything starts.

        Raises:
            UsageError: this machine has no such device.
        """
        if self.device == "cpu":
            return
        import torch

        gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
        known = ["cpu", *(["cuda"] if gpus else []), *gpus]
        if self.device not in known:
            more = "" if gpus else f" This torch ({torch.__version__}) finds no GPU."
            raise UsageError(
                f"--device {self.device}: there is no such device here.{more} Known: {', '.join(known)}.",
                option="device",
            )

    @property
    def count(self) -> int:
        """Return the number of workers."""
        return self.workers or (1 if self.device != "cpu" else os.cpu_count() or 1)


@dataclass(frozen=True, kw_only=True)
class OfAStudy(Declared):
    """``OfAStudy`` is the abstract base of commands on a study.  ``reference``: the word that named the study."""

    study: Study = given()
    reference: str = given()
    options: StudyOptions = given()
    place: Place

    def resolve(self) -> Resolved:
        """Return the study with its data and its plan."""
        return self.study.resolve(self.options)


def print_json(value: Any) -> None:
    """Print a value as one JSON document; numbers that are not finite become null."""
    from lotterylab.engine.records import finite

    print(json.dumps(finite(value), indent=1, allow_nan=False))


def units(resolved: Resolved) -> Iterator[list[Node]]:
    """Yield the targets of each seed, which are copied together when they are finished."""
    seeds = dict.fromkeys(row.labels["seed"] for row in resolved.plan.rows)
    for seed in seeds:
        yield [node for row in resolved.plan.rows if row.labels["seed"] == seed for node in row.nodes.values()]


def run_names(resolved: Resolved) -> dict[str, str]:
    """Return the name of each training by its digest."""
    from lotterylab.report.progress import names_of

    return names_of(resolved.plan)
