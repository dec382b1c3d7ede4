"""Calls after the steps of an optimizer and of those inside it, and a watch for weights that move elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lotterylab.errors import UsageError
from lotterylab.training.frozen import Frozen


class Steps:
    """``Steps`` calls ``each`` after every step, and ``outermost`` where no other step is running around it.

    The second step of sharpness-aware minimization is the step of the optimizer inside it, so ``outermost`` is called
    once; around Lookahead's ``step()`` it is called after the slow weights have moved.

    Args:
        optimizers: the given optimizer and those inside it, as far as torch calls their hooks.
        each: called without arguments.
        outermost: called after ``each``.
    """

    def __init__(
        self, optimizers: Sequence[torch.optim.Optimizer], each: Callable[[], None], outermost: Callable[[], None]
    ) -> None:
        self._each, self._outermost = each, outermost
        self._running: list[int] = []  # the steps that have begun, from the outside to the inside
        self.any_began = False
        self._handles = [optimizer.register_step_pre_hook(self._begins) for optimizer in optimizers]
        self._handles += [optimizer.register_step_post_hook(self._ends) for optimizer in optimizers]

    def remove(self) -> None:
        """Remove the hooks."""
        for handle in self._handles:
            handle.remove()

    def _begins(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        self.any_began = True
        self._drop(optimizer)  # an earlier step may have ended with an error
        self._running.append(id(optimizer))

    def _ends(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        self._drop(optimizer)
        self._each()
        if not self._running:
            self._outermost()

    def _drop(self, optimizer: torch.optim.Optimizer) -> None:
        if id(optimizer) in self._running:
            del self._running[self._running.index(id(optimizer)) :]


class Bypass:
    """A ``Bypass`` notices pruned weights that move although no step of the attached optimizer has begun.

    A wrapper whose ``step()`` is never called, such as one with a ``first_step()`` and ``second_step()`` of its own,
    would otherwise let pruned weights grow in silence.

    Args:
        optimizer: the optimizer, for the error.
        steps: its steps; nothing is watched once one has begun.
        parameters: the masked parameters by name.
        frozen: the values at which pruned weights are held; None is 0.
    """

    def __init__(
        self, optimizer: Any, steps: Steps, parameters: Mapping[str, nn.Parameter], frozen: Frozen | None
    ) -> None:
        self._kind, self._steps = type(optimizer).__name__, steps
        self._parameters, self._frozen = parameters, frozen
        self._clean: set[str] = set()

    def see(self, name: str, gradient: Tensor, pruned: Tensor) -> None:
        """Look at a parameter when its gradient is complete.

        Raises:
            UsageError: its pruned weights were held at an earlier gradient, and are not now.
        """
        if self._steps.any_began:
            return
        values = self._parameters[name].detach()[pruned]
        if bool((values == (0 if self._frozen is None else self._frozen.of(name)[pruned])).all()):
            self._clean.add(name)
        elif name in self._clean:
            raise UsageError(
                f"pruned weights of '{name}' moved, and no step() of {self._kind} began since the mask was attached: "
                f"{self._kind} moves weights in another method. Attach to the optimizer whose step() moves them, or "
                "call held.hold() after each step."
            )
