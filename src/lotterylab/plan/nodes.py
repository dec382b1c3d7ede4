"""The nodes of a plan are frozen values that describe computations; nothing here computes.

Two nodes are equal if their digests are.  Nodes hold specs of models, data, criteria, recipes and quantities, and ask
them only for sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal

from lotterylab.errors import UsageError, unknown
from lotterylab.masks.counts import Rate
from lotterylab.masks.select import Rule
from lotterylab.plan.digest import ADDED_LATER, digest
from lotterylab.plan.node import Data, Node, nodes_in

__all__ = [
    "At",
    "Choose",
    "Data",
    "Dense",
    "Init",
    "Measure",
    "Node",
    "Permute",
    "Prune",
    "Shuffle",
    "Train",
    "first_of",
    "model_of",
    "nodes_in",
]

POINTS = ("start", "best", "final")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Init(Node):
    """A network's initial state.  Value: ``State``.

    ``draw``: "named" draws each tensor from a stream of its own (``rng.stream(seed, purpose, tensor)``);
    "torch-global" draws as PyTorch's constructors do after ``torch.manual_seed(seed)``, which is what the published
    activation study did.  ``purpose`` tells the control "reinit" from "init".
    """

    model: Any
    seed: int
    purpose: str = "init"
    draw: Literal["named", "torch-global"] = "named"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Dense(Node):
    """The mask that keeps every prunable entry.  Value: ``Mask``."""

    model: Any


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Train(Node):
    """``recipe`` applied to ``mask * start`` on ``data``.  Value: a ``Checkpoint``; its metrics are the result.

    ``order_seed`` seeds the data order and the augmentation, and nothing else.

    A ``start`` that is a state (``Init``, a point of a run by name) begins at step 0 with a fresh optimizer.  One that
    is a step of a run, ``At(run, k)``, brings its whole checkpoint with it, the mask applied to weights and optimizer
    state, and the training goes on at step k for the remaining T - k steps.   [frankle2019stabilizing]

    ``from_step``: the step at which schedule and data order begin, if not that of the checkpoint.  Learning-rate
    rewinding is the last checkpoint from step k on.   [renda2020comparing]
    ``restored``: what is taken from a checkpoint beside the parameters; of what is left out, buffers begin as the
    network's initial ones and the optimizer as a fresh one.
    """

    start: Node
    mask: Node
    data: Data
    recipe: Any
    order_seed: int
    from_step: int | None = field(default=None, metadata=ADDED_LATER)
    restored: tuple[Literal["buffers", "optimizer"], ...] = field(
        default=("buffers", "optimizer"), metadata=ADDED_LATER
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.first_step and not 0 <= self.first_step < self.total_steps:
            raise UsageError(
                f"a training of {self.total_steps} steps was asked to begin at step {self.first_step}. Give a step "
                f"from 0 to {self.total_steps - 1}."
            )

    @property
    def model(self) -> Any:
        """The model whose state is trained."""
        return model_of(self.start)

    @property
    def data_order(self) -> str:
        """A fingerprint of what decides which images each step sees, and augmented how; 16 hexadecimal digits."""
        return digest([self.recipe.stream, self.recipe.augment, self.order_seed])[:16]

    @property
    def steps_per_epoch(self) -> int:
        """Batches in a pass over the training images; the last may be smaller."""
        return -(-self.data.spec.train // self.recipe.batch_size)

    @property
    def total_steps(self) -> int:
        """T: the step at which the training ends."""
        return self.recipe.total_steps(self.steps_per_epoch)

    @property
    def first_step(self) -> int:
        """The step at which it begins: 0, or where its checkpoint or ``from_step`` says."""
        if self.from_step is not None:
            return self.from_step
        return self.start.step or 0 if isinstance(self.start, At) else 0

    def at(self, point: Literal["start", "best", "final"] | int) -> At:
        """A point of the run: by name a state, by its step a checkpoint."""
        return At(run=self, point=point)

    @cached_property
    def final(self) -> At:
        """The state after the last step."""
        return self.at("final")

    @cached_property
    def best(self) -> At:
        """The state at the moment that the recipe's ``pick`` names."""
        return self.at("best")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class At(Node):
    """A point of a run.  Value: ``State``; of a step, from which a training goes on, a whole ``Checkpoint``.

    "start" is the masked initial state, "best" what the recipe picked, "final" the end.  A number is the step, counted
    from the beginning of the recipe: 0 to T.  Step 0 is "start".
    """

    run: Train
    point: Literal["start", "best", "final"] | int

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.point, str):
            if self.point not in POINTS:
                raise unknown("point of a run", self.point, POINTS)
        elif not self.run.first_step <= self.point <= self.run.total_steps:
            raise UsageError(
                f"step {self.point} was asked of a run that goes from step {self.run.first_step} to "
                f"{self.run.total_steps}. Give a step in this range."
            )

    @property
    def step(self) -> int | None:
        """The step of a checkpoint; None for a state."""
        return self.point if isinstance(self.point, int) else None

    @property
    def begins(self) -> bool:
        """Whether it is where the run begins, so that nothing has to be trained for it."""
        return self.point == "start" or self.point == self.run.first_step


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Prune(Node):
    """Entries of lowest score removed.  Value: ``Mask``; its metrics say what was asked for and what was reached.

    ``sparsity``: of all entries, those that ``mask`` removes included; or a ``Rate`` of what ``mask`` keeps.
    ``mask``: the mask to prune further (None: all entries are candidates).  ``params``: which parameters are
    candidates, "weights" of Conv and Linear layers or "all" (biases too).  ``batch``: what the criterion sees (None
    for those that see no data).  ``mode``: the module's mode while it is scored.  ``ties``, ``scope``,
    ``granularity``: those of ``select``.  ``inverted``: the highest scores go, a control.
    ``rounds``, ``schedule``: those of ``prune``.
    """

    criterion: Any
    of: Node
    sparsity: float | Rate
    seed: int
    mask: Node | None = None
    data: Data | None = None
    batch: Any = None
    params: Literal["weights", "all"] = "weights"
    scope: str = "global"
    ties: str = "index"
    mode: Literal["train", "eval"] = "train"
    inverted: bool = field(default=False, metadata=ADDED_LATER)
    granularity: str = field(default="weight", metadata=ADDED_LATER)
    rounds: int = field(default=1, metadata=ADDED_LATER)
    schedule: Literal["exponential", "linear"] = field(default="exponential", metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rule.granularity != "weight" and isinstance(self.sparsity, Rate):
            raise UsageError(
                f"a Rate counts single weights, and granularity '{self.granularity}' removes several at once. Give "
                "sparsities, such as 0.5, 0.75."
            )

    @property
    def rule(self) -> Rule:
        """How its scores become a mask; ``UsageError`` for words that there are not."""
        return Rule(**{field.name: getattr(self, field.name) for field in fields(Rule)})


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Shuffle(Node):
    """The same number kept in each tensor, at random places: a control.  Value: ``Mask``.

    ``within``: an earlier mask, among whose kept places these lie.  ``granularity``: what changes places.
    """

    mask: Node
    seed: int
    within: Node | None = field(default=None, metadata=ADDED_LATER)
    granularity: str = field(default="weight", metadata=ADDED_LATER)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Permute(Node):
    """The prunable weights of a state in another order within each tensor: a control.  Value: ``State``.

    Of ``mask``, where there is one, the kept weights among themselves, so that what is kept has the very same values.
    [zhou2019deconstructing, section 4: without a mask their "reinit", with one their "reshuffle"]
    """

    of: Node
    seed: int
    mask: Node | None = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Measure(Node):
    """``quantity`` of named inputs.  Value: none; its metrics are the result."""

    quantity: Any
    of: Mapping[str, Node]
    data: Data | None = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Choose(Node):
    """One of values that were listed in advance, by a metric of finished runs (the mean over them; the first of
    equals).

    What comes after contains this node in its digest, not its outcome.  ``candidates``: (value, runs) pairs.
    """

    candidates: tuple[tuple[Any, tuple[Node, ...]], ...]
    by: str
    goal: Literal["highest", "lowest"] = "highest"


def first_of(node: Node) -> Init:
    """The initial state at the beginning of a state's history."""
    match node:
        case Init():
            return node
        case At(run=run):
            return first_of(run.start)
        case Permute(of=of):
            return first_of(of)
    raise TypeError(f"a {type(node).__name__} is not a state")


def model_of(node: Node) -> Any:
    """The model of a node whose value is a state or a mask."""
    match node:
        case Init(model=model) | Dense(model=model):
            return model
        case Train(start=start):
            return model_of(start)
        case At(run=run):
            return run.model
        case Prune(of=of) | Permute(of=of):
            return model_of(of)
        case Shuffle(mask=mask):
            return model_of(mask)
    raise TypeError(f"a {type(node).__name__} has no model")
