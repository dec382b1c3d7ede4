"""A user's own functions are wrapped as specs, and a training function receives a ``Run``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from lotterylab.errors import UsageError, a_type
from lotterylab.masks import algebra
from lotterylab.training.logged import Logged
from lotterylab.training.user_batches import advance, batches
from lotterylab.training.user_slots import check_parameters, restore, saved
from lotterylab.types import Mask, State
from lotterylab.views import Intervention
from lotterylab.words import ADDED_LATER, PLACE

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from lotterylab.training.attach import Held
    from lotterylab.training.attached import Attached


@dataclass(frozen=True, kw_only=True)
class UserModel:
    """A ``UserModel`` is the network that ``function(seed)`` returns; ``label`` and ``code`` name it in digests."""

    version: ClassVar[int] = 1
    label: str
    code: str
    shape: tuple[int, ...] | None = None
    function: Callable[[int], nn.Module] = field(metadata=PLACE)

    @property
    def activation(self) -> str:
        """The function's own, which no word names."""
        return "its own"

    def build(self, *, pool_first: bool = False) -> nn.Module:
        """Return a network to load states into; its initial state is not used."""
        return self._build(0)

    def initial(self, seed: int, purpose: str, draw: str) -> State:
        """Return the state for a seed; a purpose other than "init" (a re-initialisation) changes the seed."""
        from lotterylab import rng
        from lotterylab.network import state_of

        return state_of(self._build(seed if purpose == "init" else rng.key(seed, purpose) % 2**31))

    def _build(self, seed: int) -> nn.Module:
        from torch import nn

        module = self.function(seed)
        if not isinstance(module, nn.Module):
            raise UsageError(f"init_fn({seed}) returned {a_type(module)}. Return a torch.nn.Module.")
        return module


class Fresh:
    """``Fresh`` stands for the empty state of an optimizer that the user's function will make."""

    counts = False  # torch's optimizers keep their count in their own slots

    def init(self, params: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
        """Return no slots."""
        return {}


@dataclass(frozen=True, kw_only=True)
class UserTraining:
    """A ``UserTraining`` takes ``steps`` optimizer steps by ``train(module, run)`` and scores by ``evaluate(module)``.

    ``label`` and ``code``, the name of the code of the user's functions, name it in digests; so do the interventions
    ``during``, and the steps of an epoch for those that act once an epoch.
    """

    version: ClassVar[int] = 1
    optimizer: ClassVar[Fresh] = Fresh()
    gate: ClassVar[None] = None
    label: str
    code: str
    steps: int
    train: Callable[[nn.Module, Run], object] = field(metadata=PLACE)
    evaluate: Callable[[nn.Module], float | Mapping[str, float]] = field(metadata=PLACE)
    during: tuple[Intervention, ...] = field(default=(), metadata=ADDED_LATER)
    steps_per_epoch: int | None = field(default=None, metadata=ADDED_LATER)

    @property
    def keeps(self) -> tuple[str, ...]:
        """The names of the states and masks that the interventions keep."""
        return tuple(name for intervention in self.during for name in intervention.keeps)

    def longer(self, times: float) -> UserTraining:
        """Return the training with ``times`` as many steps; the user's function sets the learning rate."""
        return replace(self, steps=max(1, round(self.steps * times)))


class Run:
    """A ``Run`` tells a training function which steps to train with which seed, and holds mask and optimizer state.

    Attributes:
        steps: the optimizer steps to do, counted from the beginning of the training: ``range(0, T)``, or a part of it.
        seed: the seed of the data order; equal seed and step must give the same batch.
        mask: bool tensors by parameter name, True = kept.
        weights: the names of the module's parameters.
        saved: the optimizer's state when the block of ``hold`` ended, else None.
        left: the digest of the weights when the block of ``hold`` ended, else None.
        attached: the interventions of the block of ``hold``, else None.
        logged: the curves of ``log``.
    """

    def __init__(
        self,
        *,
        module: nn.Module,
        mask: Mask,
        seed: int,
        steps: range,
        slots: Mapping[str, Tensor],
        intervene: Callable[[Held], None] = lambda held: None,
        told: Callable[[int], None] = lambda done: None,
    ) -> None:
        self.mask, self.seed, self.steps = mask, seed, steps
        self._module, self._slots, self._intervene, self._told = module, slots, intervene, told
        self.logged = Logged(steps)
        self.attached: Attached | None = None
        self.saved: dict[str, Tensor] | None = None
        self.weights = tuple(name for name, _ in module.named_parameters())
        self.left: str | None = None

    def batches(self, loader: Any) -> Iterator[tuple[int, Any]]:
        """Yield ``(step, batch)`` for each of ``steps``.

        The batch, and everything drawn at random until the next batch, are functions of ``seed`` and the step.

        Args:
            loader: a ``DataLoader`` (shuffling or not), or anything with a length that ``iter`` starts over.

        Raises:
            UsageError: the loader has no length, no batch, fewer batches than its length, or persistent workers.

        Examples:
            >>> from torch import nn
            >>> run = Run(module=nn.Linear(1, 1), mask={}, seed=0, steps=range(1, 4), slots={})
            >>> list(run.batches(["first", "second"]))
            [(1, 'second'), (2, 'first'), (3, 'second')]
        """
        return batches(loader, seed=self.seed, steps=self.steps)

    def log(self, step: int, **numbers: Any) -> None:
        """Add a point to each curve of this training, such as ``run.log(step, loss=loss)``.

        Curves are kept with the result, and drawn by ``found.report(folder)``.  They change no number of the training.
        A curve of more than 2,000 points keeps every second one, or every fourth ...

        Args:
            step: a step of ``steps``, or the step at its end.
            numbers: numbers, or tensors of one number, by the name of the curve.

        Raises:
            UsageError: the step is none of this call, or a value is not a number.

        Examples:
            >>> from torch import nn
            >>> run = Run(module=nn.Linear(1, 1), mask={}, seed=0, steps=range(0, 4), slots={})
            >>> run.log(3, loss=0.5)
            >>> run.logged.curves["loss"]["values"]
            [0.5]
        """
        self.logged.add(step, numbers)

    @contextmanager
    def hold(self, optimizer: torch.optim.Optimizer, schedule: Any = None, *, every: int = 1) -> Iterator[Held]:
        """Hold mask and optimizer state while training runs inside this block, and call the interventions.

        The optimizer's state is restored from the checkpoint at the beginning and saved at the end.  The mask is held
        after every step (``attach``).  Where an intervention may end the training, leave the loop when ``held.stopped``
        is true: ``with run.hold(optimizer) as held``.

        Args:
            optimizer: a new optimizer of the module's parameters.
            schedule: a new ``torch.optim.lr_scheduler``; it is advanced to the step where the training begins.
            every: the optimizer steps from one schedule step to the next; ``len(loader)`` for once an epoch.

        Raises:
            UsageError: ``attach`` refuses the optimizer, the optimizer keeps state other than tensors or has a
                parameter from outside the module, the schedule depends on measurements, or an intervention does not
                fit.
        """
        from lotterylab.network import state_of
        from lotterylab.training.attach import attach

        parameters = dict(self._module.named_parameters())
        check_parameters(optimizer, parameters)
        restore(optimizer, parameters, self._slots)
        if every < 1:
            raise UsageError(f"every={every}: a schedule moves once in 1 or more optimizer steps. Give 1 or more.")
        if schedule is not None:
            advance(schedule, optimizer, self.steps.start // every)
        with attach(self._module, optimizer, self.mask) as held:
            self._intervene(held)
            self.attached = held.attached
            held.listen(self._told)
            yield held
        self.saved = saved(optimizer, parameters)
        state = state_of(self._module)
        self.left = algebra.digest({name: state[name].cpu() for name in self.weights})
