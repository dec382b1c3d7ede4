"""The works that the study rests on."""

from __future__ import annotations

from lotterylab.report.bibliography import BEHIND_EVERY_REPORT, references
from lotterylab.report.blocks import section
from lotterylab.report.citations import keys_of
from lotterylab.report.markup import Html, tag
from lotterylab.report.material import Material


def bibliography(material: Material) -> Html:
    """Of what ran, and of the analysis: keys and plain text; nothing here is a link."""
    keys = dict.fromkeys((*keys_of(material.study.targets()), *BEHIND_EVERY_REPORT))
    items = [tag("li", tag("code", key), f" {text}", id=f"reference-{key}") for key, text in references(keys)]
    return section("references", "References", tag("ul", items, class_="references"))
