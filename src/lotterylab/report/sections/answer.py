"""The conclusion of a study, what would change it, and the doubts about it."""

from __future__ import annotations

from collections.abc import Iterator

from lotterylab.reading.answers import conclusion
from lotterylab.reading.doubts import held
from lotterylab.reading.words import diverged_text
from lotterylab.report.blocks import note, section, sentence
from lotterylab.report.markup import Child, Html, tag
from lotterylab.report.material import Material


def without_diverged(material: Material) -> str:
    """Return how many runs diverged, and that no comparison with them is decided; "" if none did."""
    lost = diverged_text(material.results)
    return f"{lost} Comparisons that include a diverged run are left undecided." if lost else ""


def concludes(material: Material) -> bool:
    """Return whether the study has anything to add to its headline."""
    return any(part for part in _parts(material))


def answer(material: Material) -> Html:
    """Return the section with the paragraph made from the numbers, what would change it, and the doubts."""
    return section("answer", "Conclusion", *_parts(material))


def _parts(material: Material) -> Iterator[Child]:
    outline = material.outline
    doubts = held(outline.doubts, material.results)
    yield sentence(conclusion(outline, material.results, material.differences))
    yield note(without_diverged(material))
    for text in held((outline.after_a_look,), material.results):
        yield tag("p", tag("b", "Chosen after a look: "), text)
    if outline.would_change:
        yield tag("p", tag("b", "What would change it: "), outline.would_change)
    if doubts:
        yield [tag("p", tag("b", "Doubts:")), tag("ul", [tag("li", doubt) for doubt in doubts])]
