"""The nodes of one activation and seed of the activation study, under one protocol."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from lotterylab.analysis import DeadUnits, Overlap
from lotterylab.asking.methods import method as method_named
from lotterylab.criteria import Magnitude, WeightSquaredGradient
from lotterylab.data.scoring import FirstOfStream, PerClass, most_of_rarest
from lotterylab.models import ConvN, LeNet300100, Mlp, ShallowCnn
from lotterylab.plan.nodes import Choose, Data, Dense, Init, Measure, Node, Prune, Train
from lotterylab.plan.plan import Row
from lotterylab.procedures import Ticket, at_initialisation
from lotterylab.procedures.choosing import only_or_best
from lotterylab.studies.activations_options import TRIAL_SEEDS, Options
from lotterylab.studies.levels import DISTANCES
from lotterylab.studies.protocols import BATCH, Protocol

IN_A_ROW = (ShallowCnn, ConvN, LeNet300100, Mlp)  # models whose layers each feed the next, with nothing in between


class Arm:
    """An ``Arm`` makes the nodes of one activation and seed under one protocol."""

    def __init__(self, protocol: Protocol, options: Options, data: Data, activation: str, seed: int) -> None:
        self.protocol, self.options, self.data, self.seed = protocol, options, data, seed
        # rows share values, so that each is made and named once
        self._dense: dict[int, Train] = {}
        self._tickets: dict[tuple[str, float], Ticket] = {}
        self._recipes: dict[tuple[int, bool, bool], Any] = {}
        own_init = {"init": options.init} if options.init else {}
        self.augment = options.augment_for(data.spec)
        self.model = replace(options.model_for(data.spec.shape, data.spec.classes), activation=activation, **own_init)
        self.init = Init(model=self.model, seed=seed, draw=protocol.streams)
        self.rate = protocol.rate if protocol.rate != "chosen" else self.chosen_rate()
        self.dense = self.train_dense(options.dense_epochs)

    def chosen_rate(self) -> Choose | float:
        """Return the choice of the rate, by dense trials with seeds that are not used elsewhere, or the only rate."""
        return only_or_best(self.options.rates, *(partial(self.trial, seed=seed) for seed in TRIAL_SEEDS))

    def trial(self, rate: float, seed: int) -> Train:
        """Return one trial of a learning rate."""
        recipe = self.recipe(self.options.dense_epochs, rate, hold=True)
        start = Init(model=self.model, seed=seed, draw=self.protocol.streams)
        return Train(start=start, mask=Dense(model=self.model), data=self.data, recipe=recipe, order_seed=seed)

    def recipe(self, epochs: int, rate: Any, *, hold: bool, after_scoring: bool = False) -> Any:
        """Return the protocol's recipe; ``after_scoring`` moves the shared stream by the scoring batch."""
        stream = self.stream(BATCH if after_scoring else 0)
        return self.protocol.recipe(epochs=epochs, rate=rate, augment=self.augment, stream=stream, hold=hold)

    def recipe_at_rate(self, epochs: int, *, hold: bool, after_scoring: bool = False) -> Any:
        """Return the protocol's recipe at this arm's learning rate."""
        key = (epochs, hold, after_scoring)
        if key not in self._recipes:
            self._recipes[key] = self.recipe(epochs, self.rate, hold=hold, after_scoring=after_scoring)
        return self._recipes[key]

    def stream(self, scoring_batch: int) -> Any:
        """Return the data stream; the shared one begins after the draws of the initial weights."""
        drawn = self.model.parameters if self.protocol.streams == "torch-global" else 0
        return self.protocol.stream(drawn, scoring_batch)

    def train_dense(self, epochs: int) -> Train:
        """Return a dense run; a mask of ones has nothing to hold, so that every rung shares the run."""
        if epochs not in self._dense:
            mask, recipe = Dense(model=self.model), self.recipe_at_rate(epochs, hold=True)
            run = Train(start=self.init, mask=mask, data=self.data, recipe=recipe, order_seed=self.seed)
            self._dense[epochs] = run
        return self._dense[epochs]

    def batch(self) -> Any:
        """Return the images for gradients: the shared stream's first batch, as published, or some of each class."""
        if self.protocol.streams == "named":
            batch, spec = PerClass(count=self.options.scoring_images), self.data.spec
            batch.check(train=spec.train, classes=spec.classes)
            return batch
        stream = self.stream(BATCH)
        return FirstOfStream(size=BATCH, stream=stream, augment=self.augment)

    def prune_trained(self, method: str, sparsity: float) -> Prune:
        """Return the published mask, scored on the trained network at its picked epoch."""
        if method == "magnitude":
            return Prune(
                criterion=Magnitude(), of=self.dense.best, sparsity=sparsity, seed=self.seed, ties=self.protocol.ties
            )
        return Prune(
            criterion=WeightSquaredGradient(),
            of=self.dense.best,
            sparsity=sparsity,
            seed=self.seed,
            data=self.data,
            batch=self.batch(),
            params="all" if self.protocol.biases_scored else "weights",
            ties=self.protocol.ties,
            mode="eval",
        )

    def ticket(self, method: str, sparsity: float) -> Ticket:
        """Return the ticket of the corrected protocol.

        Its mask is found at initialisation, or on the network after its last epoch, which is then reset to its initial
        weights; the method decides.
        """
        if (method, sparsity) not in self._tickets:
            self._tickets[method, sparsity] = self._found(method, sparsity)
        return self._tickets[method, sparsity]

    def _found(self, method: str, sparsity: float) -> Ticket:
        chosen = method_named(method)
        cut = {
            "criterion": chosen.criterion,
            "seed": self.seed,
            "scope": self.options.scope,
            "granularity": self.options.granularity,
            "rounds": chosen.rounds,
            "mode": chosen.mode,
            "ties": chosen.ties,
            **({"data": self.data, "batch": self.batch()} if chosen.criterion.needs_batch else {}),
        }
        if chosen.scores == "initial":
            (ticket,) = at_initialisation(self.train_dense(self.options.pruned_epochs), [sparsity], **cut)
            return ticket
        mask = Prune(of=self.dense.final, sparsity=sparsity, **cut)
        return Ticket(round=1, run=self.retrain(mask), found_by=(self.dense,))

    def retrain(self, mask: Node, *, after_scoring: bool = False) -> Train:
        """Return a training from the initial weights for the pruned arm's epochs."""
        epochs, hold = self.options.pruned_epochs, self.protocol.hold
        recipe = self.recipe_at_rate(epochs, hold=hold, after_scoring=after_scoring)
        return Train(start=self.init, mask=mask, data=self.data, recipe=recipe, order_seed=self.seed)

    def dead_units_if_layers_follow(self) -> dict[str, Node]:
        """Return the measure of dead units, if each layer's outputs are the next layer's inputs."""
        return {"dead_units": self.dead_units()} if isinstance(self.model, IN_A_ROW) else {}

    def dead_units(self) -> Measure:
        """Return the measure of dead units of the network that is scored."""
        of = {"state": getattr(self.dense, self.protocol.compared_at)}
        return Measure(quantity=DeadUnits(batch=self.batch_to_look_at(), seed=self.seed), of=of, data=self.data)

    def batch_to_look_at(self) -> Any:
        """Return the scoring batch, or a smaller one if there are few images, since the measure was not requested."""
        if self.protocol.streams != "named":
            return self.batch()
        most = most_of_rarest(self.data.spec.train, self.data.spec.classes)
        return PerClass(count=max(1, min(most, self.options.scoring_images)))

    def pruned_row(self, method: str, sparsity: float, prune: Node, train: Train, *, control: str = "") -> Row:
        """Return a row with its distances from the dense run, at the epochs that the protocol compares.

        "matched": the distance from a dense run with the same number of epochs and the same order, as stability to
        pruning is defined.
        [frankle2019stabilizing, section 3]
        """
        point = self.protocol.compared_at
        of = {"dense": getattr(self.dense, point), "ticket": getattr(train, point), "mask": train.mask}
        cut = train.mask if isinstance(train.mask, Prune) else prune
        nodes = {"train": train, "prune": cut, "distances": Measure(quantity=DISTANCES, of=of)}
        if self.protocol.compared_at == "final" and "dense" in self.options.controls:
            matched = self.train_dense(self.options.pruned_epochs).final
            nodes["matched"] = Measure(quantity=DISTANCES, of={**of, "dense": matched})
        return self.row(method=method, control=control, sparsity=sparsity, nodes=nodes)

    def with_overlap(self, row: Row, part: str, other: Node) -> Row:
        """Return the row with the overlap of its mask and another mask, which is not trained."""
        overlap = Measure(quantity=Overlap(), of={"a": row.nodes["prune"], "b": other})
        return replace(row, nodes={**row.nodes, f"overlap_{part}": overlap})

    def row(self, *, method: str, nodes: dict[str, Node], control: str = "", sparsity: float = 0.0) -> Row:
        """Return a row with this arm's labels."""
        chosen = {"rate": self.rate} if isinstance(self.rate, Choose) else {}
        labels = {
            "protocol": self.protocol.name,
            "activation": self.model.shown_activation,
            "method": method,
            "control": control,
            "sparsity": sparsity,
            "seed": self.seed,
        }
        return Row(labels=labels, nodes={**nodes, **chosen})
