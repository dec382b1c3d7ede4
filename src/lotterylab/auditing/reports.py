"""The report on one arm: its alarms, its facts, and what was checked and what could not be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lotterylab.auditing.alarms import Alarm
from lotterylab.formats.text import shown, shown_path


@dataclass(frozen=True, kw_only=True)
class Report:
    """A ``Report`` holds the findings about one arm, or between the arms of one folder.

    Args:
        where: the path below the audited folder.
        facts: the content of ``run.json``, "evidence" (the names of the known tensors and facts), "judged" (by role,
            what was taken for the network), "checked" (the rules that were applied), "unchecked" (rule -> what it
            needs), "unread" (files whose names match no role), and the mask's "entries", "removed", "reached",
            "mask_digest", "mask_inferred_from", "pattern", "rule" and "update" as far as they are known.  A report
            between arms has "compared", the arms' names.
        alarms: the alarms, faults first.

    Examples:
        >>> report = Report(where="magnitude/0.5", facts={"evidence": ("mask", "end"), "reached": 0.5})
        >>> report.lines()
        ['OK magnitude/0.5: no alarm from mask, end']
        >>> report.verdict
        'ok'
    """

    where: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    alarms: tuple[Alarm, ...] = ()

    @property
    def verdict(self) -> str:
        """Return "fault", "caution" or "ok", by the gravest alarm."""
        severities = {alarm.severity for alarm in self.alarms}
        return next((severity for severity in ("fault", "caution") if severity in severities), "ok")

    def lines(self) -> list[str]:
        """Return a line for each alarm, or an OK line without alarms, and notes on what was judged and checked."""
        where = shown_path(self.where)
        lines = [f"{a.severity.upper()} {a.code} {where}: {shown(a.message, most=None)}" for a in self.alarms]
        if not lines:
            blind = "" if "reached" in self.facts else "; no mask is known"
            lines.append(f"OK {where}: no alarm from {', '.join(self.facts['evidence'])}{blind}")
        return [*lines, *(f"NOTE {code} {where}: {shown(note, most=None)}" for code, note in self.notes())]

    def notes(self) -> list[tuple[str, str]]:
        """Return (code, sentence) for each thing that the report says beside its alarms."""
        facts = self.facts
        judged = " | ".join(f"{role}: {words}" for role, words in facts.get("judged", {}).items())
        notes = [("judged", judged)] if judged else []
        if facts.get("shape"):
            notes.append(("zeros", facts["shape"]))
        notes += [(code, facts[code]) for code in ("pattern", "rule", "update") if facts.get(code)]
        if facts.get("checked"):
            notes.append(("checked", ", ".join(facts["checked"])))
        if facts.get("unchecked"):
            notes.append(("not-checked", f"{', '.join(facts['unchecked'])} (--html and --json tell what each needs)"))
        if facts.get("unread"):
            notes.append(("not-read", ", ".join(map(shown, facts["unread"]))))
        return notes

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        facts = {name: value for name, value in self.facts.items() if name not in ("judged", "checked", "unchecked")}
        return {
            "where": shown_path(self.where),
            "verdict": self.verdict,
            "alarms": [
                {"code": alarm.code, "severity": alarm.severity, "message": shown(alarm.message, most=None)}
                for alarm in self.alarms
            ],
            "judged": {role: shown(words, most=None) for role, words in self.facts.get("judged", {}).items()},
            "checked": list(self.facts.get("checked", ())),
            "unchecked": dict(self.facts.get("unchecked", {})),
            "facts": {name: _plain(value) for name, value in facts.items()},
        }


def _plain(value: Any) -> Any:
    """Return a fact for JSON, with texts made harmless."""
    if isinstance(value, str):
        return shown(value, most=None)
    if isinstance(value, Mapping):
        return {shown(str(name), most=None): _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
