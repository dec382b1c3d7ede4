"""The study of Glorot and Bengio: activation by initialisation, on deep fully connected networks.

[glorot2010understanding]: hidden layers of equal width, SGD with batches of 10, no momentum and no decay, biases 0.
The learning rate is chosen on validation.  Activations, gradients and Jacobians are measured at steps of the training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from lotterylab.analysis import Activations, GradientFlow, JacobianSingularValues
from lotterylab.asking.options import SizedOptions, number_of_seeds, option, sized
from lotterylab.asking.study import Study
from lotterylab.data import Augment, Cifar10, Digits, Mnist, NamedStream, Shapeset
from lotterylab.models import Mlp
from lotterylab.models.activations import ACTIVATIONS
from lotterylab.plan.nodes import At, Data, Dense, Init, Measure, Node, Train
from lotterylab.plan.plan import Plan, Row
from lotterylab.procedures.choosing import TRIAL_SEED, best_rate
from lotterylab.studies.glorot_claims import OUTLINE, PREDICTIONS, QUESTION
from lotterylab.training.optim import Sgd
from lotterylab.training.recipe import Recipe
from lotterylab.training.schedules import Constant

INITS = ("glorot-heuristic", "glorot-normalized")  # the paper's "standard" and its own
BATCH = 10
SPECS = {
    "digits": Digits(),
    "mnist": Mnist(train=55_000, validation=5_000, test=10_000),
    "cifar10": Cifar10(train=5_000, validation=1_000, test=5_000),
    "shapeset-3x2": Shapeset(train=200_000),  # the most; shorter runs see each image once, as in the paper
}


@dataclass(frozen=True, kw_only=True)
class Options(SizedOptions):
    """``Options`` holds the options of the study."""

    data: str = option("mnist", help="The data set", choices=SPECS, shown="DATA")
    steps: int = sized(quick=500, standard=20_000, paper=5_000_000, help="Optimizer steps of each run")
    width: int = sized(quick=50, standard=300, paper=1_000, help="Units of each hidden layer")
    seeds: int = number_of_seeds(quick=3, standard=3, paper=5)
    depths: tuple[int, ...] = option((4, 5), help="Numbers of hidden layers")
    activations: tuple[str, ...] = option(
        ("tanh", "softsign", "sigmoid"), help="Activation functions (lotterylab list activations)", choices=ACTIVATIONS
    )
    rates: tuple[float, ...] = option((0.003, 0.01, 0.03, 0.1, 0.3, 1.0), help="Learning rates to choose from")

    @property
    def label(self) -> str:
        """Return the options as a part of a file name."""
        return f"{self.data}-{self.size}"


def build(options: Options, data: Data) -> Plan:
    """Return the plan, seed by seed."""
    on = data.spec.title
    return Plan(
        title=f"Activation by initialisation, {options.width} units a layer on {on}, {options.steps:,} steps a run",
        rows=tuple(
            row
            for seed in options.all_seeds
            for depth in options.depths
            for activation in options.activations
            for init in INITS
            for row in _rows(options, data, depth, activation, init, seed)
        ),
        predictions=PREDICTIONS,
    )


def _rows(options: Options, data: Data, depth: int, activation: str, init: str, seed: int) -> Iterator[Row]:
    model = Mlp(
        activation=activation,
        init=init,
        shape=data.spec.shape,
        classes=data.spec.classes,
        widths=(options.width,) * depth,
    )
    rate = best_rate(options.rates, lambda rate: _train(options, data, model, rate, TRIAL_SEED))
    run = _train(options, data, model, rate, seed)
    labels = {
        "protocol": f"{depth} hidden layers",
        "activation": activation,
        "method": init,
        "control": "",
        "sparsity": 0.0,
        "seed": seed,
    }
    yield Row(labels=labels, nodes={"train": run, "rate": rate, **_measures(run, activation, data)})


def _measures(run: Train, activation: str, data: Data) -> dict[str, Node]:
    """Return the measures at the start, after a tenth of the training, and at its end."""
    points: dict[str, At] = {"start": run.at("start"), "early": run.at(run.total_steps // 10), "end": run.final}
    nodes: dict[str, Node] = {}
    for name, point in points.items():
        of = {"state": point}
        nodes[f"{name}_units"] = Measure(quantity=Activations(activation=activation), of=of, data=data)
        nodes[f"{name}_gradients"] = Measure(quantity=GradientFlow(), of=of, data=data)
    jacobian = JacobianSingularValues(activation=activation, images=3)
    nodes["start_jacobian"] = Measure(quantity=jacobian, of={"state": points["start"]}, data=data)
    return nodes


def _train(options: Options, data: Data, model: Mlp, rate: Any, seed: int) -> Train:
    recipe = Recipe(
        epochs=0,
        steps=options.steps,
        optimizer=Sgd(lr=rate),
        schedule=Constant(),
        augment=Augment(),
        stream=NamedStream(),
        batch_size=BATCH,
    )
    start, mask = Init(model=model, seed=seed), Dense(model=model)
    return Train(start=start, mask=mask, data=data, recipe=recipe, order_seed=seed)


def _spec(options: Options) -> Digits | Mnist | Cifar10 | Shapeset:
    """Return the data; from the endless stream, no more images than the run sees."""
    spec = SPECS[options.data]
    return replace(spec, train=min(spec.train, options.steps * BATCH)) if isinstance(spec, Shapeset) else spec


STUDY = Study(
    name="glorot",
    question=QUESTION,
    options=Options,
    data=_spec,
    build=build,
    outline=OUTLINE,
)
