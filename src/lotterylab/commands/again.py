"""The command that computes one result of a ledger again, and says whether it is the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lotterylab.asking.options import Declared, option
from lotterylab.commands import line
from lotterylab.commands.compare import find
from lotterylab.commands.reports import STUDY, study_of
from lotterylab.commands.shared import How, Place, run_names
from lotterylab.commands.study import Report
from lotterylab.engine.again import Again as Compared
from lotterylab.engine.records import Record
from lotterylab.engine.schedule import Schedule, all_tasks
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.formats.text import shown, shown_path
from lotterylab.system.places import missing, place

SHOWN = 5  # numbers that differ, in full
BY_HAND = "Name the file with its study and options: --study-file FILE, as in a folder of results."


@dataclass(frozen=True, kw_only=True)
class Again(Declared):
    """Compute one result of a ledger again, with all that it needs, and compare it to the bit.

    The study and its options stand in study.toml beside the ledger; the data are read, and nothing is written but to
    the store.
    """

    digest: str = option(help="The first digits of the result's digest", shown="DIGEST", positional=True)
    ledger: Path = option(help="The ledger that has the result", shown="FILE")
    study_file: Path | None = option(
        None, help="The file with the study and its options; default study.toml beside the ledger", shown="FILE"
    )
    store: str | None = option(
        None,
        help="A folder of results to compute in, whose results are used; default an empty one",
        check=partial(place, what="--store"),
        shown="FOLDER",
    )
    how: How

    def __call__(self) -> int:
        """Compute, compare, and print; 0 for the same bits or other facts, 3 for a difference under the same facts."""
        from lotterylab.engine import local
        from lotterylab.report.pace import pace_of
        from lotterylab.report.price import cost
        from lotterylab.report.progress import Meter, progress

        self.how.check()
        ledger = self.ledger
        with ExitStack() as stack:
            empty = stack.enter_context(TemporaryDirectory())
            record = find(Place(store=empty, ledger=ledger).open(to_read=True), self.digest)
            file = self.study_file or ledger.parent / STUDY
            if not file.is_file():
                raise UsageError(f"{missing('file', file)}. {BY_HAND}")
            words = ["--config", str(file)]
            asked = line.command(Report, words, program="lotterylab report", study=study_of(file))
            resolved = asked.study.resolve(asked.options)
            node = all_tasks(resolved.plan.targets()).get(record.digest)
            if node is None:
                raise UsageError(
                    f"the study of {shown_path(file)} with these options and data has no result "
                    f"{record.digest[:16]}. {BY_HAND}"
                )
            store = Store(self.store or Path(empty) / "store")
            stored = _whole(store, record.digest)
            waiting = list(Schedule([node], store).waiting.values())
            pace, measured = pace_of(
                waiting, [node], store, resolved.data_dir, fast=self.how.path == "fast", device=self.how.device
            )
            price = cost(waiting, workers=self.how.count, pace=pace, measured=measured)
            print("\n".join(price), file=sys.stderr, flush=True)
            with progress(self.how.progress, Meter(waiting, run_names(resolved), pace)) as listen:
                summary = local.run(
                    [node],
                    store,
                    data_dir=resolved.data_dir,
                    workers=self.how.count,
                    fast=self.how.path == "fast",
                    device=self.how.device,
                    study_facts=resolved.facts,
                    listen=listen,
                )
            if summary.interrupted:
                return 128 + summary.interrupted
            here = Store(store.path).record(record.digest)
            if summary.failed or here is None:
                print(f"{len(summary.failed)} tasks failed, so that nothing can be compared.", file=sys.stderr)
                return 3
            compared = Compared(record, here)
        print("\n".join(said(compared)))
        if stored is not None:
            print(
                f"Nothing was computed: the store {shown_path(store.path)} had this result. Leave --store out for that."
            )
        return 0 if compared.same or compared.facts else 3


def _whole(store: Store, digest: str) -> Record | None:
    """Return the result that the store has already, if any, after its tensors were read.

    Raises:
        UsageError: the store has its numbers and not its tensors, so that nothing would be computed.
        DamageError: a tensor is damaged.
    """
    record = store.record(digest)
    if record is None:
        return None
    if store.computed(digest) is None or not store.has_blobs_of(record):
        raise UsageError(
            f"the store {shown_path(store.path)} has the numbers of {digest[:16]} and not its tensors: nothing would "
            "be computed again. Leave --store out, or name another.",
            option="store",
        )
    for blob in record.blobs.values():
        store.get_bytes(blob)
    return record


def said(compared: Compared) -> list[str]:
    """Return the comparison in lines: the verdict first."""
    numbers, tensors = compared.compared
    what = f"{compared.known.kind} {compared.known.digest[:16]}"
    facts = list(_pairs(compared.facts))
    if compared.same:
        under = " under other facts:" if facts else "."
        return [f"{what}: equal to the bit, {numbers} numbers and {tensors} tensors{under}", *facts]
    differ = f"{len(compared.numbers)} of {numbers} numbers and {len(compared.tensors)} of {tensors} tensors differ"
    gap = "" if compared.gap is None else f"equal within {compared.gap:.4g} in accuracy; "
    lines = [f"{what}: {gap}{differ}{' under other facts:' if facts else '.'}", *facts]
    lines += _pairs(dict(list(compared.numbers.items())[:SHOWN]))
    if not facts:
        lines += _pairs(compared.code)
        lines.append("The facts on which bits depend are the same, so that the bits should be too: please report that.")
    return lines


def _pairs(different: Mapping[str, tuple[Any, Any]]) -> Iterator[str]:
    """Yield a line for each value that differs, in which a foreign ledger's text is only text."""
    for name, (old, new) in different.items():
        yield f"  {shown(name)}: {shown(str(old))} in the ledger, {shown(str(new))} here"
