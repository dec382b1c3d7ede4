"""Row 8: why sigmoid leaves chance with the first-order score and not with magnitude, as published."""

from __future__ import annotations

from collections.abc import Sequence

from lotterylab.analysis.statistics import paired, t_interval
from lotterylab.engine.results import Result
from lotterylab.studies.activations_predictions import LEFT_CHANCE
from lotterylab.studies.activations_questions import QUESTIONS
from lotterylab.studies.protocols import AS_PUBLISHED, CORRECTED, ladder
from lotterylab.studies.questions import Verdict, Word, shown
from lotterylab.studies.seeds import PerSeed, complete, grouped, per_seed, seeds_of, sparsities, where

ACCURACY = "train.test_accuracy"
# The probes' names of the two streams: that of the dense and magnitude runs, and that after a scoring batch.
DENSES, SCORINGS = "own stream", "other stream"


def luck_of_the_stream(results: Sequence[Result]) -> Verdict:
    """Row 8, hypothesis A: each method with both streams.  What matters if A holds is the stream, not the mask."""
    question = QUESTIONS["8A"]
    probes, published = where(results, protocol="probes"), _published(results)
    cells = {
        ("magnitude", DENSES): where(published, method="magnitude"),
        ("magnitude", SCORINGS): where(probes, method="magnitude", control=SCORINGS),
        ("first-order", DENSES): where(probes, method="first-order", control=DENSES),
        ("first-order", SCORINGS): where(published, method="first-order"),
    }
    left = {cell: per_seed(rows, _has_left) for cell, rows in cells.items()}
    seeds = _common(left.values())
    if len(seeds) < 2:
        return question.unanswered("magnitude and first-order runs with both streams", len(seeds))
    most = {cell: _in_most(shares, seeds) for cell, shares in left.items()}
    stays = not most["magnitude", SCORINGS]
    carried = most["magnitude", SCORINGS] and not most["magnitude", DENSES] and not most["first-order", DENSES]
    word: Word = "refuted" if stays else "confirmed" if carried else "cannot be said"
    told = "; ".join(f"{method}, {stream}: {_told(left[method, stream], seeds)}" for method, stream in cells)
    effect = paired(per_seed(cells["magnitude", SCORINGS], ACCURACY), per_seed(cells["magnitude", DENSES], ACCURACY))
    return question.answer(
        word,
        f"Runs above {LEFT_CHANCE:g} ('own' is the dense run's stream): {told}. The other stream changes magnitude's "
        f"accuracy by {shown(effect)}.",
        n=len(seeds),
        interval=effect,
        as_predicted=stays,
    )


def one_sided_mask(results: Sequence[Result]) -> Verdict:
    """Row 8, hypothesis B: random masks of one sign with both streams, against random masks of both signs.

    At the lowest target, where most is removed: as published, a fraction 1 - s.
    """
    question = QUESTIONS["8B"]
    probes = where(results, protocol="probes", method=("random of one sign", "random"))
    target = min(sparsities(probes), default=0.0)
    cells = {key: rows for key, rows in grouped(where(probes, sparsity=target), "method", "control").items()}
    left = {cell: per_seed(rows, _has_left) for cell, rows in cells.items()}
    seeds = _common(left.values())
    if len(seeds) < 2:
        return question.unanswered("random masks of one sign and of both, with both streams", len(seeds))
    most = {cell: _in_most(shares, seeds) for cell, shares in left.items()}
    one_sign = [most["random of one sign", stream] for stream in (DENSES, SCORINGS)]
    two_signs = [most["random", stream] for stream in (DENSES, SCORINGS)]
    rows = where(probes, sparsity=target)
    lead = paired(
        per_seed(where(rows, method="random of one sign"), ACCURACY), per_seed(where(rows, method="random"), ACCURACY)
    )
    word: Word = "cannot be said"
    if not all(one_sign) or all(two_signs) or lead.below(0.0):
        word = "refuted"
    elif not any(two_signs) and lead.above(0.0):
        word = "confirmed"
    told = "; ".join(f"{method}, {stream}: {_told(left[method, stream], seeds)}" for method, stream in cells)
    return question.answer(
        word,
        f"Runs above {LEFT_CHANCE:g} at {target:g} ('own' is the dense run's stream): {told}. One sign minus both: "
        f"{shown(lead)}.",
        n=len(seeds),
        interval=lead,
        as_predicted=all(one_sign),
    )


def learning_rate(results: Sequence[Result]) -> Verdict:
    """Row 8, hypothesis C: sigmoid at the chosen rate; and whether it is the rate, from the rungs around that repair."""
    question = QUESTIONS["8C"]
    arms = where(results, protocol=CORRECTED.name, activation="sigmoid", control="")
    left = per_seed(arms, _has_left)
    dense = per_seed(where(_published(results), method="dense"), _has_left)
    seeds = _common((left, dense))
    if len(seeds) < 2:
        return question.unanswered("all its corrected and as-published sigmoid runs", len(seeds))
    arms = [row for row in complete(arms, ACCURACY) if row.labels["seed"] in seeds]
    least = {
        arm: t_interval(per_seed(rows, _has_left).values()).mean
        for arm, rows in grouped(arms, "method", "sparsity").items()
    }
    stuck = [f"{method} at {sparsity:g}" for (method, sparsity), share in least.items() if share <= 0.5]
    before = per_seed(where(results, protocol=ladder()[5].name, activation="sigmoid", method="dense"), _has_left)
    learned_before = _in_most(before, list(before)) if len(before) > 1 else None
    everywhere, at_chance = all(left[seed] == 1 for seed in seeds), not _in_most(dense, seeds)
    word: Word = "cannot be said"
    if stuck or not at_chance or learned_before:
        word = "refuted"
    elif everywhere:
        word = "confirmed"
    accuracy = t_interval(per_seed(arms, ACCURACY).values())
    rung = f"in {sum(before.values()):.0f} of {len(before)} seeds" if before else "not run"
    return question.answer(
        word,
        f"At the chosen rate {sum(map(_has_left, arms)):.0f} of {len(arms)} sigmoid runs are above {LEFT_CHANCE:g} (mean "
        f"{shown(accuracy)}; in most seeds not: {', '.join(stuck) or 'none'}). At 0.1 the dense network is in "
        f"{sum(dense[seed] for seed in seeds):.0f} of {len(seeds)} seeds as published, and with all other repairs {rung}.",
        n=len(seeds),
        interval=accuracy,
        as_predicted=everywhere,
    )


def _published(results: Sequence[Result]) -> list[Result]:
    return where(results, protocol=AS_PUBLISHED.name, activation="sigmoid")


def _has_left(row: Result) -> float | None:
    accuracy = row.metric(ACCURACY)
    return None if accuracy is None else float(accuracy > LEFT_CHANCE)


def _common(shares) -> list[int]:
    """The seeds that every arm has; none where there are no arms."""
    found = [set(one) for one in shares]
    return sorted(set.intersection(*found)) if found else []


def _in_most(shares: PerSeed, seeds: Sequence[int]) -> bool:
    """Whether more than half of the runs have left chance in more than half of the seeds."""
    return 2 * sum(shares[seed] > 0.5 for seed in seeds) > len(seeds)


def _told(shares: PerSeed, seeds: Sequence[int]) -> str:
    return f"{sum(shares[seed] for seed in seeds) / len(seeds):.0%}"
