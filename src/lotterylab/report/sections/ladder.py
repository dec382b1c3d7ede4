"""The ladder: one repair at a time, so that each effect has one cause."""

from __future__ import annotations

from collections.abc import Sequence

from lotterylab.reading.words import called, interval_text, signed
from lotterylab.report import figures_ladder
from lotterylab.report.blocks import cell, folded, note, section, sentence, table
from lotterylab.report.markup import Html, join, tag
from lotterylab.report.material import Material
from lotterylab.report.quantities import ACCURACY, REACHED
from lotterylab.report.steps import LEVEL, Step, steps

TITLE = "The ladder: one repair at a time"


def climbs(material: Material) -> bool:
    """Whether the study has rungs of the ladder."""
    return any(str(row.labels["protocol"]).startswith("ladder ") for row in material.study.rows)


def ladder(material: Material) -> Html:
    """Accuracy and reached sparsity at each rung, and what each step changed."""
    planned = figures_ladder.rungs(list(dict.fromkeys(str(row.labels["protocol"]) for row in material.study.rows)))
    there = {rung: step for rung, step in planned.items() if _has_run(material, step[0])}
    if not any(rung > 0 for rung in there):
        return section("ladder", TITLE, sentence("No pruned run of the ladder is finished yet."))
    accuracy = steps(material.arms, there, ACCURACY.metric)
    reached = steps(material.arms, there, REACHED.metric)
    return section(
        "ladder",
        TITLE,
        sentence(_summary(accuracy, there)),
        tag("ol", [tag("li", name) for _, name in there.values()], start=min(there), class_="rungs"),
        material.show(figures_ladder.accuracy(material.arms, there, material.classes)),
        material.show(figures_ladder.reached(material.arms, there)),
        tag("h3", "What each step changed: test accuracy, fraction"),
        note(_how_to_read(accuracy)),
        note(told) if (told := _processors(material, there)) else None,
        _table(accuracy, there, "steps-accuracy"),
        folded("What each step changed: sparsity of the mask, fraction", _table(reached, there, "steps-reached")),
    )


def _has_run(material: Material, protocol: str) -> bool:
    """Whether some pruned network of the protocol is trained; a choice of the rate alone is no run."""
    arms = material.arms
    return any(arm.sparsity and arms.rows(arm).per_seed(ACCURACY.metric) for arm in arms.where(protocol=protocol))


def _summary(found: Sequence[Step], rungs: dict[int, tuple[str, str]]) -> str:
    resolved = [step for step in found if step.resolved]
    tested = sum(step.tested for step in found)
    if not tested:
        return "No step has two seeds yet: nothing is resolved."
    text = f"{len(resolved)} of {tested} steps of the test accuracy are resolved."
    if not resolved:
        return text
    largest = max(resolved, key=lambda step: abs(step.interval.mean) if step.interval else 0.0)
    assert largest.interval is not None
    return (
        f"{text} The largest of them is rung {largest.rung}, {rungs[largest.rung][1]}: {_arm(largest)} changed by "
        f"{interval_text(largest.interval, sign=True)}."
    )


def _how_to_read(found: Sequence[Step]) -> str:
    tested = sum(step.tested for step in found)
    by_chance = (
        f" Of {tested} intervals about {(1 - LEVEL) * tested:.0f} leave 0 out by chance alone." if tested else ""
    )
    return (
        "Paired difference of a rung and the one before, mean over the seeds that both have, with its "
        f"{100 * LEVEL:.0f} % t interval. Unresolved: the interval contains 0, or there is one seed. No change: the "
        f"same number in every seed.{by_chance}"
    )


def _processors(material: Material, rungs: dict[int, tuple[str, str]]) -> str:
    """Whether a step is a change of the processor too, on which the bits of a training depend."""
    protocols = [protocol for protocol, _ in rungs.values()]
    rows = [row for row in material.results if row.labels["protocol"] in protocols and "train" in row.records]
    climbed = {row.labels["seed"] for row in rows if row.labels["protocol"] != protocols[0]}
    of = [str(row.records["train"].facts.get("processor", "")) for row in rows if row.labels["seed"] in climbed]
    found = list(dict.fromkeys(filter(None, of)))
    if len(found) < 2:
        return ""
    return (
        f"These runs were made on {len(found)} processors ({', '.join(found)}), which round sums otherwise: at a rate "
        "of 0.1 a run may then end as differently as with another seed, so that a step of one seed says little."
    )


def _table(found: Sequence[Step], rungs: dict[int, tuple[str, str]], name: str) -> Html:
    columns = [rung for rung in rungs if rung - 1 in rungs]
    by_arm: dict[tuple[str, str, float], dict[int, Step]] = {}
    for step in found:
        by_arm.setdefault((step.activation, step.method, step.target), {})[step.rung] = step
    by_arm = {arm: of for arm, of in by_arm.items() if any(step.interval for step in of.values())}
    head = ["arm", *(tag("th", f"{rung} ", tag("br"), tag("small", rungs[rung][1]), scope="col") for rung in columns)]
    rows = [
        [tag("th", _arm(next(iter(of.values()))), scope="row"), *(_cell(of[rung]) for rung in columns)]
        for of in by_arm.values()
    ]
    return table(head, rows, kind="steps", name=name)


def _cell(step: Step) -> Html:
    interval = step.interval
    if interval is None:
        return cell("", kind="absent")
    if step.same:
        return cell(tag("small", "no change"), value=0.0, kind="same")
    if interval.low is None:
        content = join((signed(interval.mean), tag("small", "one seed"), tag("small", "unresolved")), " <br>")
        return cell(content, value=repr(interval.mean), kind="unresolved")
    bounds = tag("small", f"[{signed(interval.low, 2)}, {signed(interval.high or 0.0, 2)}]")
    word = "resolved" if step.resolved else "unresolved"
    kind = ("up" if interval.mean > 0 else "down") if step.resolved else word
    content = join((signed(interval.mean), bounds, tag("small", word)), " <br>")
    return cell(content, value=repr(interval.mean), kind=kind)


def _arm(step: Step) -> str:
    target = f", {step.target:g}" if step.target else ""
    return f"{step.activation}, {called(step.method)}{target}"
