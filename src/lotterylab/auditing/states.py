"""One arm is audited from its state dicts."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

from lotterylab.auditing import alarms, evidence, patterns, run_alarms, updates
from lotterylab.auditing.alarms import Alarm
from lotterylab.auditing.evidence import Evidence
from lotterylab.auditing.runs import Run
from lotterylab.auditing.shown import ShownAlarms
from lotterylab.errors import UsageError
from lotterylab.masks import algebra
from lotterylab.masks.counts import Share, as_fraction, check_target
from lotterylab.masks.granularity import Pattern, granularity_of
from lotterylab.masks.select import complete
from lotterylab.types import Mask, Scores

if TYPE_CHECKING:
    from torch import Tensor


def audit(
    init: Mapping[str, Tensor] | None = None,
    dense: Mapping[str, Tensor] | None = None,
    start: Mapping[str, Tensor] | None = None,
    end: Mapping[str, Tensor] | None = None,
    mask: Mask | None = None,
    requested: Share | None = None,
    *,
    granularity: str = "weight",
    earlier: Mask | None = None,
    scores: Scores | None = None,
    gradients: Mapping[str, Tensor] | None = None,
    accuracy: float | None = None,
    train_accuracy: float | None = None,
    classes: int | None = None,
    test_images: int | None = None,
    picked: str | None = None,
    test_reads: int | None = None,
    diverged_epoch: int | None = None,
    others: Mapping[str, tuple[Share, Mask]] | None = None,
) -> list[Alarm]:
    """Return the alarms that a pruned network raises, faults first; an empty list means no alarm.

    Each check runs if its evidence is given.  A missing mask is inferred from exact zeros (see ``evidence.gather``),
    which the alarm "mask-inferred" reports.

    Args:
        init: the state that a reset goes back to: the initial state, or the state of step k when rewinding to step k.
        dense: the trained state that was pruned.
        start: the state at the beginning of the pruned training.
        end: the state at the end of the pruned training.
        mask: bool tensors, True = kept.  Its entries are the denominator of every sparsity.
        requested: the requested sparsity, over all entries.  It counts as reached in total, in each tensor, or in
            whole filters.
        granularity: the piece that was removed at once, in the words of ``select``; whole filters are recognised.
        earlier: the mask that was pruned further; its removed entries were not candidates.
        scores: the scores that the mask was made from, higher = keep.
        gradients: the gradients that the scores were made from.
        accuracy: the end state's test accuracy, in [0, 1]; checked if ``classes`` and ``test_images`` are given.
        train_accuracy: the end state's training accuracy, in [0, 1].
        classes: the number of classes.
        test_images: the number of test images.
        picked: the split that picked the epoch, "" for none.
        test_reads: the number of times that the finished run read the test set.
        diverged_epoch: the epoch in which the loss stopped being finite.
        others: further masks of the same method by name, each with its request.

    Raises:
        UsageError: names or shapes do not fit, a mask is not bool, a fraction is outside its range, or no evidence is
            given.

    Examples:
        >>> import torch
        >>> mask = {"weight": torch.tensor([[True, False]])}
        >>> end = {"weight": torch.tensor([[0.3, 0.1]])}
        >>> [alarm.code for alarm in audit(mask=mask, end=end, requested=0.5)]
        ['moved']
    """
    arm = evidence.gather(
        requested,
        init=init,
        dense=dense,
        start=start,
        end=end,
        mask=mask,
        earlier=earlier,
        scores=scores,
        gradients=gradients,
    )
    run = Run(
        accuracy=accuracy,
        train_accuracy=train_accuracy,
        classes=classes,
        test_images=test_images,
        picked=picked,
        test_reads=test_reads,
        diverged_epoch=diverged_epoch,
    )
    if not arm.known() and not run.known():
        raise UsageError("nothing to audit was given. Give at least one state, mask or fact.")
    raised = [*inspect(arm, requested, granularity=granularity), *inspect_run(arm, run)]
    if update := update_of(arm):
        raised += updates.update_below_precision(update)
    if others:
        if arm.mask is None or requested is None:
            raise UsageError("'others' was given without the mask to compare with. Give mask and requested too.")
        for share, other in others.values():
            check_target(share)
            algebra.check(other, arm.mask)
        targets = {"this": (requested, algebra.digest(arm.mask))}
        targets |= {name: (share, algebra.digest(other)) for name, (share, other) in others.items()}
        raised += alarms.identical_masks(targets, units=evidence.units(arm.mask))
    return ShownAlarms(alarms.ordered(raised))


def inspect(arm: Evidence, requested: Share | None, *, granularity: str = "weight", where: str = "") -> list[Alarm]:
    """Return the alarms that the tensors raise."""
    raised = [*_mask_alarms(arm, requested, granularity, where), *_score_alarms(arm, requested, where)]
    mask, start, end = arm.mask, arm.start, arm.end
    if mask is not None and start is not None:
        raised += run_alarms.start_not_initial(**evidence.departures(arm, start, mask), where=where)
    if mask is not None and end is not None and arm.inferred != "end":
        raised += run_alarms.moved(**evidence.moved(end, mask), where=where)
    return [*raised, *run_alarms.refilled(**evidence.refilled(arm), where=where)]


def update_of(arm: Evidence) -> updates.Update | None:
    """Return what the training changed, from the start, or else the dense state, to the end; None without both."""
    return updates.update_between(arm.start or arm.dense or {}, arm.end or {}, arm.mask)


def inspect_run(arm: Evidence, run: Run, *, where: str = "") -> list[Alarm]:
    """Return the alarms that the facts of a training raise."""
    raised = run_alarms.diverged(names=evidence.not_finite(arm.end or {}), epoch=run.diverged_epoch, where=where)
    if run.accuracy is not None and run.classes is not None and run.test_images is not None:
        raised += run_alarms.never_left_chance(
            accuracy=run.accuracy,
            classes=run.classes,
            images=run.test_images,
            train_accuracy=run.train_accuracy,
            where=where,
        )
    for name, kept in evidence.weights_alone(arm.mask or cast(Mask, {})).items():
        if run.classes and kept.shape[0] == run.classes:
            lost = int((~kept.flatten(1).any(1)).sum())
            raised += alarms.lost_classes(name=name, lost=lost, classes=run.classes, where=where)
    return [*raised, *run_alarms.selection_on_test(picked=run.picked or "", test_reads=run.test_reads, where=where)]


def describe(arm: Evidence) -> dict[str, Any]:
    """Return the mask's facts by name for a table: counts, sparsities, digest and overlap with magnitude pruning."""
    if arm.mask is None:
        return {}
    removed, entries = algebra.entries(arm.mask) - algebra.kept(arm.mask), algebra.entries(arm.mask)
    facts: dict[str, Any] = {"entries": entries, "removed": removed, "reached": removed / entries}
    weights = evidence.weights_alone(arm.mask)
    if weights and len(weights) < len(arm.mask):
        facts["reached_of_weights"] = algebra.sparsity(weights)
    if arm.dense is not None:
        facts["removed_among_smallest"] = evidence.removed_among_smallest(arm.dense, arm.mask)
    return {
        **facts,
        "units": evidence.units(arm.mask),
        "mask_digest": algebra.digest(arm.mask),
        "mask_inferred_from": arm.inferred,
    }


def _mask_alarms(arm: Evidence, requested: Share | None, granularity: str, where: str) -> list[Alarm]:
    mask = arm.mask
    if mask is None:
        return []
    raised: list[Alarm] = []
    counts, weights = evidence.by_tensor(mask), evidence.weights_alone(mask)
    removed, entries = (sum(column) for column in zip(*counts.values(), strict=True))
    small = [name for name in mask if name not in weights]
    of_weights = (
        (algebra.entries(weights) - algebra.kept(weights), algebra.entries(weights)) if weights and small else None
    )
    if requested is not None and granularity != "weight":
        raised += _piece_alarms(arm, mask, requested, granularity, where)
    elif requested is not None and not _is_reached(arm, mask, weights, requested):
        raised += alarms.reached_is_not_requested(
            requested=requested, removed=removed, entries=entries, weights=of_weights, where=where
        )
    raised += alarms.emptied_layers([name for name, kept in weights.items() if not bool(kept.any())], where=where)
    scored = ("dense", arm.dense) if arm.dense is not None else ("init", arm.init)
    if scored[1] is not None:
        raised += alarms.one_sign(**evidence.signs(scored[1], mask, arm.earlier), of=scored[0], where=where)
    if arm.earlier is not None:
        back = sum(int((kept & ~arm.earlier[name]).sum()) for name, kept in mask.items())
        raised += alarms.came_back(entries=back, where=where)
    kind = granularity_of(granularity)
    if isinstance(kind, Pattern):
        raised += patterns.pattern_broken(mask, kind.keep, kind.of, where=where)
    raised += patterns.pattern_axis(mask, where=where)
    raised += alarms.biases_pruned(
        names=small,
        entries=sum(counts[name][1] for name in small),
        removed=sum(counts[name][0] for name in small),
        where=where,
    )
    if arm.inferred:
        raised += alarms.mask_inferred(
            source=arm.inferred,
            removed=removed,
            entries=entries,
            names=list(mask),
            left_out=arm.left_out,
            where=where,
        )
    return raised


def _piece_alarms(arm: Evidence, mask: Mask, requested: Share, granularity: str, where: str) -> list[Alarm]:
    """Compare the removed filters, blocks or patterns with the number that ``select`` removes.

    Tensors that stayed whole may be left out, as ``prune`` does with the output layer: the last, or the smaller part.
    """
    # the number depends on no score
    kind, scores = granularity_of(granularity), Scores({name: kept.double() for name, kept in mask.items()})
    pools = kind.pools(scores, requested, complete(scores, arm.earlier), "global")
    entries, asked = sum(len(pool.alive) for pool in pools), sum(pool.requested for pool in pools)
    counts = {name: (int((~kept).sum()), len(kept)) for name, kept in kind.alive(mask).items()}
    removed = sum(gone for gone, _ in counts.values())
    lost = {name: count for name, count in counts.items() if count[0]}
    *others, last = counts
    covers = [counts, *([{name: counts[name] for name in others}] if others and last not in lost else [])]
    covers += [lost] if 2 * len(lost) > len(counts) else []
    if kind.in_rounds and any(alarms.is_reached(requested, cover) for cover in covers):
        return []
    return alarms.reached_is_not_requested(
        requested=Fraction(asked, entries), removed=removed, entries=entries, where=where
    )


def _is_reached(arm: Evidence, mask: Mask, weights: Mask, requested: Share) -> bool:
    """Tell whether the request is reached in weights or in filters, in total or in each tensor.

    Biases that lost nothing may be left out; in an inferred mask, so may any tensor that lost nothing.
    """
    covers = [mask]
    if arm.inferred and (lost := {name: kept for name, kept in mask.items() if not bool(kept.all())}):
        covers.append(cast(Mask, lost))
    if weights and all(bool(kept.all()) for name, kept in mask.items() if name not in weights):
        covers.append(weights)
    covers += [filters for cover in covers if (filters := evidence.whole_filters(cover)) is not None]
    return any(alarms.is_reached(requested, evidence.by_tensor(cover)) for cover in covers)


def _score_alarms(arm: Evidence, requested: Share | None, where: str) -> list[Alarm]:
    raised: list[Alarm] = []
    if arm.scores is not None:
        flat = _candidates(arm.scores, arm.earlier)
        nan = int(flat.isnan().sum())
        raised += alarms.nan_scores(nan=nan, entries=flat.numel(), where=where)
        raised += alarms.zero_scores(zeros=int((flat == 0).sum()), entries=flat.numel(), where=where)
        if arm.mask is not None and not nan:
            asked = as_fraction(algebra.sparsity(arm.mask) if requested is None else requested)
            tied, kept = evidence.ties(arm.scores, arm.mask, arm.earlier, asked)
            raised += alarms.ties_at_cut(ties=tied, kept=kept, entries=flat.numel(), where=where)
    if arm.gradients is not None:
        within = arm.gradients if arm.mask is None else {name: arm.gradients[name] for name in arm.mask}
        flat = _candidates(within, arm.earlier)
        raised += alarms.zero_gradients(zeros=int((flat == 0).sum()), entries=flat.numel(), where=where)
    return raised


def _candidates(tensors: Mapping[str, Tensor], earlier: Mask | None) -> Tensor:
    import torch

    return torch.cat([t.flatten() if earlier is None else t[earlier[name]] for name, t in tensors.items()])
