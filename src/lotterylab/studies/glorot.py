"""Why are deep networks hard to train from random weights?  Activation by initialisation, on fully connected networks.

[glorot2010understanding]: hidden layers of equal width, SGD with batches of 10, no momentum and no decay, biases 0, the
learning rate chosen on validation.  Activations, gradients and Jacobians are measured at steps of the training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from lotterylab.analysis import Activations, GradientFlow, JacobianSingularValues
from lotterylab.asking.arguments import WHOLE, words_of
from lotterylab.asking.sized import Parts, SizedRequest
from lotterylab.data import Augment, Cifar10, Digits, Mnist, NamedStream
from lotterylab.models import Mlp
from lotterylab.plan.nodes import At, Choose, Data, Dense, Init, Measure, Node, Train
from lotterylab.plan.plan import Plan, Row
from lotterylab.studies.glorot_claims import OUTLINE, PREDICTIONS, QUESTION
from lotterylab.training.optim import Sgd
from lotterylab.training.recipe import Recipe
from lotterylab.training.schedules import Constant

INITS = ("glorot-heuristic", "glorot-normalized")  # the paper's "standard" and its own
TRIAL_SEED = 1_000  # of the trials of the learning rate; no seed of the study
SPECS = {
    "digits": Digits(),
    "mnist": Mnist(train=55_000, validation=5_000, test=10_000),
    "cifar10": Cifar10(train=5_000, validation=1_000, test=5_000),
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """``width``: units of each hidden layer.  ``depths``: numbers of hidden layers.  ``rates``: to choose from."""

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {
        "quick": {"steps": 500, "width": 50, "seeds": 2},
        "standard": {},  # the defaults
        "paper": {"steps": 5_000_000, "width": 1_000, "seeds": 5},
    }

    steps: int = 20_000
    width: int = 300
    depths: tuple[int, ...] = (4, 5)
    activations: tuple[str, ...] = ("tanh", "softsign", "sigmoid")
    rates: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
    seeds: int = 3
    first_seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Request(SizedRequest):
    """Options that say what is studied; the same ones name the same results."""

    data: Literal["digits", "mnist", "cifar10"] = "mnist"
    """On which images."""
    steps: Annotated[int | None, WHOLE] = None
    """Optimizer steps of each run: 500, 20,000, 5,000,000 by size."""
    width: Annotated[int | None, WHOLE] = None
    """Units of each hidden layer: 50, 300, 1,000 by size."""
    activations: Annotated[tuple[str, ...] | None, words_of("ACTIVATION")] = None
    """Default tanh softsign sigmoid."""

    @property
    def label(self) -> str:
        """The request in a file name."""
        return f"{self.data}-{self.size}"

    def parts(self) -> Parts:
        """The data that are asked for."""
        return Parts(
            name="glorot",
            spec=SPECS[self.data],
            options=Options,
            sizes=Options.SIZES,
            build=build,
            outline=OUTLINE,
        )


def build(options: Options, data: Data, *, title: str, notes: tuple[str, ...] = ()) -> Plan:
    """The plan; seed by seed."""
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    return Plan(
        name="glorot",
        title=f"Activation by initialisation, {options.width} units a layer on {title}, {options.steps:,} steps a run",
        question=QUESTION,
        rows=tuple(
            row
            for seed in seeds
            for depth in options.depths
            for activation in options.activations
            for init in INITS
            for row in _rows(options, data, depth, activation, init, seed)
        ),
        predictions=PREDICTIONS,
        notes=notes,
    )


def _rows(options: Options, data: Data, depth: int, activation: str, init: str, seed: int) -> Iterator[Row]:
    model = Mlp(
        activation=activation,
        init=init,
        shape=data.spec.shape,
        classes=data.spec.classes,
        widths=(options.width,) * depth,
    )
    trials = tuple((rate, (_train(options, data, model, rate, TRIAL_SEED),)) for rate in options.rates)
    rate = Choose(candidates=trials, by="validation_accuracy")
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
    """What is looked at: at the beginning, after a tenth of the training, and at its end."""
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
        batch_size=10,
    )
    start, mask = Init(model=model, seed=seed), Dense(model=model)
    return Train(start=start, mask=mask, data=data, recipe=recipe, order_seed=seed)
