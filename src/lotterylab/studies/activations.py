"""How does the activation function change what pruning does to a shallow CNN?

The published study, its repairs one at a time, and what its text claims, as one plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from lotterylab.analysis import DeadUnits, Distances, Overlap
from lotterylab.criteria import Grasp, Magnitude, Random, RandomOfSign, WeightSquaredGradient
from lotterylab.data.augment import Augment
from lotterylab.data.scoring import FirstOfStream, PerClass
from lotterylab.errors import UsageError, unknown
from lotterylab.models import ShallowCnn
from lotterylab.models.activations import ACTIVATIONS
from lotterylab.plan.nodes import Choose, Data, Dense, Init, Measure, Node, Prune, Shuffle, Train
from lotterylab.plan.study import Row, Study
from lotterylab.studies.activations_predictions import PREDICTIONS
from lotterylab.studies.protocols import AS_PUBLISHED, BATCH, CORRECTED, Protocol, ladder

PROTOCOLS = ("as-published", "corrected", "ladder")
AUGMENT = Augment(crop_padding=4, flip=True)  # the published study's
TRIAL_SEEDS = (1001, 1002)  # for the choice of the learning rate, and for nothing else


@dataclass(frozen=True, kw_only=True)
class Options:
    """What may be asked of the study.  Defaults are those of the full study on CIFAR-10@5000."""

    protocols: tuple[str, ...] = ("as-published", "corrected")
    activations: tuple[str, ...] = ("relu", "tanh", "sigmoid")
    sparsities: tuple[float, ...] = (0.5, 0.8, 0.9)
    seeds: int = 5
    ladder_seeds: int = 2
    first_seed: int = 42
    dense_epochs: int = 50
    pruned_epochs: int = 20
    rates: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
    augment: Augment = AUGMENT
    init: str = "pytorch"

    def __post_init__(self) -> None:
        for name in self.protocols:
            if name not in PROTOCOLS:
                raise unknown("protocol", name, PROTOCOLS)
        for name in self.activations:
            if name not in ACTIVATIONS:
                raise unknown("activation", name, ACTIVATIONS)
        for sparsity in self.sparsities:
            if not 0 <= sparsity < 1:
                raise UsageError(
                    f"sparsity {sparsity:g} was asked for; it is the fraction removed, from 0 up to but not 1."
                )
        for name in ("seeds", "ladder_seeds", "dense_epochs", "pruned_epochs"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be at least 1.")

    @property
    def all_seeds(self) -> range:
        """The seeds, from the first on; the published study's is 42."""
        return range(self.first_seed, self.first_seed + self.seeds)


def build(options: Options, data: Data, *, title: str, notes: tuple[str, ...] = ()) -> Study:
    """The plan.  ``data`` holds the validation split that the repaired protocols use."""
    rows: list[Row] = []
    for seed in options.all_seeds:  # a seed is a unit: all its rows before the next seed's
        for protocol in options.protocols:
            if protocol != "ladder" or seed < options.first_seed + options.ladder_seeds:
                rows += _PARTS[protocol](options, data, seed)
    return Study(
        name="activations",
        title=f"Activation functions and pruning, {title}",
        question="How does the activation function change accuracy, reached sparsity and stability under pruning?",
        rows=tuple(rows),
        predictions=PREDICTIONS,
        notes=notes,
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
    """A dense run and, from its picked epoch, both methods at each sparsity: the study's own shape."""
    arm = _Arm(protocol, options, data, activation, seed)
    yield arm.row(method="dense", nodes={"train": arm.dense, "dead_units": arm.dead_units()})
    for method in ("magnitude", "first-order"):
        for sparsity in options.sparsities:
            prune = arm.prune_trained(method, sparsity)
            row = arm.pruned_row(method, sparsity, prune, arm.retrain(prune, after_scoring=method == "first-order"))
            yield arm.with_overlap(row, "initial", replace(prune, of=arm.init))


def _stream_and_sign_probes(options: Options, data: Data, seed: int) -> Iterator[Row]:
    """Row 8's hypotheses: each method with the other's stream, and random masks of one sign and of both with either."""
    arm = _Arm(replace(AS_PUBLISHED, name="probes"), options, data, "sigmoid", seed)
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
        arm = _Arm(CORRECTED, options, data, activation, seed)
        yield arm.row(method="dense", nodes={"train": arm.dense, "dead_units": arm.dead_units()})
        total = options.dense_epochs + options.pruned_epochs
        for control, epochs in (("total epochs", total), ("pruned epochs", options.pruned_epochs)):
            yield arm.row(method="dense", control=control, nodes={"train": arm.train_dense(epochs)})
        for method in ("magnitude", "grasp", "first-order"):
            for sparsity in options.sparsities:
                prune = (
                    arm.prune_trained(method, sparsity)
                    if method == "magnitude"
                    else arm.prune_initial(method, sparsity)
                )
                row = arm.pruned_row(method, sparsity, prune, arm.retrain(prune))
                yield arm.with_overlap(row, "grasp", arm.prune_initial("grasp", sparsity))
                shuffled = Shuffle(mask=prune, seed=seed)
                yield arm.pruned_row(
                    method, sparsity, prune, arm.retrain(shuffled), control="random mask", mask=shuffled
                )
                fresh = replace(arm.init, purpose="reinit")
                yield arm.pruned_row(method, sparsity, prune, arm.retrain(prune, start=fresh), control="reinitialised")


_PARTS: dict[str, Callable[[Options, Data, int], Iterator[Row]]] = {
    "as-published": _as_published,
    "corrected": _corrected,
    "ladder": _ladder,
}


class _Arm:
    """The nodes of one activation and seed under one protocol."""

    def __init__(self, protocol: Protocol, options: Options, data: Data, activation: str, seed: int) -> None:
        self.protocol, self.options, self.data, self.seed = protocol, options, data, seed
        self.shape, self.classes = data.spec.shape, data.spec.classes
        self.model = ShallowCnn(activation=activation, init=options.init, shape=self.shape, classes=self.classes)
        self.init = Init(model=self.model, seed=seed, draw=protocol.streams)
        self.rate = protocol.rate if protocol.rate != "chosen" else self.chosen_rate()
        self.dense = self.train_dense(options.dense_epochs)

    def chosen_rate(self) -> Choose:
        """The same trials for every activation: dense runs with seeds that are not used after."""
        return Choose(
            candidates=tuple(
                (rate, tuple(self.trial(rate, seed) for seed in TRIAL_SEEDS)) for rate in self.options.rates
            ),
            by="validation_accuracy",
        )

    def trial(self, rate: float, seed: int) -> Train:
        """One trial of a learning rate."""
        recipe = self.recipe(self.options.dense_epochs, rate, hold=True)
        start = Init(model=self.model, seed=seed, draw=self.protocol.streams)
        return Train(start=start, mask=Dense(model=self.model), data=self.data, recipe=recipe, order_seed=seed)

    def recipe(self, epochs: int, rate: Any, *, hold: bool, after_scoring: bool = False) -> Any:
        """The protocol's recipe; after a scoring batch, the shared stream stands elsewhere."""
        stream = self.protocol.stream(self.model.parameters, BATCH if after_scoring else 0)
        return self.protocol.recipe(epochs=epochs, rate=rate, augment=self.options.augment, stream=stream, hold=hold)

    def train_dense(self, epochs: int) -> Train:
        """A dense run; a mask of ones has nothing to hold, so that every rung shares it."""
        recipe = self.recipe(epochs, self.rate, hold=True)
        return Train(start=self.init, mask=Dense(model=self.model), data=self.data, recipe=recipe, order_seed=self.seed)

    def batch(self) -> Any:
        """What gradients are taken on: as published, the first batch of the shared stream; else ten images of each
        class."""
        if self.protocol.streams == "named":
            return PerClass(count=10)
        stream = self.protocol.stream(self.model.parameters, BATCH)
        return FirstOfStream(size=BATCH, stream=stream, augment=self.options.augment)

    def prune_trained(self, method: str, sparsity: float) -> Prune:
        """From the trained network: final in the corrected protocol, at the picked epoch in the others."""
        of = self.dense.final if self.protocol is CORRECTED else self.dense.best
        if method == "magnitude":
            return Prune(criterion=Magnitude(), of=of, sparsity=sparsity, seed=self.seed, ties=self.protocol.ties)
        return Prune(
            criterion=WeightSquaredGradient(),
            of=of,
            sparsity=sparsity,
            seed=self.seed,
            data=self.data,
            batch=self.batch(),
            params="all" if self.protocol.biases_scored else "weights",
            ties=self.protocol.ties,
            mode="eval",
        )

    def prune_initial(self, method: str, sparsity: float) -> Prune:
        """At initialisation, as GraSP is meant."""
        criterion = Grasp() if method == "grasp" else WeightSquaredGradient()
        return Prune(
            criterion=criterion, of=self.init, sparsity=sparsity, seed=self.seed, data=self.data, batch=self.batch()
        )

    def retrain(self, mask: Node, *, start: Init | None = None, after_scoring: bool = False) -> Train:
        """Reset to the initial weights and train for the pruned arm's epochs."""
        recipe = self.recipe(
            self.options.pruned_epochs, self.rate, hold=self.protocol.hold, after_scoring=after_scoring
        )
        return Train(start=start or self.init, mask=mask, data=self.data, recipe=recipe, order_seed=self.seed)

    def dead_units(self) -> Measure:
        """Dead units of the network that is scored."""
        of = {"state": self.dense.best if self.protocol is not CORRECTED else self.dense.final}
        return Measure(quantity=DeadUnits(batch=self.batch(), seed=self.seed), of=of, data=self.data)

    def pruned_row(
        self, method: str, sparsity: float, prune: Prune, train: Train, *, control: str = "", mask: Node | None = None
    ) -> Row:
        """A row with its distances from the dense run: final states in the corrected protocol, picked epochs else."""
        point = "final" if self.protocol is CORRECTED else "best"
        of = {"dense": getattr(self.dense, point), "ticket": getattr(train, point), "mask": mask or prune}
        nodes = {"train": train, "prune": prune, "distances": Measure(quantity=Distances(), of=of)}
        return self.row(method=method, control=control, sparsity=sparsity, nodes=nodes)

    def with_overlap(self, row: Row, part: str, other: Prune) -> Row:
        """The row, with the agreement of its mask with another one, which is not trained."""
        overlap = Measure(quantity=Overlap(), of={"a": row.nodes["prune"], "b": other})
        return replace(row, nodes={**row.nodes, f"overlap_{part}": overlap})

    def row(self, *, method: str, nodes: dict[str, Node], control: str = "", sparsity: float = 0.0) -> Row:
        """A row with this arm's labels."""
        chosen = {"rate": self.rate} if isinstance(self.rate, Choose) else {}
        labels = {
            "protocol": self.protocol.name,
            "activation": self.model.activation,
            "method": method,
            "control": control,
            "sparsity": sparsity,
            "seed": self.seed,
        }
        return Row(labels=labels, nodes={**nodes, **chosen})


Preset = Literal["small", "full"]
PRESETS: dict[str, dict[str, Any]] = {
    "full": {},
    "small": {
        "seeds": 3,
        "sparsities": (0.5, 0.9),
        "dense_epochs": 30,
        "pruned_epochs": 12,
        "rates": (0.003, 0.01, 0.03, 0.1),
    },
}
