"""The figures of one protocol, and the numbers they show."""

from __future__ import annotations

from collections.abc import Sequence

from lotterylab.reading.published import Published
from lotterylab.reading.words import called, interval_text
from lotterylab.report import figures_contrasts, figures_curves, figures_rates, figures_targets
from lotterylab.report.arms import Arm
from lotterylab.report.blocks import cell, folded, heading, note, number, section, sentence, table
from lotterylab.report.grid import Grid
from lotterylab.report.markup import Html
from lotterylab.report.material import Material
from lotterylab.report.quantities import ACCURACY, ANGLE, MASKED_L2, REACHED, STABILITY, Quantity

TITLES = {
    "as-published": "As published: the protocol that gave the published numbers",
    "corrected": "Corrected: what the text claims, done as it says",
}
QUANTITIES: dict[str, tuple[Quantity, ...]] = {
    "as-published": (ACCURACY, REACHED, STABILITY),
    "corrected": (ACCURACY, REACHED, STABILITY, MASKED_L2, ANGLE),
}


def title_of(protocol: str) -> str:
    """The name of a protocol's section in the contents."""
    return protocol.replace("-", " ").capitalize()


def family(material: Material, protocol: str) -> Html:
    """The families of figures of a protocol: accuracy, curves, sparsity and stability, and what it alone has."""
    title = TITLES[protocol] if material.climbs_or_publishes else "Held masks, a validated learning rate, paired seeds"
    if not _has_run(material, protocol):
        return section(protocol, title, sentence(f"No pruned run of the {protocol} protocol is finished yet."))
    return section(
        protocol,
        title,
        sentence(_summary(material, protocol)),
        _families(material, protocol),
        _published_only(material) if protocol == "as-published" else _corrected_only(material),
        folded("The numbers of these figures", _numbers(material, protocol, QUANTITIES[protocol])),
    )


def first_of_family(material: Material) -> Grid | None:
    """The accuracy of the last protocol that has a pruned run."""
    there = [protocol for protocol in material.outline.families if _has_run(material, protocol)]
    if not there:
        return None
    return figures_targets.accuracy(material.arms, there[-1], _over(material, there[-1]), material.classes)


def _has_run(material: Material, protocol: str) -> bool:
    arms = material.arms
    return any(arm.sparsity and arms.rows(arm).per_seed(ACCURACY.metric) for arm in arms.where(protocol=protocol))


def _over(material: Material, protocol: str) -> list[Published]:
    """The published values of a protocol."""
    return [one.published for one in material.published if one.published.label("protocol") == protocol]


def _families(material: Material, protocol: str) -> list[Html]:
    arms = material.arms
    over = _over(material, protocol)
    grids = (
        figures_targets.accuracy(arms, protocol, over, material.classes),
        figures_curves.of_protocol(arms, protocol, over, material.results),
        figures_targets.reached(arms, protocol, over),
        figures_targets.stability(arms, protocol, over),
    )
    return [material.show(grid) for grid in grids if grid is not None]


def _published_only(material: Material) -> list[Html | None]:
    arms = material.arms
    probes = arms.targets(protocol="probes")
    aside = "" if material.published else "The published values are of CIFAR-10 and are not laid over these figures."
    return [note(aside), material.show(figures_rates.probes(arms, material.classes)) if probes else None]


def _corrected_only(material: Material) -> list[Html]:
    grids = figures_targets.masked(material.arms, "corrected")
    against = [one for one in material.differences if one.comparison.family == "controls"]
    if against:
        grids.append(figures_contrasts.contrasts(against))
    if material.trials:
        grids.append(figures_rates.rates(material.trials, material.classes))
    return [material.show(grid) for grid in grids]


def _summary(material: Material, protocol: str) -> str:
    """The best method of each activation at the highest target, by its mean."""
    arms = material.arms
    highest = arms.targets(protocol=protocol)[-1]
    parts = []
    for activation in arms.labels("activation", protocol=protocol):
        tickets = arms.where(protocol=protocol, activation=activation, control="", sparsity=highest)
        means = {arm: interval for arm in tickets if (interval := arms.rows(arm).interval(ACCURACY.metric))}
        dense = arms.rows(Arm(protocol, activation, "dense")).interval(ACCURACY.metric)
        if means:
            best = max(means, key=lambda arm: means[arm].mean)
            against = f", dense {interval_text(dense)}" if dense else ""
            parts.append(f"{activation}: {called(best.method)} {interval_text(means[best])}{against}")
    return f"Highest mean test accuracy at target {highest:g}, with dense networks beside it. {'; '.join(parts)}."


def _numbers(material: Material, protocol: str, quantities: Sequence[Quantity]) -> Html:
    arms = material.arms
    numbers = ("target", "n", *(quantity.axis for quantity in quantities))
    head = ["activation", "method", "control", *map(heading, numbers)]
    rows = [
        [
            arm.activation,
            called(arm.method),
            arm.control,
            number(arm.sparsity, 2) if arm.sparsity else cell("dense", value=0.0, kind="number"),
            number(len(arms.rows(arm).per_seed(ACCURACY.metric))),
            *(_mean(material, arm, quantity) for quantity in quantities),
        ]
        for arm in arms.where(protocol=protocol)
        if arms.rows(arm).per_seed(ACCURACY.metric)
    ]
    return table(head, rows, kind="sortable", name=f"numbers-{protocol}")


def _mean(material: Material, arm: Arm, quantity: Quantity) -> Html:
    interval = material.arms.rows(arm).interval(quantity.metric)
    if interval is None:
        return cell("", kind="number")
    return cell(interval_text(interval), value=repr(interval.mean), kind="number")
