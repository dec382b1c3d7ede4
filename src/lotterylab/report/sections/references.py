"""The works that the study rests on."""

from __future__ import annotations

from lotterylab.report.bibliography import references
from lotterylab.report.blocks import section
from lotterylab.report.markup import Html, tag
from lotterylab.report.material import Material


def bibliography(material: Material) -> Html:
    """Keys and plain text; nothing here is a link."""
    items = [
        tag("li", tag("code", key), f" {text}", id=f"reference-{key}")
        for key, text in references(material.context.bibliography)
    ]
    return section("references", "References", tag("ul", items, class_="references"))
