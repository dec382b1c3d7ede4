"""The figures of the activation study: the corrected protocol, the published one, and the ladder between them."""

from __future__ import annotations

from typing import Any

from lotterylab.reading.charts import Chart, CurveChart, DifferenceChart, DotChart, Figure, RateChart, RungChart
from lotterylab.reading.lines import Line
from lotterylab.reading.words import called
from lotterylab.studies.activations_comparisons import ACCURACY, CONTROLS, DENSE_CONTROLS
from lotterylab.studies.protocols import AS_PUBLISHED, CORRECTED, REPAIRS, ladder
from lotterylab.studies.published import QUANTITIES

TITLES = {AS_PUBLISHED.name: "As published", CORRECTED.name: "Corrected"}
AXIS = "test accuracy, fraction"
DENSE = Line(name="dense", labels={"method": "dense", "control": ""})
DENSE_LINES = tuple(
    Line(name=name, labels={"method": "dense", "control": control}) for name, control in DENSE_CONTROLS.items()
)
OWN = {"magnitude": "own stream", "first-order": "other stream"}  # the stream that the published protocol gives each


def _over_targets(protocol: str, name: str, title: str, y: str, y_axis: str, **more: Any) -> Chart:
    return Chart(
        name=f"{protocol}-{name}",
        title=title,
        section=TITLES[protocol],
        within={"protocol": protocol},
        y=y,
        y_axis=y_axis,
        x="sparsity",
        x_axis="target sparsity, fraction removed",
        panels="activation",
        **more,
    )


def _family(protocol: str, **more: Any) -> tuple[Figure, ...]:
    """Return charts of accuracy, curves, sparsity and stability; ``more``: of the charts of accuracy and stability."""
    curves = CurveChart(
        name=f"{protocol}-curves",
        title=f"Training curves, {protocol}",
        section=TITLES[protocol],
        within={"protocol": protocol},
        published=QUANTITIES["last_epoch_train_acc"][0],
    )
    levels = (DENSE, *(DENSE_LINES if protocol == CORRECTED.name else ()))
    return (
        _over_targets(
            *(protocol, "accuracy", "Test accuracy against target sparsity", ACCURACY, AXIS),
            published=QUANTITIES["last_epoch_val_acc"][0],
            levels=levels,
            chance=True,
            **more,
        ),
        curves,
        _over_targets(
            *(protocol, "reached", "Sparsity of the mask against target sparsity"),
            *("prune.reached", "mask sparsity, fraction"),
            published=QUANTITIES["mask_sparsity"][0],
            asked=True,
            controls=False,
        ),
        _over_targets(
            *(protocol, "stability", "Stability to pruning D against target sparsity"),
            *("distances.mean_relative_distance", "D, mean ratio of norms"),
            published=QUANTITIES["mean_relative_distance"][0],
            floor="distances.floor",
            floor_name="D before any training",
            shared=False,
            **more,
        ),
    )


def _rungs(name: str, title: str, y: str, y_axis: str, methods: tuple[str, ...], **more: Any) -> RungChart:
    changes = ("as published", *(repair for repair, _ in REPAIRS))
    protocols = (AS_PUBLISHED, *ladder())
    return RungChart(
        name=f"ladder-{name}",
        title=title,
        section="Ladder",
        within={"protocol": tuple(protocol.name for protocol in ladder())},
        lines=tuple(Line(name=called(method), labels={"method": method, "control": ""}) for method in methods),
        y=y,
        y_axis=y_axis,
        rungs=tuple((protocol.name, change) for protocol, change in zip(protocols, changes, strict=True)),
        **more,
    )


def _probe(method: str, stream: str) -> tuple[str, Line]:
    """Return the name and the line of one kind of mask with one data stream; the paper has two of the eight."""
    published = OWN.get(method) == stream
    protocol, control = (AS_PUBLISHED.name, "") if published else ("probes", stream)
    labels = {"protocol": protocol, "activation": "sigmoid", "method": method, "control": control}
    kind = {"own stream": "magnitude", "other stream": "first-order"}[stream]
    return called(method), Line(name=f"stream of {kind} runs", labels=labels)


IN_CORRECTED = {"section": TITLES[CORRECTED.name], "within": {"protocol": CORRECTED.name}}
CHARTS: tuple[Figure, ...] = (
    *_family(CORRECTED.name, rows="method"),
    _over_targets(
        *(CORRECTED.name, "masked-l2", "L2 distance of the masked weights from the dense network"),
        *("distances.masked_l2", "masked L2 distance"),
        rows="method",
        shared=False,
    ),
    _over_targets(
        *(CORRECTED.name, "masked-angle", "Angle between the masked weights and the dense network's"),
        *("distances.masked_angle", "angle, degrees"),
        rows="method",
    ),
    DifferenceChart(
        name="corrected-contrasts",
        title="Tickets minus their controls, test accuracy",
        x_axis="difference of test accuracy, fraction",
        family=CONTROLS,
        **IN_CORRECTED,
    ),
    RateChart(name="corrected-rates", title="Choice of the learning rate", **IN_CORRECTED),
    *_family(AS_PUBLISHED.name),
    DotChart(
        name="probes-accuracy",
        title="Sigmoid: data stream and sign of the mask told apart",
        section=TITLES[AS_PUBLISHED.name],
        within={"protocol": "probes"},
        y=ACCURACY,
        y_axis=AXIS,
        groups=tuple(
            _probe(method, stream)
            for method in ("magnitude", "first-order", "random", "random of one sign")
            for stream in ("own stream", "other stream")
        ),
    ),
    _rungs(
        *("accuracy", "Test accuracy at each rung", ACCURACY, AXIS, ("dense", "magnitude", "first-order")), chance=True
    ),
    _rungs(
        *("reached", "Sparsity of the mask at each rung", "prune.reached", "mask sparsity, fraction"),
        ("magnitude", "first-order"),
        folded=True,
    ),
)
