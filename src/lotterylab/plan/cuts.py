"""Nodes that cut, shuffle, measure and choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, TypeAlias

from lotterylab.candidates import PARAMS
from lotterylab.errors import UsageError, unknown
from lotterylab.masks.counts import Rate, check_targets
from lotterylab.masks.select import Rule
from lotterylab.plan.digest import ADDED_LATER
from lotterylab.plan.node import Data, Node, check_parts
from lotterylab.protocols import Quantity, Scoring
from lotterylab.views import Criterion

Target: TypeAlias = float | Rate  # a sparsity of all entries, or a rate of what is left


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Prune(Node):
    """The mask without the entries of lowest score.  Its value is a ``Mask``; its metrics say what was reached.

    Args:
        criterion: what gives the scores.
        of: the state that is scored.
        sparsity: of all entries, those that ``mask`` removes included; or a ``Rate`` of what ``mask`` keeps.
        seed: of the batch, of ties and of criteria that draw.
        mask: the mask to prune further; None makes all entries candidates.
        data: the images, for a criterion that sees some.
        batch: the images among them that the criterion sees.
        params: the candidates: "weights" of Conv and Linear layers, "matrices" (recurrent layers and experts too),
            "all" (biases too), or the names of parameters.
        scope, ties, granularity: those of ``select``.
        mode: the module's mode while it is scored.
        inverted: the highest scores go, a control.
        rounds, schedule: those of ``prune``.

    Raises:
        UsageError: a word that is not known, or a ``Rate`` with a granularity other than "weight".

    Examples:
        >>> import lotterylab as ll
        >>> start = ll.plan.Init(model=ll.models.Mlp(shape=(1, 8, 8)), seed=0)
        >>> mask = Prune(criterion=ll.criteria.Magnitude(), of=start, sparsity=0.9, seed=0)
        >>> list(mask.inputs()) == [start]
        True
    """

    is_mask: ClassVar[bool] = True
    criterion: Criterion
    of: Node
    sparsity: Target
    seed: int
    mask: Node | None = None
    data: Data | None = None
    batch: Scoring | None = None
    params: str | tuple[str, ...] = "weights"
    scope: str = "global"
    ties: str = "index"
    mode: Literal["train", "eval"] = "train"
    inverted: bool = field(default=False, metadata=ADDED_LATER)
    granularity: str = field(default="weight", metadata=ADDED_LATER)
    rounds: int = field(default=1, metadata=ADDED_LATER)
    schedule: Literal["exponential", "linear"] = field(default="exponential", metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_parts(self, states=("of",))
        if not isinstance(self.sparsity, Rate):
            check_targets(self.sparsity)
        if isinstance(self.params, str) and self.params not in PARAMS:
            raise unknown("params", self.params, PARAMS)
        if self.rule.granularity != "weight" and isinstance(self.sparsity, Rate):
            raise UsageError(
                f"a Rate counts single weights, and granularity '{self.granularity}' removes several at once. Give "
                "sparsities, such as 0.5, 0.75."
            )

    @property
    def rule(self) -> Rule:
        """Return the rule from its scores to a mask; raise ``UsageError`` for an unknown word."""
        return Rule(**{field.name: getattr(self, field.name) for field in fields(Rule)})


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Shuffle(Node):
    """A control: a mask that keeps the same number in each tensor, at random places.  Its value is a ``Mask``.

    Args:
        mask: the mask whose counts are kept, of the same shapes.
        seed: of the places.
        within: an earlier mask, among whose kept places these lie.
        granularity: what changes places.

    Examples:
        >>> import lotterylab as ll
        >>> dense = ll.plan.Dense(model=ll.models.Mlp(shape=(1, 8, 8)))
        >>> list(Shuffle(mask=dense, seed=0).inputs()) == [dense]
        True
    """

    is_mask: ClassVar[bool] = True
    mask: Node
    seed: int
    within: Node | None = field(default=None, metadata=ADDED_LATER)
    granularity: str = field(default="weight", metadata=ADDED_LATER)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Channels(Node):
    """The mask of all parameters that removes whole channels, from a mask of channels.  Its value is a ``Mask``.

    A training with it continues an Early-Bird ticket, from the state at its emergence or from another one.

    Args:
        of: the mask of channels, one entry for each scale of a norm or for each filter: ``MaskOf(of=run, name=...)`` of
            an ``EarlyBird``, or ``Shuffle`` of one, the control with random channels in the same numbers.
        state: by which the best channel of a layer stays, if the mask would remove all of them; None keeps the first.

    Examples:
        >>> from dataclasses import replace
        >>> import lotterylab as ll
        >>> data, bird = ll.plan.pinned(ll.data.Digits()), ll.interventions.EarlyBird(sparsity=0.5)
        >>> recipe = ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=0.1), during=(bird,))
        >>> run = ll.plan.dense_run(ll.models.Vgg(depth=11, shape=(1, 8, 8)), data, recipe, seed=0)
        >>> found, state = ll.plan.MaskOf(of=run, name=bird.name), run.at(bird.name)
        >>> kept = Channels(of=found, state=state)
        >>> ticket = ll.plan.Train(
        ...     start=state, mask=kept, data=data, recipe=replace(recipe, during=()), order_seed=0
        ... )
        >>> control = replace(ticket, mask=Channels(of=ll.plan.Shuffle(mask=found, seed=0)))
        >>> ticket == control
        False
    """

    is_mask: ClassVar[bool] = True
    of: Node
    state: Node | None = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Measure(Node):
    """A quantity of named states and masks.  It has no value; its metrics are the result.

    Args:
        quantity: what is measured, one of ``lotterylab.analysis`` or your own.
        of: the name of each input -> its node.
        data: the images, for a quantity that needs some.

    Examples:
        >>> import lotterylab as ll
        >>> dense = ll.plan.Dense(model=ll.models.Mlp(shape=(1, 8, 8)))
        >>> overlap = Measure(quantity=ll.analysis.Overlap(), of={"a": dense, "b": ll.plan.Shuffle(mask=dense, seed=0)})
        >>> len(list(overlap.inputs()))
        2
    """

    quantity: Quantity
    of: Mapping[str, Node]
    data: Data | None = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Choose(Node):
    """One of several listed values, chosen by a metric of finished runs: the mean over them, the first of equals.

    Whatever comes after contains this node in its digest, not its outcome.

    Args:
        candidates: (value, runs) pairs.
        by: the metric.
        goal: "highest" or "lowest".

    Raises:
        UsageError: another word for the goal.

    Examples:
        >>> import lotterylab as ll
        >>> data, model = ll.plan.pinned(ll.data.Digits()), ll.models.Mlp(shape=(1, 8, 8))
        >>> def run(rate):
        ...     recipe = ll.plan.Recipe(epochs=3, optimizer=ll.plan.Sgd(lr=rate), watch=("validation",))
        ...     return ll.plan.dense_run(model, data, recipe, seed=1000)
        >>> rate = Choose(candidates=tuple((rate, (run(rate),)) for rate in (0.03, 0.1)), by="validation_accuracy")
        >>> len(list(run(rate).inputs()))  # its start, its mask, and the choice
        3
    """

    candidates: tuple[tuple[Any, tuple[Node, ...]], ...]
    by: str
    goal: Literal["highest", "lowest"] = "highest"
