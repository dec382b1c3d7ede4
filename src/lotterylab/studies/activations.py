"""The activation study: the effect of the activation function on pruning a shallow CNN.

One plan has the published study, its repairs one at a time, and the protocol that its text claims.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from lotterylab.asking.choices import any_data
from lotterylab.asking.study import Study
from lotterylab.criteria import Random, RandomOfSign
from lotterylab.plan.nodes import Data, Prune
from lotterylab.plan.plan import Plan, Row
from lotterylab.procedures import control
from lotterylab.studies.activations_arm import Arm
from lotterylab.studies.activations_options import OWN_MODEL, TICKET_CONTROLS, Options, check_fit
from lotterylab.studies.activations_predictions import PREDICTIONS
from lotterylab.studies.activations_reading import OUTLINE
from lotterylab.studies.protocols import AS_PUBLISHED, CORRECTED, Protocol, ladder


def build(options: Options, data: Data) -> Plan:
    """Return the plan; ``data`` has the validation split that the repaired protocols use."""
    check_fit(options, options.model_for(data.spec.shape, data.spec.classes), data.spec)
    rows: list[Row] = []
    for seed in options.all_seeds:  # a seed is a unit: all its rows before the next seed's
        for protocol in options.protocols:
            if protocol != "ladder" or seed < options.first_seed + options.ladder_seeds:
                rows += _PARTS[protocol](options, data, seed)
    model = "" if options.model == OWN_MODEL else f"{options.model}, "
    return Plan(
        title=f"Activation functions and pruning, {model}{data.spec.title}", rows=tuple(rows), predictions=PREDICTIONS
    )


def _as_published(options: Options, data: Data, seed: int) -> Iterator[Row]:
    for activation in options.activations:
        yield from _published_rows(AS_PUBLISHED, options, data, activation, seed)
    if "sigmoid" in options.activations:
        yield from _stream_and_sign_probes(options, data, seed)


def _ladder(options: Options, data: Data, seed: int) -> Iterator[Row]:
    for protocol in ladder():
        for activation in options.activations:
            yield from _published_rows(protocol, options, data, activation, seed)


def _published_rows(protocol: Protocol, options: Options, data: Data, activation: str, seed: int) -> Iterator[Row]:
    """Yield a dense run and, from its picked epoch, both methods at each sparsity, as the study had them."""
    arm = Arm(protocol, options, data, activation, seed)
    yield arm.row(method="dense", nodes={"train": arm.dense, "dead_units": arm.dead_units()})
    for method in ("magnitude", "first-order"):
        for sparsity in options.sparsities:
            prune = arm.prune_trained(method, sparsity)
            row = arm.pruned_row(method, sparsity, prune, arm.retrain(prune, after_scoring=method == "first-order"))
            yield arm.with_overlap(row, "initial", replace(prune, of=arm.init))


def _stream_and_sign_probes(options: Options, data: Data, seed: int) -> Iterator[Row]:
    """Yield the runs for row 8: each method with the other's stream, and random masks of one sign and of both signs."""
    arm = Arm(replace(AS_PUBLISHED, name="probes"), options, data, "sigmoid", seed)
    probes = (
        ("magnitude", "magnitude", True),
        ("first-order", "first-order", False),
        ("random of one sign", RandomOfSign(first="positive"), False),
        ("random of one sign", RandomOfSign(first="positive"), True),
        ("random", Random(), False),
        ("random", Random(), True),
    )
    for method, criterion, after_scoring in probes:
        for sparsity in options.sparsities:
            if isinstance(criterion, str):
                prune = arm.prune_trained(criterion, sparsity)
            else:
                prune = Prune(
                    criterion=criterion, of=arm.dense.best, sparsity=round(1 - sparsity, 12), seed=seed, params="all"
                )
            train = arm.retrain(prune, after_scoring=after_scoring)
            yield arm.pruned_row(
                method, sparsity, prune, train, control="other stream" if after_scoring else "own stream"
            )


def _corrected(options: Options, data: Data, seed: int) -> Iterator[Row]:
    for activation in options.activations:
        arm = Arm(CORRECTED, options, data, activation, seed)
        yield arm.row(method="dense", nodes={"train": arm.dense, **arm.dead_units_if_layers_follow()})
        total = options.dense_epochs + options.pruned_epochs
        if "dense" in options.controls:
            for control, epochs in (("total epochs", total), ("pruned epochs", options.pruned_epochs)):
                yield arm.row(method="dense", control=control, nodes={"train": arm.train_dense(epochs)})
        for method in options.methods:
            for sparsity in options.sparsities:
                yield from corrected_rows(arm, method, sparsity)


def corrected_rows(arm: Arm, method: str, sparsity: float) -> Iterator[Row]:
    """Yield a ticket of the corrected protocol and its controls."""
    ticket = arm.ticket(method, sparsity)
    row = arm.pruned_row(method, sparsity, ticket.mask, ticket.run)
    if "grasp" in arm.options.methods:
        row = arm.with_overlap(row, "grasp", arm.ticket("grasp", sparsity).mask)
    yield row
    for word in arm.options.controls:
        if word in TICKET_CONTROLS:
            run = control(word, ticket, arm.seed)
            yield arm.pruned_row(method, sparsity, ticket.mask, run, control=word.replace("-", " "))


_PARTS: dict[str, Callable[[Options, Data, int], Iterator[Row]]] = {
    "as-published": _as_published,
    "corrected": _corrected,
    "ladder": _ladder,
}
STUDY = Study(
    name="activations",
    question="How does the activation function change accuracy, reached sparsity and stability under pruning?",
    options=Options,
    data=any_data,
    build=build,
    outline=OUTLINE,
)
