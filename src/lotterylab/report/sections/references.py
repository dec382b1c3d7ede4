"""The works behind the study."""

from __future__ import annotations

from lotterylab.report.bibliography import BEHIND_EVERY_REPORT, references
from lotterylab.report.blocks import section
from lotterylab.report.citations import keys_of
from lotterylab.report.markup import Html, tag
from lotterylab.report.material import Material


def bibliography(material: Material) -> Html:
    """Return the works behind the runs and the analysis as keys and plain text, without links."""
    keys = dict.fromkeys((*keys_of(material.study.targets()), *BEHIND_EVERY_REPORT))
    items = [tag("li", tag("code", key), f" {text}", id=f"reference-{key}") for key, text in references(keys)]
    return section("references", "References", tag("ul", items, class_="references"))
