"""A report of a study: its page and the files beside it, with the command line that makes them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from lotterylab.asking.options import lines
from lotterylab.asking.study import Resolved
from lotterylab.commands.shared import OfAStudy
from lotterylab.reading.rows import Rows


def write_report(asked: OfAStudy, resolved: Resolved, rows: Rows, out: Path, *, rebuild: str = "") -> Path:
    """Write the report that was asked for into ``out``, and return the page's path.

    ``rebuild``: the line that does the same again, for a folder that is kept with its ledger.
    """
    from lotterylab.reading.alarms import alarms_of
    from lotterylab.report.context import ReportContext
    from lotterylab.report.page import report

    context = ReportContext(
        data_title=resolved.data_title,
        data=resolved.fingerprint,
        settings=resolved.settings,
        facts=versions(),
        command=command_line("run", asked),
        rebuild=rebuild,
    )
    return report(resolved.plan, rows, alarms_of(rows), out, context, resolved.study.outline)


def versions() -> dict[str, str]:
    """Return the installed versions from the packages' metadata, so that nothing is imported."""
    import platform
    from importlib.metadata import version

    packages = ("lotterylab", "torch", "numpy", "scipy", "matplotlib", "safetensors")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def command_line(name: str, chosen: OfAStudy) -> str:
    """Return the command line that makes these results."""
    options, place = chosen.options, chosen.place
    words = ["lotterylab", name, chosen.reference]
    for line in lines(type(options)):
        value = getattr(options, line.name)
        if not line.hidden and line.name != "data_dir" and value != line.default_for(options):
            words += _spelled(line.flag, value)
        for inner, inside in getattr(options, f"{line.name}_options").items() if line.own else ():
            words += _spelled(f"{line.flag}.{inner.replace('_', '-')}", inside)
    words += ["--ledger", str(place.ledger)] if place.ledger else []
    words += ["--known", *map(str, place.known)] if place.known else []
    return shlex.join(words)


def _spelled(flag: str, value: Any) -> list[str]:
    """Return an option as words; a switch belongs to a model or to data."""
    before, dot, last = flag.rpartition(".")
    if dot and isinstance(value, bool):
        return [flag if value else f"{before}.no-{last}"]
    return [flag, *map(str, value if isinstance(value, tuple) else (value,))]
