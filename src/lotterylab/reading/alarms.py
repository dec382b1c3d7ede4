"""The alarms of a study's runs, from what was recorded of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain

from lotterylab.auditing.alarms import (
    Alarm,
    biases_pruned,
    emptied_layers,
    identical_masks,
    last_channels,
    one_sign,
    ordered,
    reached_is_not_requested,
    ties_at_cut,
    zero_gradients,
    zero_scores,
)
from lotterylab.auditing.run_alarms import (
    broken_promises,
    choice_at_edge,
    different_order,
    diverged,
    drawn_by_chance,
    forgetful,
    moved,
    never_left_chance,
    scored_on_trained,
    selection_on_test,
)
from lotterylab.engine.results import Result
from lotterylab.masks.counts import Share
from lotterylab.plan.nodes import Init, Prune, Train
from lotterylab.plan.plan import WHAT
from lotterylab.reading.rows import Rows


def alarms_of(results: Iterable[Result]) -> list[Alarm]:
    """Return the alarms of all finished parts, faults first; a control that shares its mask has only its training's."""
    results = Rows(results)
    each = chain.from_iterable(_of_row(result) for result in results)
    return ordered(chain(each, _of_targets(results), _of_orders(results)))


def where(result: Result) -> str:
    """Return the labels of a row in words."""
    labels = result.labels
    what = [labels["protocol"], labels["activation"], labels["method"], labels["control"]]
    sparsity = f"{labels['sparsity']:g}" if labels["sparsity"] else ""
    return " ".join(str(label) for label in [*what, sparsity, f"seed {labels['seed']}"] if label)


def _of_row(result: Result) -> Iterator[Alarm]:
    place = where(result)
    if "prune" in result.records and not result.labels["control"]:
        yield from _of_prune(result, place)
    if "channels" in result.records:
        yield from last_channels(result.records["channels"].metrics["emptied"], where=place)
    if "train" in result.records:
        yield from _of_train(result, place)
    if "promises" in result.records:
        m = result.records["promises"].metrics
        yield from forgetful(**m, where=place)
    if "rate" in result.records:
        m = result.records["rate"].metrics
        yield from choice_at_edge(value=m["value"], values=m.get("values", ()), where=place)
    if {"distances", "prune"} <= result.records.keys() and (share := result.metric("distances.regrown")):
        yield from _of_regrown(result, share, place)


def _of_prune(result: Result, place: str) -> Iterator[Alarm]:
    m = result.records["prune"].metrics
    node = result.nodes["prune"]
    entries = m["entries"]
    weights = (m["weights_removed"], m["weights_entries"]) if entries != m["weights_entries"] else None
    yield from reached_is_not_requested(
        requested=_requested(result), removed=m["removed"], entries=entries, weights=weights, where=place
    )
    yield from ties_at_cut(ties=m["ties_at_cut"], entries=entries, where=place)
    candidates = m.get("candidates", entries)  # older ledgers do not say it
    yield from zero_scores(zeros=m["exact_zero_scores"], entries=candidates, where=place)
    if "zero_gradients" in m:
        yield from zero_gradients(zeros=round(m["zero_gradients"] * entries), entries=entries, where=place)
    signs = {name: m[name] for name in ("kept_positive", "kept_negative", "removed_positive", "removed_negative")}
    yield from one_sign(**signs, where=place)
    yield from emptied_layers([name for name in m["emptied"] if not name.endswith("bias")], where=place)
    if weights:
        extra, removed = entries - m["weights_entries"], m["removed"] - m["weights_removed"]
        names = [name for name in m["layers"] if name.endswith("bias")]
        yield from biases_pruned(names=names, entries=extra, removed=removed, where=place)
    if isinstance(node, Prune):
        late = result.labels["method"] in ("grasp", "first-order") and not isinstance(node.of, Init)
        yield from scored_on_trained(late, method="a criterion that stands for GraSP", where=place)


def _of_train(result: Result, place: str) -> Iterator[Alarm]:
    m = result.records["train"].metrics
    yield from diverged(epoch=m.get("diverged_epoch"), where=place)
    yield from selection_on_test(picked=m["picked"], test_reads=m["test_reads"], where=place)
    for name, rule in m.items():
        if name.startswith("early-bird-"):
            yield from drawn_by_chance(name=name, limit=rule["limit"], chance=rule["chance"], where=place)
    node = result.nodes["train"]
    yield from broken_promises(m.get("broken_promises", ()), where=place)
    if isinstance(node, Train) and node.data is not None and "diverged_epoch" not in m:
        spec = node.data.spec
        yield from never_left_chance(
            accuracy=m["test_accuracy"],
            classes=spec.classes,
            images=spec.test,
            train_accuracy=m["train_accuracy"],
            where=place,
        )


def _of_regrown(result: Result, share: float, place: str) -> list[Alarm]:
    m = result.records["prune"].metrics
    regrown = round(share * m["removed"])
    left = (m["removed"] - regrown) / m["entries"]
    return moved(
        moved=regrown,
        removed=m["removed"],
        entries=m["entries"],
        left=left,
        where=place,
    )


def _of_targets(results: Rows) -> Iterator[Alarm]:
    """Yield an alarm for each method that has one mask for several targets."""
    for group in results.by(*WHAT, "seed").values():
        pruned = [row for row in group if "prune" in row.records and not row.labels["control"]]
        masks = {
            f"{row.labels['sparsity']:g}": (_requested(row), str(row.metric("prune.mask_digest"))) for row in pruned
        }
        if len(masks) > 1:
            units = pruned[0].records["prune"].metrics["entries"]
            yield from identical_masks(masks, units=units, where=_shared(pruned[0], "method"))


def _requested(result: Result) -> Share:
    """Return the share of all entries that was to be removed, the sum over layers if they are counted apart."""
    m, node = result.records["prune"].metrics, result.nodes["prune"]
    apart = isinstance(node, Prune) and node.scope == "layerwise"
    return Fraction(m["requested_removed"], m["entries"]) if apart else m["requested"]


def _of_orders(results: Rows) -> Iterator[Alarm]:
    """Yield alarms for arms of one activation and seed whose data order differs; probes of the order are left out."""
    for group in results.by("protocol", "activation", "seed").values():
        orders: dict[str, str] = {}
        for row in group:
            node, method = row.nodes.get("train"), str(row.labels["method"])
            if method in orders or "train" not in row.records or row.labels["protocol"] == "probes":
                continue
            if isinstance(node, Train):
                orders[method] = node.data_order
        if len(orders) > 1:
            yield from different_order(orders, where=_shared(group[0], "activation"))


def _shared(result: Result, last: str) -> str:
    names = ("protocol", "activation", "method")
    parts = [str(result.labels[name]) for name in names[: names.index(last) + 1]]
    return " ".join([*parts, f"seed {result.labels['seed']}"])
