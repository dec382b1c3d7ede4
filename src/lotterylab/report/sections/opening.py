"""The opening of the page: the answer, its picture, the question and the state of the study."""

from __future__ import annotations

from lotterylab.reading.answers import headline
from lotterylab.report.blocks import pairs
from lotterylab.report.markup import Html, join, tag
from lotterylab.report.material import Material


def opening(material: Material, contents: list[tuple[str, str]], picture: Html | None) -> Html:
    """Return the head of the page: the answer and its ``picture``; ``contents``: (anchor, title) of the sections."""
    study = material.study
    return tag(
        "header",
        tag("h1", study.title),
        tag("p", headline(material.outline, material.results, material.differences), class_="answer"),
        picture,
        tag("p", study.question, class_="question"),
        _state(material),
        tag("ul", [tag("li", text) for text in material.notes], class_="notes") if material.notes else None,
        pairs((("Made by", tag("code", material.context.command)), ("Numbers", _files(material)))),
        tag(
            "nav", join([tag("a", title, href=f"#{anchor}") for anchor, title in contents], " "), aria_label="contents"
        ),
    )


def _state(material: Material) -> Html:
    results = material.results
    done = sum(result.complete for result in results)
    runs = {result.nodes["train"].digest: "train" in result.records for result in results if "train" in result.nodes}
    seeds = sorted({int(result.labels["seed"]) for result in results})
    finished = sum(runs.values())
    if done == len(results):
        text = f"Finished: all {done:,} rows of the study, from {finished:,} training runs"
    else:
        text = f"Unfinished: {done:,} of {len(results):,} rows are done, {finished:,} of {len(runs):,} training runs"
    spelled = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds ({seeds[0]} to {seeds[-1]})"
    share = done / max(1, len(results))
    bar = tag("span", tag("span", style=f"width:{100 * share:.1f}%"), class_="bar", aria_hidden="true")
    return tag("p", bar, f" {text}; {spelled}.", class_="state")


def _files(material: Material) -> Html:
    return join([[tag("a", name, href=name)] for name in material.tables], ", ")
