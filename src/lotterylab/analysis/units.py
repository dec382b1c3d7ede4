"""The pre-activations of each layer's units, behind norms and shortcuts, and the units that each layer reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from lotterylab.analysis.smooth import ACTIVATIONS, DROPOUT, LINES
from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lotterylab.network import Network

NORMS = ("batch_norm", "instance_norm", "group_norm", "layer_norm", "rms_norm")
SUMS = ("add", "iadd", "radd")
MIXING = (  # functions whose outputs are no longer the units of their input
    *("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "linear", "bilinear"),
    *("matmul", "rmatmul", "bmm", "mm", "addmm", "baddbmm", "einsum", "softmax", "log_softmax"),
    *("transpose", "permute", "movedim", "moveaxis", "swapaxes", "t", "flip", "roll"),
)
Look = Callable[[str, "Tensor"], None]
UNKNOWN = -1


def follow(net: Network, state: Mapping[str, Tensor], inputs: Tensor, look: Look) -> dict[str, Tensor]:
    """Run the network in evaluation mode and show the pre-activations of each layer's units.

    They are what the first activation function behind the layer is given: the layer's output, behind a norm and with
    the shortcut added, if the network has them.  Without an activation they are the output behind its norms.

    Args:
        net: the network.
        state: its parameters and buffers.
        inputs: a batch.
        look: called as ``look(name, s)`` at each call of a prunable layer, s (B, units) or (B, units, ...).

    Returns:
        For each layer the numbers of the units that it reads, long (inputs,), as ``numbered`` counts them.  It is
        ``UNKNOWN`` for an input that is no unit behind its activation.

    Raises:
        UsageError: the network never calls a layer.
    """
    import torch

    first = numbered(net, state)
    with torch.no_grad():
        follower = _Follower(first, look)
        with follower.mode():
            net.layer_calls(state, inputs, net.prunable, follower.call)  # type: ignore[arg-type]
        follower.end()
    if missing := [name for name in net.prunable if name not in follower.reads]:
        raise UsageError(
            f"the network never calls {missing}, so its units cannot be counted. Call each layer in the forward pass."
        )
    return follower.reads


def numbered(net: Network, state: Mapping[str, Tensor]) -> dict[str, int]:
    """Return the number of each layer's first unit, if the units of all layers are counted in one row."""
    lengths = [len(state[name]) for name in net.prunable]
    return dict(zip(net.prunable, accumulate([0, *lengths[:-1]]), strict=True))


class _Call(NamedTuple):
    """A call of a layer whose pre-activations have not been shown: the axis of its units is 1 or -1."""

    name: str
    output: Tensor
    axis: int


class _Units(NamedTuple):
    """A tensor behind an activation, and the numbers of the units along an axis of it."""

    tensor: Tensor
    numbers: Tensor
    axis: int


class _Follower:
    """The tensors of a forward pass that hold pre-activations (``before``) or units behind their activation."""

    def __init__(self, first: Mapping[str, int], look: Look) -> None:
        self.first, self.look = first, look
        self.reads: dict[str, Tensor] = {}
        self.before: dict[int, tuple[Tensor, tuple[int, ...]]] = {}  # a tensor, and the calls of layers that made it
        self.behind: dict[int, _Units] = {}
        self.waiting: list[_Call | None] = []  # None after its activation

    def call(self, name: str, layer: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> None:
        """Note a layer's call."""
        import torch

        axis = -1 if isinstance(layer, torch.nn.Linear) else 1
        read = self.behind.get(id(arguments[0]))
        same = read is not None and (read.axis == axis or arguments[0].dim() == 2)
        self.reads[name] = read.numbers if read and same else torch.full((arguments[0].shape[axis],), UNKNOWN)
        self.before[id(output)] = (output, (len(self.waiting),))
        self.waiting.append(_Call(name, output, axis))

    def end(self) -> None:
        """Show what no activation followed."""
        for call in self.waiting:
            if call:
                self.look(call.name, call.output.movedim(call.axis, 1))

    def mode(self) -> Any:
        """Return the context that follows tensors through functions."""
        import torch
        from torch.overrides import TorchFunctionMode

        follower = self
        activations = {*ACTIVATIONS, *LINES, "prelu"}

        class Follow(TorchFunctionMode):
            def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                kwargs = kwargs or {}
                name = getattr(func, "__name__", "").strip("_")
                given = [value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)]
                units = follower.activated(given[0]) if given and name in activations else None
                made = func(*args, **kwargs)
                out = made[0] if isinstance(made, tuple) and made else made
                if isinstance(out, torch.Tensor):
                    follower.carry(name, args, given, out, units)
                return made

        return Follow()

    def activated(self, s: Tensor) -> tuple[Tensor, int] | None:
        """Show pre-activations before their activation; return the numbers of their units, and the axis."""
        import torch

        units = None
        for number in self.before.get(id(s), (s, ()))[1]:
            if call := self.waiting[number]:
                self.waiting[number] = None
                self.look(call.name, s.movedim(call.axis, 1))
                units = (self.first[call.name] + torch.arange(s.shape[call.axis]), call.axis)
        return units

    def carry(self, name: str, args: Any, given: list[Tensor], made: Tensor, units: tuple[Tensor, int] | None) -> None:
        """Note what a function made of the tensors that are followed."""
        if units is not None:
            self.behind[id(made)] = _Units(made, *units)
            return
        if name in ("cat", "concat", "concatenate"):
            self._concatenated(args, made)
            return
        if name in NORMS or name in SUMS or name in DROPOUT:
            calls = tuple(call for tensor in given for call in self.before.get(id(tensor), (tensor, ()))[1])
            if calls and made.shape == given[0].shape:
                self.before[id(made)] = (made, calls)
            for number in calls if name in NORMS else ():
                if call := self.waiting[number]:
                    self.waiting[number] = call._replace(output=made)
        followed = [self.behind[id(tensor)] for tensor in given if id(tensor) in self.behind]
        if len(followed) == 1 and name not in MIXING and (kept := _kept(followed[0], made)):
            self.behind[id(made)] = kept

    def _concatenated(self, args: Any, made: Tensor) -> None:
        """Note tensors side by side along the axis of their units."""
        import torch

        parts = list(args[0]) if args and isinstance(args[0], list | tuple) else []
        followed = [self.behind.get(id(part)) for part in parts]
        axes = {units.axis for units in followed if units}
        if len(axes) != 1:
            return
        axis = axes.pop()
        if sum(part.shape[axis] for part in parts) == made.shape[axis]:
            numbers = [
                units.numbers if units else torch.full((part.shape[axis],), UNKNOWN)
                for units, part in zip(followed, parts, strict=True)
            ]
            self.behind[id(made)] = _Units(made, torch.cat(numbers), axis)


def _kept(units: _Units, made: Tensor) -> _Units | None:
    """Return the units of a tensor that was made of another without mixing them (pooled, flattened, averaged)."""
    x, numbers, axis = units
    if made.dim() < 2 or len(made) != len(x):
        return None
    size = made.shape[axis]
    if size == len(numbers):
        return _Units(made, numbers, axis)
    if made.dim() == 2 and made[0].numel() == x[0].numel() and size % len(numbers) == 0:
        times = size // len(numbers)
        return _Units(made, numbers.repeat_interleave(times) if axis == 1 else numbers.repeat(times), axis)
    return None
