"""A user's own functions as specs, and what a training function is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

from lotterylab.errors import UsageError
from lotterylab.masks import algebra
from lotterylab.training.slots import by_parameter, flat
from lotterylab.training.user_batches import advance, batches
from lotterylab.types import Mask, State
from lotterylab.words import PLACE

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class UserModel:
    """The network that ``function(seed)`` returns.  ``code``: what names it, with ``label``."""

    version: ClassVar[int] = 1
    label: str
    code: str
    shape: tuple[int, ...] | None = None
    function: Callable[[int], nn.Module] = field(metadata=PLACE)

    def build(self, *, pool_first: bool = False) -> nn.Module:
        """A network to put states into; its own state is not used."""
        return self._made(0)

    def initial(self, seed: int, purpose: str, draw: str) -> State:
        """Its state for a seed; for another purpose (a re-initialisation) that of another seed."""
        from lotterylab import rng
        from lotterylab.network import state_of

        return state_of(self._made(seed if purpose == "init" else rng.key(seed, purpose) % 2**31))

    def _made(self, seed: int) -> nn.Module:
        from torch import nn

        module = self.function(seed)
        if not isinstance(module, nn.Module):
            raise UsageError(f"init_fn({seed}) returned a {type(module).__name__}. Return a torch.nn.Module.")
        return module


class Fresh:
    """The state of an optimizer that the user's function will make: nothing yet."""

    counts = False  # torch's optimizers count in slots of their own

    def init(self, params: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
        """No slots."""
        return {}


@dataclass(frozen=True, kw_only=True)
class UserTraining:
    """``steps`` optimizer steps by ``train(module, run)``, judged by ``evaluate(module)``; ``code`` names them."""

    version: ClassVar[int] = 1
    optimizer: ClassVar[Fresh] = Fresh()
    label: str
    code: str
    steps: int
    train: Callable[[nn.Module, Run], object] = field(metadata=PLACE)
    evaluate: Callable[[nn.Module], float | Mapping[str, float]] = field(metadata=PLACE)

    def longer(self, times: float) -> UserTraining:
        """The same for ``times`` as many steps; what the rate of each step is, the function says."""
        return replace(self, steps=max(1, round(self.steps * times)))


class Run:
    """What a training function is told: which steps to train, with which seed, and a way to hold mask and optimizer.

    ``steps``: the optimizer steps to do, counted from the beginning of the training: ``range(0, T)``, or a part of it.
    ``seed``: of the data order; the same seed and step must give the same batch.  ``mask``: what is kept.
    """

    def __init__(self, *, module: nn.Module, mask: Mask, seed: int, steps: range, slots: Mapping[str, Tensor]) -> None:
        self.mask, self.seed, self.steps = mask, seed, steps
        self._module, self._slots = module, slots
        self.saved: dict[str, Tensor] | None = None  # the optimizer's state when its block ended
        self.weights = tuple(name for name, _ in module.named_parameters())
        self.left: str | None = None  # the digest of the weights when it ended

    def batches(self, loader: Any) -> Iterator[tuple[int, Any]]:
        """``(step, batch)`` for each of ``steps``, from a ``DataLoader`` (shuffling or not) or anything with a length
        that ``iter`` begins anew; the batch, and what is drawn at random until the next one, are functions of ``seed``
        and the step.

        Raises:
            UsageError: the loader has no length, no batch, fewer batches than its length, or persistent workers.
        """
        return batches(loader, seed=self.seed, steps=self.steps)

    @contextmanager
    def hold(self, optimizer: torch.optim.Optimizer, schedule: Any = None, *, every: int = 1) -> Iterator[None]:
        """Train inside this block: it brings back the optimizer's state where the training goes on from a checkpoint,
        holds the mask after every step (``attach``), and keeps the optimizer's state at its end.

        ``schedule``: a new one of ``torch.optim.lr_scheduler``, which is brought to the step where the training
        begins.  ``every``: the optimizer steps from one of its steps to the next, ``len(loader)`` where it moves once
        an epoch.

        Raises:
            UsageError: what ``attach`` refuses, an optimizer whose state is more than tensors or that has a parameter
                from outside the module, and a schedule that goes by what was measured.
        """
        from lotterylab.network import state_of
        from lotterylab.training.attach import attach

        names = {id(parameter): name for name, parameter in self._module.named_parameters()}
        _check_parameters(optimizer, names)
        _restore(optimizer, names, self._slots)
        if every < 1:
            raise UsageError(f"every={every}: a schedule moves every 1 or more optimizer steps.")
        if schedule is not None:
            advance(schedule, optimizer, self.steps.start // every)
        with attach(self._module, optimizer, self.mask):
            yield
        self.saved = _slots(optimizer, names)
        state = state_of(self._module)
        self.left = algebra.digest({name: state[name].cpu() for name in self.weights})


def _check_parameters(optimizer: torch.optim.Optimizer, names: Mapping[int, str]) -> None:
    outside = [one for group in optimizer.param_groups for one in group["params"] if id(one) not in names]
    if outside:
        raise UsageError(
            f"the optimizer has a parameter of shape {tuple(outside[0].shape)} that is none of the module's: "
            "neither it nor its state would be in a checkpoint. Make it a parameter of the module."
        )


def _slots(optimizer: torch.optim.Optimizer, names: Mapping[int, str]) -> dict[str, Tensor]:
    """The optimizer's state as tensors: "exp_avg/conv1.weight"."""
    import torch

    found: dict[str, dict[str, Tensor]] = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            for slot, value in optimizer.state.get(parameter, {}).items():
                if value is None:
                    continue
                if not isinstance(value, torch.Tensor):
                    raise UsageError(
                        f"{type(optimizer).__name__} keeps '{slot}' as a {type(value).__name__}, not as a tensor: its "
                        "state cannot be kept in a checkpoint. SGD, Adam, AdamW, RMSprop and Adagrad can."
                    )
                found.setdefault(slot, {})[names[id(parameter)]] = value.detach().clone()
    return flat(found)


def _restore(optimizer: torch.optim.Optimizer, names: Mapping[int, str], slots: Mapping[str, Tensor]) -> None:
    by_name = by_parameter(slots)
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            for slot, tensor in by_name.get(names[id(parameter)], {}).items():
                # a count of steps stays on the CPU but for the kernels that read it themselves, as in torch.optim
                there = tensor.dim() or group.get("fused") or group.get("capturable")
                place = parameter.device if there else tensor.device
                optimizer.state[parameter][slot] = cast("torch.Tensor", tensor.clone().to(place))
