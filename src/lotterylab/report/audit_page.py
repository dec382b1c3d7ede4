"""The reports of an audit as one offline page: the findings, what was judged, the layers, and what was checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lotterylab.auditing.alarms import listed, percent
from lotterylab.auditing.checks import CHECKS
from lotterylab.auditing.reports import Report
from lotterylab.errors import UsageError
from lotterylab.formats.blobs import write_atomically
from lotterylab.formats.text import shown_path
from lotterylab.report.blocks import badge, cell, folded, heading, note, number, pairs, section, sentence, table
from lotterylab.report.markup import Html, join, tag
from lotterylab.report.sections.alarms import SEVERITY
from lotterylab.report.shell import page_html
from lotterylab.version import __version__

OPEN_LAYERS = 40  # tables of more layers are folded
VERDICTS = {**SEVERITY, "ok": ("✓", "good")}
NUMBERS = {  # facts of a report, and their names on the page
    "requested": "Requested sparsity",
    "reached": "Sparsity of the mask",
    "reached_of_weights": "Sparsity of the weights alone",
    "removed": "Removed entries",
    "entries": "Entries of the mask",
    "removed_among_smallest": "Removed ones among the smallest of dense",
    "mask_inferred_from": "Mask inferred from",
    "shape": "Zeros",
    "pattern": "Pattern",
    "rule": "Rule",
    "update": "Update",
    "unread": "Not read",
    "mask_digest": "Digest of the mask",
}
COUNTS = ("removed", "entries")


def write_audit(reports: Sequence[Report], path: Path, *, title: str, command: str = "") -> None:
    """Write the reports as one page that loads nothing.

    Args:
        reports: the reports of ``audit_folder`` or ``audit_pair``.
        path: the file of the page; its folder is made if it is missing.
        title: the name of what was audited.
        command: the command line that makes the page.

    Raises:
        UsageError: there is a folder in the file's place.
    """
    if path.is_dir():
        raise UsageError(f"{shown_path(path)} is a folder. Name a file for the page: --html {path / 'audit.html'}")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, audit_page(reports, title=title, command=command).encode())


def audit_page(reports: Sequence[Report], *, title: str, command: str = "") -> str:
    """Return the page's HTML; see ``write_audit``."""
    several = len(reports) > 1
    sections = [_findings(reports)]
    for index, report in enumerate(reports):
        inside = list(_parts(report, f"-{index}" if several else ""))
        if several:
            sections.append(
                folded(join((_badge(report.verdict), f" {report.where}")), *inside, anchor=f"place-{index}")
            )
        else:
            sections += inside
    contents = [("findings", "Findings")]
    if not several:
        contents += [("judged", "Judged"), ("numbers", "Numbers"), ("layers", "Layers"), ("checks", "Checks")]
    head = tag(
        "header",
        tag("h1", f"Audit of {title}"),
        tag("p", headline(reports), class_="answer"),
        tag("p", "Do these checkpoints mean what a reader takes them for?", class_="question"),
        pairs([("Made by", tag("code", command))] if command else []),
        pairs([("Version", f"lotterylab {__version__}")]),
        tag("nav", join([tag("a", name, href=f"#{anchor}") for anchor, name in contents], " "), aria_label="contents"),
    )
    return page_html(f"Audit of {title}", head, sections)


def headline(reports: Sequence[Report]) -> str:
    """Return one sentence: the numbers of faults and cautions, or that there are none.

    Examples:
        >>> headline([Report(where="a")])
        'No alarm was raised.'
    """
    counts = Counter(alarm.severity for report in reports for alarm in report.alarms)
    if not counts:
        return "No alarm was raised."
    words = [
        f"{counts[kind]:,} {kind}{'' if counts[kind] == 1 else 's'}" for kind in ("fault", "caution") if counts[kind]
    ]
    places = sum(bool(report.alarms) for report in reports)
    where = f" in {places} of {len(reports)} places" if len(reports) > 1 else ""
    codes = dict.fromkeys(alarm.code for report in reports for alarm in report.alarms)
    return f"{' and '.join(words)}{where}: {listed(list(codes))}."


def _findings(reports: Sequence[Report]) -> Html:
    rows = [
        [
            cell(_badge(alarm.severity), label="severity"),
            cell(tag("code", alarm.code), label="rule"),
            cell(report.where, label="place"),
            cell(alarm.message, label="finding"),
        ]
        for report in reports
        for alarm in report.alarms
    ]
    clean = [report.where for report in reports if not report.alarms]
    return section(
        "findings",
        "Findings",
        sentence("" if rows else "No rule that could be checked raised an alarm."),
        table(["severity", "rule", "place", "finding"], rows, kind="cards", name="findings-table") if rows else None,
        note(f"Without an alarm: {', '.join(clean)}.") if clean and rows else None,
        note("Fault: a number does not mean what a reader takes it for. Caution: it may not."),
    )


def _parts(report: Report, end: str) -> Iterator[Html]:
    """Yield the sections of one report; ``end`` makes their names unique on the page."""
    facts = report.facts
    if facts.get("judged"):
        items = [(role, words) for role, words in facts["judged"].items()]
        yield section(
            f"judged{end}",
            "What was judged",
            pairs(items),
            note("The tensors that were taken for the network, by the rules of the package, and what was ignored."),
        )
    named = [(name, _value(key, facts[key])) for key, name in NUMBERS.items() if facts.get(key) not in (None, "", [])]
    if named:
        yield section(f"numbers{end}", "Numbers", pairs(named))
    if facts.get("layers"):
        yield section(f"layers{end}", "Layers", _layers(facts["layers"], end))
    if facts.get("checked") or facts.get("unchecked"):
        yield section(f"checks{end}", "What was checked", _checks(report, end))


def _value(key: str, value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if key in COUNTS:
        return f"{value:,}"
    return percent(value) if isinstance(value, int | float) else str(value)


def _layers(layers: dict[str, tuple[int, int]], end: str) -> Html:
    rows = []
    for name, (gone, entries) in layers.items():
        share = gone / entries if entries else 0.0
        bar = tag("span", tag("span", style=f"width:{100 * share:.1f}%"), class_="bar", aria_hidden="true")
        rows.append(
            [
                cell(tag("code", name), label="tensor"),
                cell(bar, f" {percent(share)}", value=share, kind="number", label="removed"),
                number(gone),
                number(entries),
            ]
        )
    shown = table(
        ["tensor", heading("share removed"), heading("removed"), heading("entries")], rows, name=f"layers-table{end}"
    )
    return shown if len(rows) <= OPEN_LAYERS else folded(f"{len(rows)} tensors", shown)


def _checks(report: Report, end: str) -> Html:
    checked, unchecked = report.facts.get("checked", ()), report.facts.get("unchecked", {})
    raised = {alarm.code: alarm.severity for alarm in reversed(report.alarms)}  # a fault goes before a caution
    rows = []
    for check in CHECKS:
        codes = {code.strip().partition(":")[0] for code in check.code.split(",")}
        if check.code in checked:
            severity = next((raised[code] for code in codes if code in raised), "")
            state = _badge(severity) if severity else _badge("ok", "checked")
        else:
            state = badge("not checked", "–", "none")
        need = unchecked.get(check.code, "")
        rows.append(
            [cell(tag("code", check.code), label="rule"), cell(state, label="state"), cell(need, label="needs")]
        )
    return table(["rule", "state", "would need"], rows, kind="cards", name=f"checks-table{end}")


def _badge(kind: str, word: str = "") -> Html:
    mark, ground = VERDICTS[kind]
    return badge(word or kind, mark, ground)
