"""Paths through a network are followed by derivatives of a network of the same layers without kinks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from lotterylab.analysis.smooth import Call, smooth
from lotterylab.calling.logits import logits_of
from lotterylab.errors import UsageError
from lotterylab.rng import draws, stream
from lotterylab.types import Mask, State

if TYPE_CHECKING:
    from torch import Tensor

    from lotterylab.network import Network

LOW, HIGH = 0.5, 1.5  # of the numbers that stand for weights and inputs: positive, and no two alike
REDRAWN = 4  # times that weights on no path are drawn anew, to see whether the output notices
EQUAL = 1e-9  # relative difference of outputs that counts as none
WRAP = "Wrap it in a module that returns one tensor."
LIKE = ("zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like")


@dataclass(frozen=True, kw_only=True)
class Paths:
    """``Paths`` tells which weights of a network lie on a path from its input to its output.

    A weight multiplies what depends on the input, so it is on a path if the mixed derivative
    d2 out / (d weight d input) is not 0.  A bias, or a weight of what does not depend on the input (a learned
    position), is used if the output depends on it.

    Args:
        net: the network.
        state: its parameters and buffers; buffers are used as they are.
        shape: of one input.
        names: the parameters that are asked for.
    """

    net: Network
    state: Mapping[str, Tensor]
    shape: tuple[int, ...]
    names: tuple[str, ...]
    mixed: dict[str, Tensor] = field(init=False)
    possible: dict[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        import torch

        whole = {name: torch.ones(self.state[name].shape, dtype=torch.bool) for name in self.names}
        mixed, first = self._slopes(cast(Mask, whole))
        object.__setattr__(self, "mixed", {name: slope != 0 for name, slope in mixed.items()})
        object.__setattr__(self, "possible", {name: self.mixed[name] | (first[name] != 0) for name in self.names})

    def used(self, mask: Mask) -> dict[str, Tensor]:
        """Return the kept entries that are on a path of kept weights, bool tensors of the mask's shapes."""
        mixed, first = self._slopes(mask)
        used = {}
        for name, kept in mask.items():
            leads_on = first[name] != 0
            used[name] = kept & (leads_on if is_bias(name) else (mixed[name] != 0).where(self.mixed[name], leads_on))
        return used

    def hidden(self) -> dict[str, Tensor]:
        """Return the entries on no path of the whole network if its output depends on them all the same, else {}.

        The network is then run as it is, with random weights; those on no path are drawn anew.
        """
        unreached = {name: ~possible for name, possible in self.possible.items() if not bool(possible.all())}
        if not unreached:
            return {}
        for number in range(REDRAWN):
            inputs, state = _normal("input", number, (1, *self.shape)), self._random(number)
            again = {name: _normal("again", number, state[name].shape, name) for name in unreached}
            others = {name: again[name].where(entries, state[name]) for name, entries in unreached.items()}
            before, after = (self._run({**state, **changed}, inputs).detach() for changed in ({}, others))
            if bool(((before - after).abs() > EQUAL * before.abs().max()).any()):
                return unreached
        return {}

    def hiding(self) -> str:
        """Return the name of the function that hides paths from the derivatives, "" if none can be named."""
        import torch

        calls: list[Call] = []
        whole = {name: _generic(name, self.state[name].shape).requires_grad_() for name in self.net.parameters}
        inputs = _generic("", (1, *self.shape)).requires_grad_()
        with smooth(calls):
            out = self._run({**self._buffers(), **whole}, inputs)
        tensors = {id(tensor): tensor for call in calls for tensor in (*call.inputs, *call.outputs)}
        traced = {number: tensor for number, tensor in tensors.items() if tensor.requires_grad}
        found = torch.autograd.grad(_total(out), list(traced.values()), allow_unused=True, retain_graph=True)
        slopes = dict(zip(traced, found, strict=True))
        return next((call.name for test in TESTS for call in reversed(calls) if test(call, slopes)), "")

    def _slopes(self, mask: Mask) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return d2 out / (d weight d input) and d out / d weight for each entry of the mask, where it is kept."""
        import torch

        theta = {name: _values(name, kept) for name, kept in mask.items()}
        others = {name: _values(name, None, self.state[name].shape) for name in self.net.parameters if name not in mask}
        inputs = _generic("", (1, *self.shape)).requires_grad_()
        leaves = [weight.requires_grad_() for weight in theta.values()]
        with smooth():
            total = _total(self._run({**self._buffers(), **others, **theta}, inputs))
            try:
                first = torch.autograd.grad(total, [inputs, *leaves], create_graph=True, materialize_grads=True)
                along = (first[0] * _generic("along", inputs.shape)).sum()
                mixed: Sequence[Tensor] = [torch.zeros_like(leaf) for leaf in leaves]
                if along.requires_grad:
                    mixed = torch.autograd.grad(along, leaves, materialize_grads=True)
            except RuntimeError as error:
                raise UsageError(
                    f"the paths of this network cannot be counted: {_line(error)}. Replace that function, or count a "
                    "network without it."
                ) from error
        if not all(bool(slope.isfinite().all()) for slope in (*first, *mixed)):
            raise UsageError(
                "the paths of this network cannot be counted: their number overflows float64. Count a part of it."
            )
        return (
            dict(zip(theta, mixed, strict=True)),
            {name: slope.detach() for name, slope in zip(theta, first[1:], strict=True)},
        )

    def _run(self, state: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Return the outputs, as one tensor; what the module draws is the same each time."""
        try:
            with draws(0, "paths"):
                outputs, _ = self.net.forward(cast(State, dict(state)), inputs, False)
        except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError) as error:
            if isinstance(error, UsageError):
                raise
            raise UsageError(
                f"the network fails on an input of random numbers of shape {tuple(inputs.shape)}: {_line(error)}. Give "
                "the shape of one input without the batch, of a module whose input is floating-point numbers."
            ) from error
        out = logits_of(outputs, WRAP)
        if not out.requires_grad and any(tensor.requires_grad for tensor in (inputs, *state.values())):
            raise UsageError(
                "the paths of this network cannot be counted: its output has no gradient. Does it detach its values?"
            )
        return out

    def _buffers(self) -> dict[str, Tensor]:
        names = set(self.net.parameters)
        return {
            name: tensor.double() if tensor.is_floating_point() else tensor
            for name, tensor in self.state.items()
            if name not in names
        }

    def _random(self, number: int) -> dict[str, Tensor]:
        """Return a state with parameters of both signs, such that sums stay near 1."""
        shapes = {name: self.state[name].shape for name in self.net.parameters}
        drawn = {name: _normal("weight", number, shape, name) for name, shape in shapes.items()}
        return {**self._buffers(), **{name: x / _fan_in(x.shape) ** 0.5 for name, x in drawn.items()}}


def is_bias(name: str) -> bool:
    """Tell whether a parameter is added and not multiplied, by its name: ``bias``, ``in_proj_bias``, ``bias_hh_l0``."""
    last = name.rpartition(".")[2]
    return last.startswith("bias") or last.endswith("bias")


def _values(name: str, kept: Tensor | None, shape: Sequence[int] = ()) -> Tensor:
    """Return numbers for a parameter: positive where it is kept, with sums over inputs near 1; 0 for biases."""
    import torch

    shape = shape if kept is None else kept.shape
    if is_bias(name):
        return torch.zeros(tuple(shape), dtype=torch.float64)
    numbers = _generic(name, shape)
    if kept is None:
        return numbers / _fan_in(shape)
    if kept.dim() < 2:
        return numbers * kept
    return numbers * kept * (len(kept) / max(1, int(kept.sum())))


def _fan_in(shape: Sequence[int]) -> int:
    size = 1
    for length in shape[1:]:
        size *= length
    return max(1, size)


def _generic(name: str, shape: Sequence[int]) -> Tensor:
    """Return numbers between ``LOW`` and ``HIGH``, float64, always the same for a name."""
    import torch

    return torch.from_numpy(stream(0, "paths", name).uniform(LOW, HIGH, tuple(shape)))


def _normal(what: str, number: int, shape: Sequence[int], name: str = "") -> Tensor:
    import torch

    return torch.from_numpy(stream(number, "paths", what, name).normal(size=tuple(shape)))


def _total(out: Tensor) -> Tensor:
    """Return a sum of the outputs with weights of its own, since those of a softmax always sum to 1."""
    return (out * _generic("outputs", out.shape)).sum()


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")


def _hides_all(call: Call, slopes: Mapping[int, Tensor | None]) -> bool:
    """Tell whether the output's slope reaches some input of the function nowhere (rounding, signs)."""
    return _reached(call.outputs, slopes) and any(
        tensor.requires_grad and not _any(slopes.get(id(tensor))) for tensor in call.inputs
    )


def _hides_entries(call: Call, slopes: Mapping[int, Tensor | None]) -> bool:
    """Tell whether the output's slope misses entries of an input of the same shape (limits, choices)."""
    for out in call.outputs:
        for tensor in call.inputs:
            if not tensor.requires_grad or tensor.shape != out.shape or tensor is out:
                continue
            ahead, behind = slopes.get(id(out)), slopes.get(id(tensor))
            if ahead is not None and behind is not None and bool(((ahead != 0) & (behind == 0)).any()):
                return True
    return False


def _ends(call: Call, slopes: Mapping[int, Tensor | None]) -> bool:
    """Tell whether no output has a gradient although an input has (detach, the largest's number)."""
    traced = any(tensor.requires_grad for tensor in call.inputs) and not any(out.requires_grad for out in call.outputs)
    return traced and call.name not in LIKE and any(str(out.dtype) != "torch.bool" for out in call.outputs)


def _picks(call: Call, slopes: Mapping[int, Tensor | None]) -> bool:
    """Tell whether the output's slope reaches only a part of an input (the k largest)."""
    parts = [slopes.get(id(tensor)) for tensor in call.inputs if tensor.requires_grad]
    return _reached(call.outputs, slopes) and any(part is not None and bool((part == 0).any()) for part in parts)


TESTS = (_hides_all, _ends, _hides_entries, _picks)


def _reached(tensors: Sequence[Tensor], slopes: Mapping[int, Tensor | None]) -> bool:
    return any(_any(slopes.get(id(tensor))) for tensor in tensors)


def _any(slope: Tensor | None) -> bool:
    return slope is not None and bool((slope != 0).any())
