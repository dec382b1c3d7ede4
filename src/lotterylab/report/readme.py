"""The verdicts as Markdown, for a folder of results that is read where it is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lotterylab.formats.text import in_markdown, shown
from lotterylab.reading.questions import Verdict
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import diverged_text, interval_text, rows_text
from lotterylab.report.figure_style import called
from lotterylab.report.material import Material
from lotterylab.report.sections.methods import summary
from lotterylab.statistics import t_interval
from lotterylab.studies.contrasts import ACCURACY
from lotterylab.studies.protocols import CORRECTED

PREDICTED = {True: "as predicted", False: "not as predicted", None: "open"}


def readme(material: Material) -> str:
    """README.md of a report's folder: what was run, each verdict, the published values beside ours."""
    return "\n".join(_lines(material)) + "\n"


def _lines(material: Material) -> Iterator[str]:
    study, context = material.study, material.context
    yield f"# {in_markdown(study.title)}"
    yield ""
    yield f"{study.question}"
    yield ""
    yield (f"{rows_text(material.results)}. This page is written by the program and changes when the numbers do.")
    yield ""
    command = shown(context.command, most=None)
    yield f"    {command}"
    yield f"    {command.replace('lotterylab run', 'lotterylab report', 1)} --out <this folder>"
    yield ""
    yield f"The page is [index.html](index.html); it needs no network. The numbers: {', '.join(material.tables)}."
    for note in study.notes:
        yield ""
        yield shown(note, most=None)
    if lost := diverged_text(material.results):
        yield from ("", lost)
    if material.judged:
        yield from _judged(material)
    if material.method_contrasts:
        yield from ("", "## Methods against each other", "", summary(material.method_contrasts))
        yield from _accuracies(material)
    yield from _published(material)


def _accuracies(material: Material) -> Iterator[str]:
    """Test accuracy of each method at each sparsity, in the corrected protocol; a mark where a run diverged."""
    rows = material.results.where(protocol=CORRECTED.name, control="")
    for activation, own in rows.by("activation").items():
        levels = [level for level in own.levels if level]
        dense = own.where(method="dense").per_seed(ACCURACY)
        text = f"; dense {interval_text(t_interval(dense.values()))}" if dense else ""
        mark = " *: a run diverged." if own.diverged else ""
        yield from (
            "",
            f"Test accuracy, {in_markdown(str(activation))}, means with 95 % t intervals over seeds{text}.{mark}",
            "",
        )
        yield _table_row(["method", *(f"{level:g}" for level in levels)])
        yield "|---|" + "---|" * len(levels)
        for method, of_method in own.by("method").items():
            if method != "dense":
                yield _table_row(
                    [in_markdown(called(method)), *(_accuracy(of_method.where(sparsity=level)) for level in levels)]
                )


def _accuracy(rows: Rows) -> str:
    found = rows.per_seed(ACCURACY)
    if not found:
        return "not run"
    return interval_text(t_interval(found.values())) + (" *" if rows.diverged else "")


def _judged(material: Material) -> Iterator[str]:
    yield ""
    yield "## Where text and numbers part"
    yield ""
    yield (
        "The verdict is on what follows: our explanation, which the measurement could have refuted. Intervals: 95 % t "
        "over seeds."
    )
    yield ""
    yield "| row | the text says | what follows | measured | n | interval | verdict | prediction |"
    yield "|---|---|---|---|---|---|---|---|"
    yield from map(_row, material.verdicts)


def _row(one: Verdict) -> str:
    interval = one.interval
    spelled = ""
    if interval is not None and interval.low is not None and interval.high is not None:
        spelled = f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
    cells = (one.key, one.claim, one.follows, one.measured, str(one.n), spelled, f"**{one.verdict}**")
    return _table_row((*cells, PREDICTED[one.as_predicted]))


def _published(material: Material) -> Iterator[str]:
    if not material.comparisons:
        return
    inside = sum(one.within is True for one in material.comparisons)
    exact = [one for one in material.comparisons if one.activation == "sigmoid"]
    same = sum(one.within_seed42 is True for one in exact)
    yield ""
    yield "## The published values"
    yield ""
    yield (
        f"{inside} of {len(material.comparisons)} lie within their reading error plus two standard deviations over "
        f"our seeds; of the {len(exact)} of the sigmoid column, {same} are given again by seed 42 within the reading "
        f"error alone."
    )
    yield ""
    yield _table_row(
        ("quantity", "activation", "method", "target", "published", "ours, mean ± sd (n)", "seed 42", "within", "at 42")
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for one in material.comparisons:
        spread = f" ± {one.ours_sd:.3f}" if one.ours_sd is not None else ""
        ours = f"{one.ours_mean:.3f}{spread} ({one.n})" if one.ours_mean is not None else "not run"
        at_42 = f"{one.seed42:.3f}" if one.seed42 is not None else ""
        verdicts = (_word(one.within), _word(one.within_seed42))
        yield _table_row(
            (one.quantity, one.activation, one.method, f"{one.target:g}", f"{one.published:g}", ours, at_42, *verdicts)
        )


def _word(verdict: bool | None) -> str:
    return {True: "yes", False: "no", None: ""}[verdict]


def _cell(text: str) -> str:
    """Markdown for a cell; a bar that is escaped already stays so."""
    return re.sub(r"(?<!\\)\|", r"\|", shown(text.replace("\n", " "), most=None))


def _table_row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"
