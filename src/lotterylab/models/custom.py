"""A user's own module as a model, by a reference to the function or class that makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lotterylab.errors import UsageError, a_type, warn
from lotterylab.models.base import ModelSpec
from lotterylab.models.inits import INITS, OWN, seeded
from lotterylab.own_code.references import check_options, check_unchanged, code_hash, described, find
from lotterylab.own_code.signatures import takes

if TYPE_CHECKING:
    from torch import nn

FROM_THE_MODEL = ("shape", "classes", "activation")


@dataclass(frozen=True, kw_only=True)
class CustomModel(ModelSpec):
    """A ``CustomModel`` is the ``nn.Module`` that a user's function returns; ``custom`` makes it from a reference.

    The function is called with ``options``.  It also gets ``shape`` (C, H, W), ``classes`` and ``activation`` (the
    word; ``models.activations.function`` gives the function) if its signature takes them.

    Args:
        source: "package.module:function".
        code: SHA-256 of the code that it runs, part of the digest because a function has no version.
        options: (name, value) pairs in the order of the names.
        activation: a word of ``models.activations``.
        init: "own" keeps the state that the constructor makes when torch is seeded from the stream's key; other words
            redraw the weights and biases of Conv and Linear layers.
        shape: (C, H, W) of one input.
        classes: K, the number of logits.

    Raises:
        UsageError: a word is not known, or a size is not a positive number.

    Examples:
        >>> spec = custom("torch.nn:Flatten", shape=(1, 8, 8))
        >>> spec.build(), spec.shown_activation
        (Flatten(start_dim=1, end_dim=-1), 'its own')
    """

    inits: ClassVar[tuple[str, ...]] = (*INITS, OWN)

    source: str
    code: str
    options: tuple[tuple[str, Any], ...] = ()
    init: str = OWN

    @property
    def takes_activation(self) -> bool:
        """Return whether the function takes the requested activation."""
        return takes(find(self.source), "activation")

    @property
    def shown_activation(self) -> str:
        """Return the requested activation, or "its own" if the function does not take one."""
        return self.activation if self.takes_activation else "its own"

    def build(self, *, pool_first: bool = False) -> nn.Module:
        """Return the module that the function makes.

        Raises:
            UsageError: the code has changed since it was planned, the function fails, or its result is not a module or
                has lazy parameters.
        """
        from torch import nn
        from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

        check_unchanged(self.source, self.code)
        function = find(self.source)
        given = {name: getattr(self, name) for name in FROM_THE_MODEL if takes(function, name)}
        try:
            module = function(**given, **dict(self.options))
        except Exception as error:
            raise UsageError(f"'{self.source}' failed: {described(error)}.") from error
        if not isinstance(module, nn.Module):
            raise UsageError(f"'{self.source}' returned {a_type(module)}. Return a torch.nn.Module.")
        for name, tensor in (*module.named_parameters(), *module.named_buffers()):
            if isinstance(tensor, UninitializedParameter | UninitializedBuffer):
                raise UsageError(f"'{name}' of '{self.source}' has no shape yet. Use no lazy modules: give all sizes.")
        return module

    def check(self) -> None:
        """Build the module once and pass two images through it, so that faults are found before anything is trained.

        Raises:
            UsageError: the logits are not (2, K), nothing can be pruned, or the function does not take an
                ``activation`` that was requested.
        """
        import torch

        from lotterylab.candidates import candidates, left_out
        from lotterylab.network import network, state_of
        from lotterylab.readable import check_unpacked

        default = ModelSpec.activation
        if self.activation != default and not self.takes_activation:
            raise UsageError(
                f"activation '{self.activation}' was asked for, but '{self.source}' does not take it. Give the "
                f"function a parameter 'activation', or leave the activation at '{default}'."
            )
        module = seeded(self.build, 0)
        net, state = network(module), state_of(module)
        check_unpacked(module)
        if not (net.prunable or net.computed or net.unknown):
            raise UsageError(
                f"'{self.source}' has no Conv or Linear layer with its own weight, so nothing can be pruned. Build it "
                "from such layers."
            )
        try:
            candidates(net, "weights", otherwise=f"Build '{self.source}' from Conv and Linear layers or subclasses.")
        except UsageError as error:
            raise UsageError(f"'{self.source}': {error}") from None
        if net.unknown:
            warn(f"'{self.source}': {left_out(net, 'weights')}")
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            for train in (False, True):
                try:
                    logits, _ = net.forward(state, torch.zeros(2, *self.shape), train)
                except Exception as error:
                    raise UsageError(
                        f"'{self.source}' failed on images of shape {(2, *self.shape)}: {described(error)}."
                    ) from error
                self._check_logits(logits)

    def _check_logits(self, logits: Any) -> None:
        shape = tuple(getattr(logits, "shape", ())) or type(logits).__name__
        if shape != (2, self.classes):
            raise UsageError(
                f"for images of shape {(2, *self.shape)}, '{self.source}' gave {shape} and not logits of shape "
                f"{(2, self.classes)}. Return logits of {self.classes} classes."
            )


def custom(source: str, *, options: Mapping[str, Any] | None = None, **fields: Any) -> CustomModel:
    """Return the spec for a reference to a user's function, with the hash of its code.

    Args:
        source: "package.module:function", or a class; it returns an ``nn.Module``, (B, C, H, W) -> (B, K).
        options: further keyword arguments of the function.
        fields: the other fields of ``CustomModel``; ``shape`` is needed.

    Raises:
        UsageError: the reference does not lead to a function, or an option is not in its signature.

    Examples:
        >>> custom("torch.nn:Flatten", options={"start_dim": 1}, shape=(1, 8, 8)).options
        (('start_dim', 1),)
    """
    checked = check_options(source, dict(options or {}), skip=FROM_THE_MODEL)
    return CustomModel(source=source, code=code_hash(source), options=checked, **fields)
