"""Row 8: the reasons why sigmoid leaves chance with the first-order score and not with magnitude, as published."""

from __future__ import annotations

from typing import TypeAlias

from lotterylab.engine.results import Result
from lotterylab.reading.claims import Judgement
from lotterylab.reading.deciding import Word, both, holds, is_equal, negated
from lotterylab.reading.judging import unanswered
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import interval_text
from lotterylab.statistics import differences, paired, t_interval
from lotterylab.studies.activations_predictions import EQUAL_ACCURACY, LEFT_CHANCE
from lotterylab.studies.protocols import AS_PUBLISHED, CORRECTED, ladder

ACCURACY = "train.test_accuracy"
# the probes' names of the two streams: of the dense and magnitude runs, and after a scoring batch
DENSES, SCORINGS = "own stream", "other stream"
BEFORE_RATE = ladder()[5]  # rung 6: all repairs except the learning rate

Cells: TypeAlias = dict[tuple[str, str], Rows]


def luck_of_the_stream(results: Rows) -> Judgement:
    """Judge row 8, hypothesis A: each method with both streams.

    If the published contrast exists (magnitude at chance, first-order not), the interval of the other stream's effect
    on magnitude's accuracy decides, since a count of seeds has no error bar.  First-order with the dense run's stream
    also shows whether the other stream was needed.
    """
    probes, published = results.where(protocol="probes"), _published(results)
    cells, n = _balanced(
        {
            ("magnitude", DENSES): published.where(method="magnitude"),
            ("magnitude", SCORINGS): probes.where(method="magnitude", control=SCORINGS),
            ("first-order", DENSES): probes.where(method="first-order", control=DENSES),
            ("first-order", SCORINGS): published.where(method="first-order"),
        }
    )
    if n < 2:
        return unanswered("magnitude and first-order runs with both streams", n)
    most = {cell: _leave_in_most_seeds(rows) for cell, rows in cells.items()}
    scorings, denses = (cells["magnitude", stream].per_seed(ACCURACY) for stream in (SCORINGS, DENSES))
    effect = paired(scorings, denses)
    word: Word = "cannot be said"
    if most["magnitude", DENSES] is False and most["first-order", SCORINGS]:
        if most["magnitude", SCORINGS] and effect.above(0.0):
            word = "confirmed"
        elif effect.below(0.0) or is_equal(differences(scorings, denses), EQUAL_ACCURACY) == "confirmed":
            word = "refuted"
    return Judgement(
        word=word,
        measured=f"Runs above {LEFT_CHANCE:g} ('own' is the dense run's stream): {_counts(cells)}. The other "
        f"stream changes "
        f"magnitude's accuracy by {interval_text(effect)}.",
        n=n,
        interval=effect,
        came_true=holds(negated(word)),
    )


def one_sided_mask(results: Rows) -> Judgement:
    """Judge row 8, hypothesis B: random masks of one sign with both streams, against random masks of both signs.

    The target is the lowest, at which most is removed: as published, a fraction 1 - s.
    """
    probes = results.where(protocol="probes", method=("random of one sign", "random"))
    target = min(probes.levels, default=0.0)
    cells, n = _balanced(
        {
            (method, stream): probes.where(sparsity=target, method=method, control=stream)
            for method in ("random of one sign", "random")
            for stream in (DENSES, SCORINGS)
        }
    )
    if n < 2:
        return unanswered("random masks of one sign and of both, with both streams", n)
    one_sign, two_signs = (
        [_leave_in_most_seeds(cells[method, stream]) for stream in (DENSES, SCORINGS)]
        for method in ("random of one sign", "random")
    )
    rows = Rows(row for cell in cells.values() for row in cell)
    of_one, of_both = (rows.where(method=method).per_seed(ACCURACY) for method in ("random of one sign", "random"))
    lead = paired(of_one, of_both)
    word: Word = "cannot be said"
    if False in one_sign or set(two_signs) == {True} or lead.below(0.0):
        word = "refuted"
    elif set(one_sign) == {True} and set(two_signs) == {False} and lead.above(0.0):
        word = "confirmed"
    return Judgement(
        word=word,
        measured=f"Runs above {LEFT_CHANCE:g} at {target:g} ('own' is the dense run's stream): {_counts(cells)}. "
        f"One sign minus "
        f"both: {interval_text(lead)}.",
        n=n,
        interval=lead,
        came_true=both(*one_sign),
    )


def learning_rate(results: Rows) -> Judgement:
    """Judge row 8, hypothesis C: every arm at the chosen rate, and dense at 0.1, also with all else repaired."""
    cells, n = _balanced(
        {
            ("all", "corrected"): results.where(protocol=CORRECTED.name, activation="sigmoid", control=""),
            ("dense", "published"): _published(results).where(method="dense"),
        }
    )
    if n < 2:
        return unanswered("all its corrected and as-published sigmoid runs", n)
    arms, dense = cells.values()
    by_arm = arms.by("method", "sparsity")
    leave = {f"{arm[0]} at {arm[1]:g}": _leave_in_most_seeds(rows) for arm, rows in by_arm.items()}
    stuck = [arm for arm, most in leave.items() if most is False]
    rung = results.where(protocol=BEFORE_RATE.name, activation="sigmoid", method="dense").having(ACCURACY)
    everywhere = all(map(_has_left, arms))
    word: Word = "cannot be said"
    if stuck or _leave_in_most_seeds(dense) or (len(rung) > 1 and _leave_in_most_seeds(rung)):
        word = "refuted"
    elif everywhere and _leave_in_most_seeds(dense) is False:
        word = "confirmed"
    accuracy = t_interval(arms.per_seed(ACCURACY).values())
    repaired = f", and {_count(rung)} with everything else repaired" if rung else ""
    return Judgement(
        word=word,
        measured=f"At the chosen rate {_count(arms)} sigmoid runs are above {LEFT_CHANCE:g} (mean "
        f"{interval_text(accuracy)}; not in "
        f"most seeds: {', '.join(stuck) or 'none'}). At 0.1 {_count(dense)} dense runs are as published{repaired}.",
        n=n,
        interval=accuracy,
        came_true=everywhere,
    )


def _published(results: Rows) -> Rows:
    return results.where(protocol=AS_PUBLISHED.name, activation="sigmoid")


def _balanced(cells: Cells) -> tuple[Cells, int]:
    """Return the rows of the seeds in which every cell is complete, and the number of these seeds."""
    seeds = set.intersection(*(set(rows.per_seed(ACCURACY)) for rows in cells.values()))
    return {cell: rows.where(seed=tuple(seeds)) for cell, rows in cells.items()}, len(seeds)


def _has_left(row: Result) -> float | None:
    accuracy = row.metric(ACCURACY)
    return None if accuracy is None else float(accuracy > LEFT_CHANCE)


def _leave_in_most_seeds(rows: Rows) -> bool | None:
    """Return whether more than half of a seed's runs leave chance, in more than half of the seeds; None for half."""
    shares = rows.per_seed(_has_left).values()
    twice = 2 * sum(share > 0.5 for share in shares)
    return None if twice == len(shares) else twice > len(shares)


def _count(rows: Rows) -> str:
    return f"{sum(row.metric(ACCURACY) > LEFT_CHANCE for row in rows)} of {len(rows)}"


def _counts(cells: Cells) -> str:
    means = {cell: t_interval(rows.per_seed(ACCURACY).values()).mean for cell, rows in cells.items()}
    return "; ".join(f"{', '.join(cell)} {_count(rows)} (mean {means[cell]:.3f})" for cell, rows in cells.items())
