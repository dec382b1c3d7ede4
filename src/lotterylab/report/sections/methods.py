"""Each pruning method against each other one, paired by seed."""

from __future__ import annotations

from collections.abc import Sequence

from lotterylab.reading.words import interval_text
from lotterylab.report.blocks import cell, folded, heading, note, number, section, sentence, table
from lotterylab.report.figure_style import called
from lotterylab.report.markup import Html
from lotterylab.report.material import Material
from lotterylab.studies.contrasts import MethodContrast

FEW = 40  # pairs that are shown without a click


def methods(material: Material) -> Html:
    """What can be said of any two methods, and how many pairs nothing can be said of."""
    pairs = material.method_contrasts
    return section(
        "methods",
        "Methods against each other",
        sentence(summary(pairs)),
        note(
            "Test accuracy of the first method minus that of the second, mean of the differences over seeds with its "
            "95 % t interval. One is called better where p, adjusted by Holm for all pairs of the study, is "
            "below 0.05; equal where two one-sided tests show it within the margin. Nothing is said of runs that "
            "diverged, of two methods at chance, of fewer than three seeds."
        ),
        folded(
            "All pairs", table(_head(), map(_row, pairs), kind="sortable", name="method-pairs"), open_=len(pairs) < FEW
        ),
    )


def summary(pairs: Sequence[MethodContrast]) -> str:
    """One sentence from the numbers."""
    if not pairs:
        return "No two methods have a seed in common yet."
    better: dict[str, int] = {}
    for pair in pairs:
        if pair.better is not None:
            better[pair.better] = better.get(pair.better, 0) + 1
    equal = sum(pair.outcome == "equal" for pair in pairs)
    said = [f"{called(name)} is better in {count}" for name, count in sorted(better.items(), key=lambda one: -one[1])]
    seeds = sorted({pair.interval.n for pair in pairs})
    n = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    open_ = len(pairs) - sum(better.values()) - equal
    return (
        f"Of {len(pairs)} pairs (two methods at one sparsity, n = {n} seeds): {', '.join([*said, f'equal {equal}'])}, "
        f"cannot be said {open_}."
    )


def _head() -> list[Html | str]:
    return ["activation", heading("sparsity"), "first", "second", heading("difference"), heading("p, Holm"), "said"]


def _row(pair: MethodContrast) -> list[Html | str]:
    difference = cell(interval_text(pair.interval, sign=True), value=repr(pair.interval.mean), kind="number")
    return [
        pair.activation,
        number(pair.sparsity, 2),
        called(pair.a),
        called(pair.b),
        difference,
        number(pair.p_holm, 3),
        f"{pair.says}: {pair.caveat}" if pair.caveat else pair.says,
    ]
