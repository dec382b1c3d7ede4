"""The answer of a study, as one sentence and as a paragraph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lotterylab.reading.caveats import unequal_training
from lotterylab.reading.differences import Difference
from lotterylab.reading.judging import nothing, percent
from lotterylab.reading.outline import Outline
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import capital, interval_text, listed, negative


def headline(outline: Outline, results: Rows, differences: Sequence[Difference]) -> str:
    """Return the answer: one sentence of at most 30 words with one number and its interval."""
    if outline.headline is not None:
        return outline.headline(results, differences)
    planned = [difference for difference in differences if difference.planned]
    return in_words(planned[0]) if planned else _no_difference(outline, results)


def in_words(difference: Difference, a: str = "", b: str = "") -> str:
    """Return a difference as a sentence: the decision, a - b with its interval, the place and the number of seeds.

    ``a``, ``b``: the two sides in words; by default the names of their lines.
    """
    comparison, n = difference.comparison, difference.interval.n
    a, b = a or comparison.a.name, b or comparison.b.name
    if difference.better is not None:
        text = f"{a} is {'better' if difference.better == comparison.a else 'worse'} than {b}"
    elif difference.outcome == "equal":
        text = f"{a} and {b} are equal within {comparison.margin:g}"
    else:
        text = f"it is undecided whether {a} and {b} differ"
    place = ", ".join(filter(None, (difference.panel, _kept(difference), f"n = {n}")))
    size = f"{interval_text(difference.interval, comparison.digits, sign=True)} in {comparison.what}"
    return f"{capital(text)}: {size} ({place}).{unequal_training(difference.rows)}"


def by_panel(differences: Sequence[Difference], a: str, b: str, place: str) -> str:
    """Return one sentence on a comparison in several panels: where ``a`` beats ``b``, and where not.

    It gives the number of the panel with the largest decided difference.  ``a`` and ``b`` are plural.
    """
    panels: dict[str, list[str]] = {}
    for difference in differences:
        panels.setdefault(_relation(difference), []).append(difference.panel.split(", ")[-1])
    largest = max(differences, key=lambda difference: (difference.better is not None, abs(difference.interval.mean)))
    relation, comparison = _relation(largest), largest.comparison
    first, other = panels.pop(relation), largest.panel.split(", ")[-1]
    size = f"{interval_text(largest.interval, min(comparison.digits, 3), sign=True)} in {comparison.what}"
    size += f" for {other}, n = {largest.interval.n}" if len(first) > 1 else f", n = {largest.interval.n}"
    begin = {
        "win": f"{a} beat {b}",
        "lose": f"{a} lose to {b}",
        "are equal": f"{a} equal {b}",
        "are undecided": f"{a} and {b} are undecided",
    }[relation]
    parts = [
        f"{begin} for {listed(first)} ({size})",
        *(f"{word} for {listed(names)}" for word, names in panels.items()),
    ]
    return f"{place}, {listed(parts)}."


def _relation(difference: Difference) -> str:
    if difference.better is not None:
        return "win" if difference.better == difference.comparison.a else "lose"
    return "are equal" if difference.outcome == "equal" else "are undecided"


def best_of(pairs: Sequence[Difference], names: Mapping[str, str], kind: str) -> str:
    """Return one sentence on the line with the most accurate tickets, from the differences of each pair of lines.

    Args:
        pairs: the difference of each pair at one sparsity.
        names: the name of a line -> its short name in the sentence.
        kind: the word for what the short names are, "activation".
    """
    lead: dict[str, float] = {}
    for pair in pairs:
        for side, sign in ((pair.comparison.a.name, 1), (pair.comparison.b.name, -1)):
            lead[side] = lead.get(side, 0.0) + sign * pair.interval.mean
    best = max(lead, key=lambda side: lead[side])
    against = {}
    for pair in pairs:
        a, b = pair.comparison.a.name, pair.comparison.b.name
        if best in (a, b):
            against[b if a == best else a] = (pair, pair.interval if a == best else negative(pair.interval))
    beaten = [side for side, (pair, _) in against.items() if pair.better is not None and pair.better.name == best]
    open_ = [names[side] for side in against if side not in beaten]
    nearest = min(beaten or against, key=lambda side: against[side][1].mean)
    pair, interval = against[nearest]
    size = f"{interval_text(interval, pair.comparison.digits, sign=True)} in {pair.comparison.what}"
    place = f"{_kept(pair)}, n = {interval.n}"
    if not beaten:
        pair_of_names = f"{names[best]} minus {names[nearest]}"
        return f"It is undecided which {kind} gives the best tickets: {pair_of_names} is {size} ({place})."
    than = f" for {names[nearest]}" if len(beaten) > 1 else ""
    text = f"{names[best]} gives better tickets than {listed(names[side] for side in beaten)}: {size}{than} ({place})"
    return f"{capital(text)}{f'; undecided against {listed(open_)}' if open_ else ''}."


def _kept(difference: Difference) -> str:
    """Return the share of the weights, or of other parts, that the masks of the first side keep, as measured."""
    if not difference.sparsity:
        return ""
    reached = difference.rows[0][1].interval("prune.reached") if difference.rows else None
    return f"{percent(difference.sparsity if reached is None else reached.mean)} of the {difference.comparison.parts}"


def conclusion(outline: Outline, results: Rows, differences: Sequence[Difference]) -> str:
    """Return the paragraph below the headline; by default the planned comparisons that the headline does not give."""
    if outline.conclude is not None:
        return outline.conclude(results, differences)
    answer = headline(outline, results, differences)
    sentences = (in_words(difference) for difference in differences if difference.planned)
    return " ".join(sentence for sentence in sentences if sentence != answer)


def _no_difference(outline: Outline, results: Rows) -> str:
    """Return the answer without a planned difference: the study has none, or its runs are not finished."""
    none_planned = all(comparison.planned == () for comparison in outline.comparisons)
    if none_planned and any(row.complete for row in results):
        return "The study plans no comparison. Its numbers are in results.csv, seed by seed."
    return nothing(results)
