"""The command ``report --all``: every study folder below a folder, built from its own files."""

from __future__ import annotations

import gc
import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from lotterylab.asking.options import Declared, option
from lotterylab.asking.study import Resolved
from lotterylab.commands import line, parameters
from lotterylab.commands.pages import write_report
from lotterylab.commands.shared import Place
from lotterylab.commands.study import Report
from lotterylab.data import kept
from lotterylab.engine.results import results
from lotterylab.errors import LotteryError, UsageError
from lotterylab.formats.blobs import write_atomically
from lotterylab.formats.text import shown_path
from lotterylab.reading.costs import priced
from lotterylab.reading.rows import Rows
from lotterylab.system.places import missing
from lotterylab.system.refusals import explained

STUDY, LEDGER, RELATED = "study.toml", "ledger.jsonl", "related-work.md"


@dataclass(frozen=True, kw_only=True)
class Reports(Declared):
    """Build the page, the CSV files and the figures of every study folder below a folder, from the ledgers alone.

    A study folder has a study.toml (the study and its options) and a ledger.jsonl.  No store is read or written.
    A related-work.md in the folder is written anew too.
    """

    folder: Path = option(
        Path("results"), help="Folder with study folders in it, or one study folder", shown="FOLDER", positional=True
    )
    out: Path | None = option(
        None,
        help="Folder of the reports, each in a folder of its own; default the study folders",
        shown="FOLDER",
    )

    def __call__(self) -> int:
        """Build each report and print the page's path; the exit code is that of the first failure."""
        if not self.folder.is_dir():
            raise UsageError(f"{missing('folder', self.folder)}. report --all takes a folder with study folders.")
        code, built, failed, skipped = 0, 0, 0, 0
        for folder in study_folders(self.folder):
            if not os.path.lexists(folder / STUDY):
                skipped += 1
                print(f"{shown_path(folder)}: skipped, it has no {STUDY}.", file=sys.stderr)
                continue
            gc.collect()  # the report before; a command that only looks has no automatic collection
            out = folder if self.out is None else self.out / folder.relative_to(self.folder)
            try:
                print(_built(folder, out), flush=True)
                built += 1
            except LotteryError as error:
                failed += 1
                code = code or error.exit_code
                print(f"lotterylab: {shown_path(folder)}: {error}", file=sys.stderr)
        if built and (self.folder / RELATED).exists():
            try:
                print(self._related_work(), flush=True)
            except LotteryError as error:
                code = code or error.exit_code
                print(f"lotterylab: {shown_path(self.folder / RELATED)}: {error}", file=sys.stderr)
        if not built + failed:
            raise UsageError(f"no folder below {shown_path(self.folder)} has a {STUDY}: there is nothing to build.")
        print(f"{built} built, {failed} failed, {skipped} skipped.")
        return code

    def _related_work(self) -> Path:
        """Write the page of related work beside the study folders, and return its path."""
        from lotterylab.report import related_work

        out = (self.folder if self.out is None else self.out) / RELATED
        try:
            write_atomically(out, related_work.page(partial(rows_of, self.folder)).encode())
        except OSError as error:
            raise explained(error, [str(out)]) from error
        return out


def rows_of(folder: Path, study: str) -> Rows | None:
    """Return the rows of the study folder of that name, from its ledger, with their costs; None if there is none."""
    inside = folder / study
    return priced(_read(inside)[2]) if (inside / STUDY).exists() else None


def study_folders(folder: Path) -> Iterator[Path]:
    """Yield the folders with a study.toml, sorted, and folders that neither have one nor hold a folder that does."""
    if os.path.lexists(folder / STUDY):  # a link that leads nowhere is refused with its name, when it is read
        yield folder
        return
    inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    for path in inside:
        if not path.name.startswith("."):
            folders = list(study_folders(path))
            yield from folders if any(os.path.lexists(folder / STUDY) for folder in folders) else [path]


def _built(folder: Path, out: Path) -> Path:
    """Build one report and return the path of its page.

    Raises:
        LotteryError: the study.toml is wrong, or the ledger has nothing of the study.
    """
    asked, resolved, rows = _read(folder)
    try:
        page = write_report(
            asked, resolved, rows, out, rebuild=shlex.join(("lotterylab", "report", "--all", str(folder)))
        )
        if not (out / kept.NAME).exists():
            kept.keep(resolved.fingerprint, out / kept.NAME)
        return page
    except UsageError as error:
        raise line.placed(error, _words(folder)) from error
    except OSError as error:
        raise explained(error, [str(out)]) from error


def _words(folder: Path) -> list[str]:
    return ["--config", str(folder / STUDY), "--ledger", str(folder / LEDGER)]


def _read(folder: Path) -> tuple[Report, Resolved, Rows]:
    """Return what a study folder asks for, and its rows from the ledger beside it."""
    file, ledger, data, words = folder / STUDY, folder / LEDGER, folder / kept.NAME, _words(folder)
    asked = line.command(Report, words, program="lotterylab report", study=study_of(file))
    try:
        resolved = asked.study.resolve(asked.options, kept.kept(data) if data.exists() else None)
        with TemporaryDirectory() as empty:
            rows = Rows(results(resolved.plan, Place(store=empty, ledger=ledger).open(to_read=True)))
        if not any("train" in row.records for row in rows):
            raise UsageError(
                f"no run in {ledger} belongs to the study with these options and these data (content "
                f"{resolved.fingerprint.content[:12]}). Write the options that the ledger was made with."
            )
        return asked, resolved, rows
    except UsageError as error:
        raise line.placed(error, words) from error
    except OSError as error:
        raise explained(error, words) from error


def study_of(file: Path) -> str:
    """Return the study that the file names, and refuse keys that would read or write elsewhere."""
    values = parameters.read(file)
    for key in ("store", "ledger", "known", "out"):
        if key in values:
            where = f"{file}, line {parameters.line_of(file, key)}"
            raise UsageError(f"{where}: '{key}' has no place here, where {LEDGER} beside it is read. Remove the line.")
    name = values.get("study")
    if not isinstance(name, str):
        problem = "is missing" if name is None else f"is {name!r}"
        raise UsageError(f'{file}: the key study {problem}. Name the study: study = "lth-mnist".')
    return name
