"""The alarms by their code, with their number and the first of them."""

from __future__ import annotations

from collections.abc import Sequence

from lotterylab.auditing.alarms import Alarm
from lotterylab.reading.glossary import by_name
from lotterylab.report.blocks import badge, folded, note, section, sentence
from lotterylab.report.markup import Html, join, tag
from lotterylab.report.material import Material

EXAMPLES = 8
SEVERITY = {"fault": ("!", "bad"), "caution": ("?", "open")}


def alarm_list(material: Material) -> Html:
    """Return the section of a study's alarms."""
    return alarm_section(material.alarms, published=material.planned("as-published"))


def alarm_section(alarms: Sequence[Alarm], *, published: bool = False) -> Html:
    """Return one folded part for each code, faults first; ``published``: whether the published protocol was run."""
    groups: dict[tuple[str, str], list[Alarm]] = {}
    for alarm in alarms:
        groups.setdefault((alarm.severity, alarm.code), []).append(alarm)
    ordered = sorted(groups.items(), key=lambda item: (item[0][0] != "fault", -len(item[1]), item[0][1]))
    return section(
        "alarms",
        "Alarms",
        sentence(_summary(alarms, published=published)),
        [_group(severity, code, several) for (severity, code), several in ordered],
    )


def _summary(alarms: Sequence[Alarm], *, published: bool) -> str:
    if not alarms:
        return "No alarm was raised."
    faults = [alarm for alarm in alarms if alarm.severity == "fault"]
    cautions = len(alarms) - len(faults)
    why = " Many belong to the published protocol, which is run without repairs." if published else ""
    return (
        f"{len(faults):,} faults of {len({alarm.code for alarm in faults})} kinds (a number does not mean what it "
        f"seems to) and {cautions:,} cautions (a number may not).{why}"
    )


def _group(severity: str, code: str, alarms: Sequence[Alarm]) -> Html:
    title = join((badge(severity, *SEVERITY[severity]), f" {code}: {len(alarms):,}"))
    left, meaning = len(alarms) - EXAMPLES, by_name()[code].plain if code in by_name() else ""
    lines = [
        tag("li", tag("b", alarm.where), ": " if alarm.where else "", alarm.message) for alarm in alarms[:EXAMPLES]
    ]
    return folded(
        title, note(meaning), tag("ul", lines), tag("p", f"and {left:,} more.", class_="note") if left > 0 else None
    )
