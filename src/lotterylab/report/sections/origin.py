"""The origin of the numbers: settings, data, versions and predictions."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lotterylab.engine.facts import STARTED
from lotterylab.engine.records import Record
from lotterylab.plan.nodes import Choose, Train
from lotterylab.report.anchors import settings_anchor, settings_of
from lotterylab.report.blocks import cell, folded, pairs, section, sentence, table
from lotterylab.report.markup import Child, Html, tag
from lotterylab.report.material import Material
from lotterylab.words import PLACE

OF_ONE_RUN = ("earlier_seconds", STARTED)  # facts that differ between runs and do not affect their bits


def origin(material: Material) -> Html:
    """Return folded parts: settings, data, facts of this report and of the runs, predictions."""
    context = material.context
    runs = _facts_of_runs(material)
    return section(
        "origin",
        "Settings, data, versions, predictions",
        sentence(_summary(material, len(runs))),
        folded("Settings of the study", pairs((name, spell(value)) for name, value in context.settings.items())),
        folded("Settings of the runs", *_settings_of_runs(material)),
        folded("Data", *_data(material)),
        folded("Versions and machine", tag("h3", "This report"), _facts(context.facts), tag("h3", "The runs"), *runs),
        folded("Predictions, as written before the runs", _predictions(material)),
    )


def _summary(material: Material, kinds: int) -> str:
    data, warnings = material.context.data, material.context.data.warnings
    warned = f" {len(warnings)} warning{'s' * (len(warnings) > 1)} about the data." if warnings else ""
    return (
        f"Data: {material.context.data_title}, content {data.content[:12]}.{warned} The runs were made under {kinds} "
        f"set{'s' * (kinds != 1)} of versions and machines."
    )


def _data(material: Material) -> list[Child]:
    data = material.context.data
    return [
        pairs((("data", material.context.data_title), ("content used, SHA-256", tag("code", data.content)))),
        table(
            ("file", "checksum"), [(name, tag("code", checksum)) for name, checksum in data.files], name="data-files"
        ),
        tag("ul", [tag("li", text) for text in data.warnings]) if data.warnings else None,
    ]


def _facts(facts: Mapping[str, Any]) -> Html:
    return pairs((name.replace("_", " "), spell(value)) for name, value in facts.items())


def _facts_of_runs(material: Material) -> list[Html]:
    """Return one list for each set of facts, the most frequent first, each finished training counted once."""
    trained = material.results.trained
    records = {row.records["train"].digest: row.records["train"] for row in trained}
    sets: dict[tuple[tuple[str, str], ...], list[Record]] = {}
    for record in records.values():
        facts = sorted((name, spell(value)) for name, value in record.facts.items() if name not in OF_ONE_RUN)
        sets.setdefault(tuple(facts), []).append(record)
    return [
        tag(
            "div",
            tag("p", f"{len(runs):,} training run{'s' * (len(runs) > 1)}:"),
            _facts({**dict(facts), **_times(runs)}),
        )
        for facts, runs in sorted(sets.items(), key=lambda item: -len(item[1]))
    ]


def _times(runs: Iterable[Record]) -> dict[str, str]:
    """Return when the first and the last of these runs were started; older records do not say it."""
    times = sorted(str(run.facts[STARTED]) for run in runs if STARTED in run.facts)
    return {STARTED: " to ".join(dict.fromkeys((times[0], times[-1])))} if times else {}


def _settings_of_runs(material: Material) -> list[Html]:
    """Return one part for each recipe on each network and data, with an id for links from "All runs"."""
    runs: dict[str, Train] = {}
    counts: Counter[str] = Counter()
    for result in material.results:
        run = result.nodes.get("train")
        if isinstance(run, Train) and "train" in result.records:
            runs.setdefault(settings_anchor(run), run)
            counts[settings_anchor(run)] += 1
    return [
        folded(
            f"{run.model.activation} {type(run.model).__name__}, {run.total_steps - run.first_step:,} steps: "
            f"{counts[anchor]:,} run{'s' * (counts[anchor] > 1)}",
            pairs(flat(settings_of(run))),
            anchor=anchor,
        )
        for anchor, run in runs.items()
    ]


def flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested fields as (path of names, value); an inner spec is named by its kind."""
    if isinstance(value, Choose):
        rates = spell([rate for rate, _ in value.candidates])
        yield name, f"chosen by {value.by.replace('_', ' ')} from {rates}"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from flat(item, f"{name} {key}".strip())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield name, type(value).__name__
        for field in dataclasses.fields(value):
            if not PLACE.items() <= field.metadata.items():
                yield from flat(getattr(value, field.name), f"{name}: {field.name.replace('_', ' ')}")
    elif value is not None:
        yield name, spell(value)


def _predictions(material: Material) -> Html:
    head = ("row", "claim", "expected")
    rows = [
        (
            tag("th", prediction.key, scope="row"),
            cell(prediction.claim, label=head[1]),
            cell(prediction.expected, label=head[2]),
        )
        for prediction in material.study.predictions
    ]
    return table(head, rows, kind="prose", name="predictions")


def spell(value: Any) -> str:
    """Return a setting or a fact as text."""
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case Mapping():
            return ", ".join(f"{str(name).replace('_', ' ')} {spell(item)}" for name, item in value.items())
        case tuple() | list():
            return ", ".join(map(spell, value))
    return str(value)
