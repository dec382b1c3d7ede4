"""The audit of one arm from its state dicts."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

from lotterylab.auditing import alarms, evidence, run_alarms
from lotterylab.auditing.alarms import Alarm
from lotterylab.auditing.evidence import Evidence
from lotterylab.auditing.runs import Run
from lotterylab.errors import UsageError
from lotterylab.masks import algebra
from lotterylab.masks.counts import Share, as_fraction
from lotterylab.masks.cuts import describe_cut
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
    """What is wrong with a pruned network, from any part of the evidence; an empty list where nothing is.

    Whatever is missing is not looked at, and nothing is guessed but the mask (see ``evidence.gather``), which is said.

    Args:
        init: the state that a reset goes back to: the initial one, or that of step k where one rewinds to step k.
        dense: the trained state that was pruned.
        start: the state that the pruned training began with.
        end: the state that it ended with.
        mask: bool tensors, True = kept.  Its entries are the denominator of every sparsity.
        requested: the sparsity asked for, over all entries.  Reached by one count over all tensors, by the same
            fraction of each tensor, or by either count of whole filters, is reached.
        granularity: what was removed as one piece, in the words of ``select``; whole filters are seen without it.
        earlier: the mask that was pruned further; what it removed was no candidate.
        scores: those that the mask was made from, higher = keep.
        gradients: those that the scores were made from.
        accuracy, train_accuracy: of the end state, in [0, 1]; judged if ``classes`` and ``test_images`` are given.
        picked: the split that picked the epoch, "" for none.
        test_reads: how often the test set was read for the finished run.
        diverged_epoch: when the loss stopped being finite.
        others: further masks of the same method by name, each with its request.

    Raises:
        UsageError: names or shapes that do not fit, a mask that is not bool, fractions outside [0, 1], no evidence.
    """
    found = evidence.gather(
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
    if not found.known() and not run.known():
        raise UsageError("there is nothing to audit: give at least one state, mask or fact.")
    told = [*inspect(found, requested, granularity=granularity), *inspect_run(found, run)]
    if others:
        if found.mask is None or requested is None:
            raise UsageError("'others' are compared with this mask and its request: give mask and requested too.")
        for _, other in others.values():
            algebra.check(other, found.mask)
        targets = {"this": (requested, algebra.digest(found.mask))}
        targets |= {name: (share, algebra.digest(other)) for name, (share, other) in others.items()}
        told += alarms.identical_masks(targets, units=evidence.units(found.mask))
    return alarms.ordered(told)


def inspect(found: Evidence, requested: Share | None, *, granularity: str = "weight", where: str = "") -> list[Alarm]:
    """The alarms that the tensors raise."""
    told = [*_of_mask(found, requested, granularity, where), *_of_scores(found, requested, where)]
    mask, start, end = found.mask, found.start, found.end
    if mask is not None and start is not None:
        told += run_alarms.start_not_initial(**evidence.departures(found, start, mask), where=where)
    if mask is not None and end is not None and found.inferred != "end":
        told += run_alarms.moved(**evidence.moved(end, mask), where=where)
    return told


def inspect_run(found: Evidence, run: Run, *, where: str = "") -> list[Alarm]:
    """The alarms that the facts of a training raise."""
    told = run_alarms.diverged(names=evidence.not_finite(found.end or {}), epoch=run.diverged_epoch, where=where)
    if run.accuracy is not None and run.classes is not None and run.test_images is not None:
        told += run_alarms.never_left_chance(
            accuracy=run.accuracy,
            classes=run.classes,
            images=run.test_images,
            train_accuracy=run.train_accuracy,
            where=where,
        )
    for name, kept in evidence.weights_alone(found.mask or cast(Mask, {})).items():
        if run.classes and kept.shape[0] == run.classes:
            lost = int((~kept.flatten(1).any(1)).sum())
            told += alarms.lost_classes(name=name, lost=lost, classes=run.classes, where=where)
    return [*told, *run_alarms.selection_on_test(picked=run.picked or "", test_reads=run.test_reads, where=where)]


def describe(found: Evidence) -> dict[str, Any]:
    """Facts of the mask for a table: entries, removed, reached, weights alone, digest, and how it lies in ``dense``."""
    if found.mask is None:
        return {}
    removed, entries = algebra.entries(found.mask) - algebra.kept(found.mask), algebra.entries(found.mask)
    facts: dict[str, Any] = {"entries": entries, "removed": removed, "reached": removed / entries}
    weights = evidence.weights_alone(found.mask)
    if weights and len(weights) < len(found.mask):
        facts["reached_of_weights"] = algebra.sparsity(weights)
    if found.dense is not None:
        facts["removed_among_smallest"] = evidence.removed_among_smallest(found.dense, found.mask)
    return {
        **facts,
        "units": evidence.units(found.mask),
        "mask_digest": algebra.digest(found.mask),
        "mask_inferred_from": found.inferred,
    }


def _of_mask(found: Evidence, requested: Share | None, granularity: str, where: str) -> list[Alarm]:
    mask = found.mask
    if mask is None:
        return []
    told: list[Alarm] = []
    counts, weights = evidence.by_tensor(mask), evidence.weights_alone(mask)
    removed, entries = (sum(column) for column in zip(*counts.values(), strict=True))
    small = [name for name in mask if name not in weights]
    of_weights = (
        (algebra.entries(weights) - algebra.kept(weights), algebra.entries(weights)) if weights and small else None
    )
    if requested is not None and granularity != "weight":
        told += _of_pieces(found, mask, requested, granularity, where)
    elif requested is not None and not _is_reached(found, mask, weights, requested):
        told += alarms.reached_is_not_requested(
            requested=requested, removed=removed, entries=entries, weights=of_weights, where=where
        )
    told += alarms.emptied_layers([name for name, kept in weights.items() if not bool(kept.any())], where=where)
    scored = ("dense", found.dense) if found.dense is not None else ("init", found.init)
    if scored[1] is not None:
        told += alarms.one_sign(**evidence.signs(scored[1], mask, found.earlier), of=scored[0], where=where)
    if found.earlier is not None:
        back = sum(int((kept & ~found.earlier[name]).sum()) for name, kept in mask.items())
        told += alarms.came_back(entries=back, where=where)
    told += alarms.biases_pruned(
        names=small,
        entries=sum(counts[name][1] for name in small),
        removed=sum(counts[name][0] for name in small),
        where=where,
    )
    if found.inferred:
        told += alarms.mask_inferred(source=found.inferred, removed=removed, entries=entries, where=where)
    return told


def _of_pieces(found: Evidence, mask: Mask, requested: Share, granularity: str, where: str) -> list[Alarm]:
    """Of filters, blocks and patterns, the count that ``select`` would remove in them, whatever the scores."""
    anything = Scores({name: kept.double() for name, kept in mask.items()})
    cut = describe_cut(anything, found.earlier, mask, requested, granularity=granularity)
    asked = Fraction(cut.requested_removed, cut.entries)
    return alarms.reached_is_not_requested(requested=asked, removed=cut.removed, entries=cut.entries, where=where)


def _is_reached(found: Evidence, mask: Mask, weights: Mask, requested: Share) -> bool:
    """By weight or by filter, over all or in each tensor, the untouched biases of a mask of all parameters left out.

    Of an inferred mask, whose tensors are a guess, those that lost nothing may be left out too.
    """
    covers = [mask]
    if found.inferred and (lost := {name: kept for name, kept in mask.items() if not bool(kept.all())}):
        covers.append(cast(Mask, lost))
    if weights and all(bool(kept.all()) for name, kept in mask.items() if name not in weights):
        covers.append(weights)
    covers += [filters for cover in covers if (filters := evidence.whole_filters(cover)) is not None]
    return any(alarms.is_reached(requested, evidence.by_tensor(cover)) for cover in covers)


def _of_scores(found: Evidence, requested: Share | None, where: str) -> list[Alarm]:
    told: list[Alarm] = []
    if found.scores is not None:
        flat = _candidates(found.scores, found.earlier)
        nan = int(flat.isnan().sum())
        told += alarms.nan_scores(nan=nan, entries=flat.numel(), where=where)
        told += alarms.zero_scores(zeros=int((flat == 0).sum()), entries=flat.numel(), where=where)
        if found.mask is not None and not nan:
            asked = as_fraction(algebra.sparsity(found.mask) if requested is None else requested)
            tied, kept = evidence.ties(found.scores, found.mask, found.earlier, asked)
            told += alarms.ties_at_cut(ties=tied, kept=kept, entries=flat.numel(), where=where)
    if found.gradients is not None:
        within = found.gradients if found.mask is None else {name: found.gradients[name] for name in found.mask}
        flat = _candidates(within, found.earlier)
        told += alarms.zero_gradients(zeros=int((flat == 0).sum()), entries=flat.numel(), where=where)
    return told


def _candidates(tensors: Mapping[str, Tensor], earlier: Mask | None) -> Tensor:
    import torch

    return torch.cat([t.flatten() if earlier is None else t[earlier[name]] for name, t in tensors.items()])
