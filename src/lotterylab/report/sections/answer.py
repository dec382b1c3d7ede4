"""What a study says: its paragraph, what would change it, and why it may be wrong."""

from __future__ import annotations

from lotterylab.reading.answers import conclusion
from lotterylab.reading.doubts import held
from lotterylab.reading.words import diverged_text
from lotterylab.report.blocks import note, section, sentence
from lotterylab.report.markup import Html, tag
from lotterylab.report.material import Material


def without_diverged(material: Material) -> str:
    """How many runs diverged, and that nothing is decided with them; nothing if none did."""
    lost = diverged_text(material.results)
    return f"{lost} Comparisons that include a diverged run are left undecided." if lost else ""


def answer(material: Material) -> Html:
    """The paragraph made from the numbers, what would change it, and the doubts."""
    outline = material.outline
    doubts = held(outline.doubts, material.results)
    return section(
        "answer",
        "What this says",
        sentence(conclusion(outline, material.results, material.differences)),
        note(without_diverged(material)),
        [tag("p", tag("b", "Chosen after a look: "), text) for text in held((outline.after_a_look,), material.results)],
        tag("p", tag("b", "What would change it: "), outline.would_change) if outline.would_change else None,
        [tag("p", tag("b", "Doubts:")), tag("ul", [tag("li", doubt) for doubt in doubts])] if doubts else None,
    )
