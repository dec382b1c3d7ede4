"""Rows 1, 3, 4 and 5: the weights that the published rule removes, and the relation of its score to GraSP."""

from __future__ import annotations

from collections.abc import Iterable

from lotterylab.auditing.alarms import percent, reached_is_not_requested
from lotterylab.engine.results import Result
from lotterylab.reading.claims import Judgement
from lotterylab.reading.deciding import Word, all_of, both, holds, is_above, is_below, is_within, negated
from lotterylab.reading.judging import unanswered
from lotterylab.reading.rows import Rows
from lotterylab.reading.words import interval_text
from lotterylab.statistics import Interval, paired, t_interval
from lotterylab.studies.activations_predictions import EXPLAINED, UNRELATED
from lotterylab.studies.protocols import AS_PUBLISHED, CORRECTED

SAME_MASK = 0.8  # "in at least 4 of 5 seeds"
NEGATIVE = 0.01  # "at most 1 % is negative"
DIFFERENT_MASK = 0.5  # "kappa below 0.5"


def reversed_fraction(results: Rows) -> Judgement:
    """Judge row 1: as published, magnitude removes int((1 - s) * n) - 1 weights in every seed, fewer only by ties."""
    both_methods = results.where(protocol=AS_PUBLISHED.name, method=("magnitude", "first-order")).having(
        "prune.removed"
    )
    magnitude, n = both_methods.where(method="magnitude"), len(both_methods.seeds)
    if n < 2:
        return unanswered("all its as-published masks", n)
    as_predicted = all(0 <= _short_of_published(row) <= row.metric("prune.entries") // 10_000 for row in magnitude)
    alarms = sum(map(_alarmed, both_methods))
    counts = [
        f"{_span(row.metric('prune.removed') for row in rows)} at {sparsity:g}"
        for sparsity, rows in sorted(magnitude.by("sparsity").items())
    ]
    return Judgement(
        word="confirmed" if as_predicted else "refuted",
        measured=f"From {_span(row.metric('prune.entries') for row in magnitude)} weights, magnitude removed "
        f"{'; '.join(counts)} "
        f"in {n} seeds. The alarm for a sparsity that was not requested is raised in {alarms} of "
        f"{len(both_methods)} pruned runs.",
        n=n,
        interval=t_interval(magnitude.where(sparsity=magnitude.levels[-1]).per_seed("prune.reached").values()),
        came_true=as_predicted and alarms == len(both_methods),
    )


def _short_of_published(row: Result) -> int:
    """Return int((1 - s) * n) - 1 minus the number of removed weights: the ties with the threshold, which stay."""
    return int((1 - float(row.labels["sparsity"])) * row.metric("prune.entries")) - 1 - row.metric("prune.removed")


def _alarmed(row: Result) -> bool:
    counts = {name: row.metric(f"prune.{name}") for name in ("requested", "removed", "entries")}
    return bool(reached_is_not_requested(**counts))


def dead_units(results: Rows) -> Judgement:
    """Judge row 3: the share of zero gradients of the dense ReLU network that enter or leave a dead unit."""
    dense = results.where(protocol=AS_PUBLISHED.name, activation="relu", method="dense")
    explained, touched = (dense.per_seed(f"dead_units.{part}_share") for part in ("explained", "expected"))
    if len(explained) < 2:
        return unanswered("zero gradients of the as-published dense ReLU network", len(explained))
    pruned = results.where(protocol=AS_PUBLISHED.name, activation="relu", method="first-order")
    pruned = pruned.having("prune.mask_digest", "prune.reached", "prune.zero_gradients")
    by_seed = pruned.by("seed").values()
    alike = [rows for rows in by_seed if len({row.metric("prune.mask_digest") for row in rows}) == 1]
    share, beyond_chance = t_interval(explained.values()), paired(explained, touched)
    targets = len(pruned.levels)
    return Judgement(
        word=all_of([is_above(share, EXPLAINED), is_above(beyond_chance, 0.0)]),
        measured=f"One mask for all {targets} targets in {len(alike)} of {len(by_seed)} seeds (removed: "
        f"{_range(pruned, 'prune.reached')}; zero gradients: {_range(pruned, 'prune.zero_gradients')}). Dead units "
        f"touch {interval_text(share)} of the weights whose gradient is 0, and "
        f"{interval_text(t_interval(touched.values()))} of all.",
        n=share.n,
        interval=share,
        came_true=both(
            len(alike) >= SAME_MASK * len(by_seed) if targets > 1 else None, holds(is_above(share, EXPLAINED))
        ),
    )


def not_grasp(results: Rows) -> Judgement:
    """Judge row 4: at initialisation, the score's mask against exact GraSP's, and the signs of the removed weights.

    The text is refuted if the two masks are different (kappa below 0.5) in every arm; our sharper explanation, that
    they are unrelated, has its own verdict.
    """
    rows = results.where(protocol=CORRECTED.name, method="first-order", control="")
    rows = rows.having("overlap_grasp.kappa", "prune.removed_negative")
    n = len(rows.seeds)
    if n < 2:
        return unanswered("all its corrected first-order masks", n)
    arms = _by_arm(rows, "overlap_grasp.kappa")
    with_positive = [row for row in rows if row.metric("prune.kept_positive") and row.metric("prune.removed")]
    negative = [row.metric("prune.removed_negative") / row.metric("prune.removed") for row in with_positive]
    one_sign: Word = "cannot be said" if not negative else "confirmed" if max(negative) <= NEGATIVE else "refuted"
    signs = f"at most {percent(max(negative))} of the removed weights are negative" if negative else "no mask is left"
    word = all_of([*(is_within(interval, UNRELATED) for interval in arms.values()), one_sign])
    return Judgement(
        word=word,
        measured=f"Kappa with exact GraSP's mask: {_arms_shown(arms)}. While positive weights are left "
        f"({len(with_positive)} of "
        f"{len(rows)} masks), {signs}.",
        n=n,
        interval=t_interval(rows.per_seed("overlap_grasp.kappa").values()),
        on_text=negated(all_of(is_below(interval, DIFFERENT_MASK) for interval in arms.values())),
        came_true=holds(word),
    )


def not_before_training(results: Rows) -> Judgement:
    """Judge row 5: the same score on the trained and on the initial network.

    The text is refuted if the masks differ (kappa below 1) in every arm; our sharper explanation says
    that kappa is below 0.5.
    """
    rows = results.where(protocol=AS_PUBLISHED.name, method="first-order")
    rows = rows.having("overlap_initial.kappa")
    n = len(rows.seeds)
    if n < 2:
        return unanswered("all its as-published first-order masks", n)
    arms = _by_arm(rows, "overlap_initial.kappa")
    word = all_of(is_below(interval, DIFFERENT_MASK) for interval in arms.values())
    return Judgement(
        word=word,
        measured=f"Kappa with the mask that the same score gives at initialisation: {_arms_shown(arms)}.",
        n=n,
        interval=t_interval(rows.per_seed("overlap_initial.kappa").values()),
        on_text=negated(all_of(is_below(interval, 1.0) for interval in arms.values())),
        came_true=holds(word),
    )


def _by_arm(rows: Rows, read: str) -> dict[tuple[str, float], Interval]:
    """Return an interval for each activation and sparsity: a mean over arms could hide opposite differences."""
    arms = rows.by("activation", "sparsity")
    return {arm: t_interval(of_arm.per_seed(read).values()) for arm, of_arm in arms.items()}


def _arms_shown(arms: dict[tuple[str, float], Interval]) -> str:
    lowest, highest = (pick(arms, key=lambda arm: arms[arm].mean) for pick in (min, max))
    ends = (f"{interval_text(arms[arm])} ({arm[0]}, {arm[1]:g})" for arm in dict.fromkeys((lowest, highest)))
    return f"from {' to '.join(ends)} over {len(arms)} arms"


def _range(rows: Rows, read: str) -> str:
    shares = [row.metric(read) for row in rows]
    if not shares:
        return "not measured"
    return " to ".join(dict.fromkeys((percent(min(shares)), percent(max(shares)))))


def _span(counts: Iterable[int]) -> str:
    different = sorted(set(counts))
    return f"{different[0]:,}" if len(different) == 1 else f"{different[0]:,} to {different[-1]:,}"
