"""Rows 2, 7 and 12: weights that grew back, and the parts of the published distance."""

from __future__ import annotations

from collections.abc import Callable

from lotterylab.auditing.alarms import percent
from lotterylab.engine.results import Result
from lotterylab.reading.claims import Judgement
from lotterylab.reading.deciding import all_of, holds, is_above, is_below, negated
from lotterylab.reading.judging import unanswered
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import interval_text
from lotterylab.statistics import t_interval
from lotterylab.studies.protocols import AS_PUBLISHED

PRUNED = ("magnitude", "first-order")
REGROWN = 0.95  # "more than 95 % of the removed weights are nonzero"
MOST_OF_D = 0.5  # "more than half of D"
LARGE_D, SMALL_RATIO = 3.0, 1.5  # "below 1.5 where D is above 3"
D = "distances.mean_relative_distance"


def grown_back(results: Rows) -> Judgement:
    """Judge row 2: the share of removed entries that are not zero after retraining."""
    rows = results.where(protocol=AS_PUBLISHED.name, method=PRUNED).having("distances.regrown")
    n = len(rows.seeds)
    if n < 2:
        return unanswered("all its as-published pruned runs", n)
    share = t_interval(rows.per_seed("distances.regrown").values())
    arms = {
        arm: t_interval(of_arm.per_seed("distances.regrown").values()).mean
        for arm, of_arm in rows.by("activation", "method").items()
    }
    least = min(arms, key=lambda arm: arms[arm])
    return Judgement(
        word=is_above(share, REGROWN),
        measured=f"At the end {interval_text(share)} of the removed entries are not 0; least in {' '.join(least)}: "
        f"{percent(arms[least])}.",
        n=n,
        interval=share,
        came_true=arms[least] > REGROWN,
    )


def biases_dominate(results: Rows) -> Judgement:
    """Judge row 7, hypothesis A: the biases' share of D."""
    rows = results.where(protocol=AS_PUBLISHED.name, method=PRUNED).having(_share_of_biases)
    n = len(rows.seeds)
    if n < 2:
        return unanswered("all its as-published distances", n)
    share = t_interval(rows.per_seed(_share_of_biases).values())
    each = (
        f"{activation} {percent(t_interval(of_activation.per_seed(_share_of_biases).values()).mean)}"
        for activation, of_activation in rows.by("activation").items()
    )
    word = is_above(share, MOST_OF_D)
    return Judgement(
        word=word,
        measured=f"The biases carry {interval_text(share)} of D; equal tensors would carry 0.5 ({', '.join(each)}).",
        n=n,
        interval=share,
        came_true=holds(word),
    )


def _share_of_biases(row: Result) -> float | None:
    ratios = row.metric("distances.by_tensor")
    if not ratios or None in ratios.values():
        return None
    return sum(ratio for name, ratio in ratios.items() if name.endswith("bias")) / sum(ratios.values())


def small_norms(results: Rows) -> Judgement:
    """Judge row 7, hypothesis B: a large D, taken over the ticket's norms and over those of a network that learned.

    The prediction names only the ticket's norms.  For one tensor that test must succeed: if ||d - p|| / ||d|| > 3,
    then ||p|| is above 2 ||d||, so ||d - p|| / ||p|| is below 1.5.  The norms of the dense tanh network of the same
    seed, which learned, can refute the hypothesis: if D stays large over them, the distance itself is large.
    """
    rows = results.where(protocol=AS_PUBLISHED.name, activation="sigmoid", method="first-order")
    rows = rows.having(D, "distances.relative_to_ticket")
    large = Rows(row for row in rows if row.metric(D) > LARGE_D)
    n, seeds = len(large.seeds), len(rows.seeds)
    if seeds < 2:
        return unanswered("all its as-published sigmoid first-order distances", seeds)
    if n < 2:
        highest = max(row.metric(D) for row in rows)
        measured = f"D is above {LARGE_D:g} in {n} of {seeds} seeds, and at most {highest:.2f}: too few to explain."
        return Judgement(word="cannot be said", measured=measured, n=n)
    ratio = t_interval(large.per_seed("distances.relative_to_ticket").values())
    over_tanh = large.per_seed(_over_norms_of(results, "tanh"))
    learned = t_interval(over_tanh.values()) if over_tanh else None
    mean = sum(row.metric(D) for row in large) / len(large)
    return Judgement(
        word=all_of([is_below(ratio, SMALL_RATIO), is_below(learned, SMALL_RATIO) if learned else "cannot be said"]),
        measured=f"D is above {LARGE_D:g} in {len(large)} of {len(rows)} runs (mean {mean:.2f}); the same "
        f"distances are "
        f"{interval_text(ratio, 2)} over the ticket's norms and "
        f"{interval_text(learned, 2) if learned else 'not known'} over those of "
        f"the dense tanh network of the same seed.",
        n=n,
        interval=learned or ratio,
        came_true=holds(is_below(ratio, SMALL_RATIO)),
    )


def _over_norms_of(results: Rows, activation: str) -> Callable[[Result], float | None]:
    """Return a reader of D with the dense norms of another activation's network, of the same seed, below the line."""
    others = results.where(protocol=AS_PUBLISHED.name, activation=activation, method="first-order")
    norms = {row.labels["seed"]: row.metric("distances.dense_norms") for row in others}

    def read(row: Result) -> float | None:
        ratios, mine = row.metric("distances.by_tensor"), row.metric("distances.dense_norms")
        other = norms.get(row.labels["seed"])
        if not ratios or not mine or not other or None in (*ratios.values(), *mine.values(), *other.values()):
            return None
        return sum(ratios[name] * mine[name] / other[name] for name in ratios) / len(ratios)

    return read


def one_seeds_spike(results: Rows) -> Judgement:
    """Judge row 12: D at the middle targets minus the mean of the lowest and the highest, sigmoid and first-order."""
    rows = results.where(protocol=AS_PUBLISHED.name, activation="sigmoid", method="first-order").having(D)
    n, targets = len(rows.seeds), rows.levels
    if n < 2:
        return unanswered("all its as-published sigmoid first-order distances", n)
    if len(targets) < 3:
        return Judgement(word="cannot be said", measured=f"A spike needs three targets; there are {len(targets)}.", n=n)
    middle = rows.where(sparsity=tuple(targets[1:-1])).per_seed(D)
    ends = rows.where(sparsity=(targets[0], targets[-1])).per_seed(D)
    spike = t_interval([middle[seed] - ends[seed] for seed in middle])
    means = (
        f"{t_interval(at_target.per_seed(D).values()).mean:.2f} at {target:g}"
        for target, at_target in sorted(rows.by("sparsity").items())
    )
    positive = sum(middle[seed] > ends[seed] for seed in middle)
    return Judgement(
        word=negated(is_above(spike, 0.0)),
        measured=f"D is {', '.join(means)}; the middle minus the mean of the ends is {interval_text(spike, 2)}, "
        f"positive in {positive} "
        f"of {n} seeds.",
        n=n,
        interval=spike,
        came_true=False if spike.above(0.0) or spike.below(0.0) else None,
    )
