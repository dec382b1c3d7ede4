"""The nodes of a plan are frozen values that describe computations; nothing here computes.

Two nodes are equal if their digests are.  Nodes hold specs of models, data, criteria, recipes and quantities, and ask
them only for sizes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal

from lotterylab.errors import UsageError, a_type, unknown
from lotterylab.plan.combined import Combine, CombineMask
from lotterylab.plan.cuts import Channels, Choose, Measure, Prune, Shuffle, Target
from lotterylab.plan.digest import ADDED_LATER, digest
from lotterylab.plan.made import MaskOf, ResetsOf, kept_by
from lotterylab.plan.node import Data, Node, nodes_in
from lotterylab.protocols import Model, Recipe

__all__ = [
    "KEPT",
    "At",
    "Channels",
    "Choose",
    "Combine",
    "CombineMask",
    "Data",
    "Dense",
    "Init",
    "MaskOf",
    "Measure",
    "Node",
    "Permute",
    "Prune",
    "ResetsOf",
    "Shuffle",
    "Target",
    "Train",
    "first_of",
    "model_of",
    "nodes_in",
]

POINTS = ("start", "best", "final")
KEPT = "kept"  # a training goes on at the step at which an intervention kept its start


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Init(Node):
    """A network's initial state.  Its value is a ``State``: parameters and buffers, each of its own shape.

    Args:
        model: which network.
        seed: of the draws.
        purpose: tells the control "reinit" from "init".
        draw: "named" draws each tensor from a stream of its own (``rng.stream(seed, purpose, tensor)``); "torch-global"
            draws as PyTorch's constructors do after ``torch.manual_seed(seed)``, as the published activation study did.

    Raises:
        UsageError: another word for ``draw``.

    Examples:
        >>> import lotterylab as ll
        >>> Init(model=ll.models.LeNet300100(), seed=0)
        <Init 85002362a13f>
    """

    model: Model
    seed: int
    purpose: str = "init"
    draw: Literal["named", "torch-global"] = "named"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Dense(Node):
    """The mask that keeps every prunable entry.  Its value is a ``Mask``: bool tensors of the weights' shapes.

    Args:
        model: which network.

    Examples:
        >>> import lotterylab as ll
        >>> Dense(model=ll.models.LeNet300100())
        <Dense 92f401f4fe5f>
    """

    is_mask: ClassVar[bool] = True
    model: Model


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Train(Node):
    """A training: ``recipe`` applied to ``mask * start`` on ``data``.  Its value is a ``Checkpoint``.

    A ``start`` that is a state (``Init``, a point of a run by name) begins at step 0 with a fresh optimizer.  One that
    is a step of a run, ``At(run, k)``, brings its whole checkpoint with it, the mask applied to weights and optimizer
    state, and the training goes on at step k for the remaining T - k steps.   [frankle2019stabilizing]

    Args:
        start: the state or the checkpoint to begin with.
        mask: the mask to hold.
        data: the images.
        recipe: how to train.
        order_seed: seeds the data order and the augmentation, and nothing else.
        from_step: the step at which schedule and data order begin, if not that of the checkpoint.  Learning-rate
            rewinding is the last checkpoint from step k on.   [renda2020comparing]  "kept" is the step at which an
            intervention kept the start, known when that run has ended: an Early-Bird ticket has the remaining epochs.
            [you2020drawing]
        restored: what is taken from a checkpoint beside the parameters; buffers that are left out begin as the
            network's initial ones, and an optimizer that is left out as a fresh one.
        frozen: the state at whose values the removed weights are held, and not at 0.   [zhou2019deconstructing, 4.1]

    Raises:
        UsageError: the first step is not before the last, no intervention kept the start, or ``frozen`` stands beside
            interventions.

    Examples:
        >>> import lotterylab as ll
        >>> data, recipe = ll.plan.pinned(ll.data.Digits()), ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1))
        >>> run = ll.plan.dense_run(ll.models.Mlp(shape=(1, 8, 8)), data, recipe, seed=0)
        >>> run.steps_per_epoch, run.total_steps, run.first_step
        (19, 57, 0)
    """

    start: Node
    mask: Node
    data: Data
    recipe: Recipe
    order_seed: int
    from_step: int | Literal["kept"] | None = field(default=None, metadata=ADDED_LATER)
    restored: tuple[Literal["buffers", "optimizer"], ...] = field(
        default=("buffers", "optimizer"), metadata=ADDED_LATER
    )
    frozen: Node | None = field(default=None, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.from_step == KEPT and not (isinstance(self.start, At) and self.start.point in kept_by(self.start.run)):
            raise UsageError(
                "from_step='kept' was asked of a start that no intervention kept. Give a start such as "
                "run.at('early-bird-0.5'), or the step as a number."
            )
        if self.frozen is not None and (self.recipe.during or self.recipe.gate):
            raise UsageError("frozen was given to a training with interventions or gates: they hold 0. Leave one out.")
        earlier = self.start if isinstance(self.start, At) and self.start.step is not None else None
        if earlier and earlier.run.recipe.gate != self.recipe.gate:
            raise UsageError(
                "a training was asked to go on from a step of a run with another gate. Begin with a state of that run, "
                "run.at('final') or run.at('learned'), or give the same gate."
            )
        if self.first_step and not 0 <= self.first_step < self.total_steps:
            raise UsageError(
                f"a training of {self.total_steps} steps was asked to begin at step {self.first_step}. Give a step "
                f"from 0 to {self.total_steps - 1}."
            )

    @property
    def model(self) -> Model:
        """The model whose state is trained."""
        return model_of(self.start)

    @cached_property
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
        """The step at which it begins: 0, or where its checkpoint or ``from_step`` says; 0 for "kept", the earliest."""
        if self.from_step is not None:
            return 0 if self.from_step == KEPT else self.from_step
        return self.start.step or 0 if isinstance(self.start, At) else 0

    def at(self, point: str | int) -> At:
        """Return a point of the run: by name a state, by its step a checkpoint."""
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
    """A point of a run.  Its value is a ``State``, or a whole ``Checkpoint`` where a training goes on from a step.

    Args:
        run: the training.
        point: "start" is the masked initial state, "best" what the recipe picked, "final" the end.  A number is the
            step, counted from the beginning of the recipe: 0 to T.  Step 0 is "start".  Another word is a state that an
            intervention of the recipe keeps.

    Raises:
        UsageError: another word, or a step that the run does not have.

    Examples:
        >>> import lotterylab as ll
        >>> data, recipe = ll.plan.pinned(ll.data.Digits()), ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1))
        >>> run = ll.plan.dense_run(ll.models.Mlp(shape=(1, 8, 8)), data, recipe, seed=0)
        >>> run.at(10).step, run.final == At(run=run, point="final"), run.at(0).begins
        (10, True, True)
    """

    run: Train
    point: str | int

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.point, str):
            if self.point not in POINTS and self.point not in (kept := kept_by(self.run)):
                raise unknown("point of a run", self.point, (*POINTS, *kept))
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
        """Return whether it is the beginning of the run, so that nothing has to be trained for it."""
        return self.point == ("start" if isinstance(self.point, str) else self.run.first_step)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Permute(Node):
    """A control: the prunable weights of a state in another order within each tensor.  Its value is a ``State``.

    With a mask the kept weights change places among themselves, so that what is kept has the very same values.
    [zhou2019deconstructing, section 4: without a mask their "reinit", with one their "reshuffle"]

    Args:
        of: the state, whose shapes stay.
        seed: of the order.
        mask: what is kept.

    Examples:
        >>> import lotterylab as ll
        >>> start = ll.plan.Init(model=ll.models.Mlp(shape=(1, 8, 8)), seed=0)
        >>> list(Permute(of=start, seed=1).inputs()) == [start]
        True
    """

    of: Node
    seed: int
    mask: Node | None = None


def first_of(node: Node) -> Init:
    """The initial state at the beginning of a state's history."""
    match node:
        case Init():
            return node
        case At(run=run):
            return first_of(run.start)
        case Permute(of=of):
            return first_of(of)
        case Combine():
            return first_of(node.main)
    raise TypeError(f"{a_type(node)} is not a state")


def model_of(node: Node) -> Model:
    """The model of a node whose value is a state or a mask."""
    match node:
        case Init(model=model) | Dense(model=model):
            return model
        case Train(start=start):
            return model_of(start)
        case At(run=run) | MaskOf(run=run):
            return run.model
        case Prune(of=of) | Permute(of=of) | Channels(of=of):
            return model_of(of)
        case Shuffle(mask=mask):
            return model_of(mask)
        case Combine():
            return model_of(node.main)
    raise TypeError(f"{a_type(node)} has no model")
