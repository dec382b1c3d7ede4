"""A ``Network`` presents any ``nn.Module`` as pure functions of its state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from lotterylab.calling.nested import arguments, cloned, each_tensor
from lotterylab.calling.whole_graphs import whole_graphs
from lotterylab.tied import places_in
from lotterylab.types import Inputs, State
from lotterylab.weights import Weights, layers_of_weights, parameter_names

if TYPE_CHECKING:
    from torch import Tensor, nn

    LookAtCall: TypeAlias = Callable[[str, nn.Module, tuple, Tensor], Tensor | None]

NARROWEST_BLOCK = 16  # channels in one block of a convolution's kernel under AVX-512; 8 under AVX2


@dataclass(frozen=True, kw_only=True)
class Network:
    """A ``Network`` is a module without its state; ``network`` makes it.

    Attributes:
        forward: ``forward(state, inputs, train) -> (logits (B, K), state)``.  The returned state has new buffers
            (batch-norm statistics); state and inputs are never changed, and nothing is computed again during the
            backward pass (``calling.whole_graphs``).  ``train=None`` leaves each layer's mode.  A tuple of inputs are
            the module's arguments, a dict its arguments by name.
        layer_outputs: ``layer_outputs(state, inputs, names, look)``, a forward pass in evaluation mode that calls
            ``look(name, output)`` at each call of a layer whose weight is among ``names``.
        layer_calls: like ``layer_outputs``, with ``look(name, layer, positional arguments, output)``, which may return
            another output.  It returns the logits.
        prunable: the names of the weights of Conv and Linear layers, tied weights once.
        parameters: the names of all parameters, tied ones once.
        trainable: the names of the parameters that are not frozen (``requires_grad``).
        computed: the Conv and Linear layers whose weight is not a parameter.
        unknown: the other parameters of two dimensions or more that may hold weights; see ``unknown_weights``.
        unknown_scales: those of them that are vectors; see ``unknown_scales``.
        shares: the share of the weights that each parameter of two dimensions or more holds.
        scales: the names of the scales of batch norms, in the order of the module's layers.
        channels_last: True if that layout is safe; if not, ``forward`` uses torch's default layout.
    """

    forward: Callable[[State, Inputs, bool | None], tuple[Tensor, State]]
    layer_outputs: Callable[[State, Tensor, tuple[str, ...], Callable[[str, Tensor], None]], None]
    layer_calls: Callable[[State, Tensor, tuple[str, ...], LookAtCall], Tensor]
    prunable: tuple[str, ...]
    parameters: tuple[str, ...]
    trainable: tuple[str, ...]
    computed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    unknown_scales: tuple[str, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    scales: tuple[str, ...] = ()
    channels_last: bool = True


def network(module: nn.Module) -> Network:
    """Return the pure functions of ``module``; each call sets its mode, and its own tensors are not read.

    Examples:
        >>> import torch
        >>> module = torch.nn.Linear(2, 3)
        >>> logits, _ = network(module).forward(state_of(module), torch.ones(5, 2), False)
        >>> logits.shape
        torch.Size([5, 3])
    """
    buffers = tuple(name for name, _ in module.named_buffers())
    safe = channels_last_is_safe(module)
    weights = Weights(module)
    names, views = weights.names, _views(weights)

    def forward(state: State, inputs: Inputs, train: bool | None) -> tuple[Tensor, State]:
        if train is not None:
            module.train(train)
        laid_out = cast(dict, state)
        if not safe:
            laid_out, inputs = rows_first(state), rows_first(inputs)
        if views:
            laid_out = {**laid_out, **{name: laid_out[whole].flatten()[at] for name, (whole, at) in views.items()}}
        if not buffers:
            return _called(module, laid_out, inputs), state
        given = {**laid_out, **{name: state[name].clone() for name in buffers}}
        logits = _called(module, given, inputs)  # writes new buffers into ``given``
        return logits, cast(State, {**state, **{name: _detached(given[name]) for name in buffers}})

    def layer_outputs(
        state: State, inputs: Tensor, names: tuple[str, ...], look: Callable[[str, Tensor], None]
    ) -> None:
        layer_calls(state, inputs, names, lambda name, _, __, output: look(name, output))

    def layer_calls(state: State, inputs: Tensor, names: tuple[str, ...], look: LookAtCall) -> Tensor:
        layers = layers_of_weights(module)

        def hook_of(name: str) -> Callable[[nn.Module, tuple, Tensor], Tensor | None]:
            return lambda layer, arguments, output: look(name, layer, arguments, output)

        hooks = [layer.register_forward_hook(hook_of(name)) for name in names for layer in layers[name]]
        try:
            return forward(state, inputs, False)[0]
        finally:
            for hook in hooks:
                hook.remove()

    return Network(
        forward=forward,
        layer_outputs=layer_outputs,
        layer_calls=layer_calls,
        prunable=tuple(weights.layers_of),
        parameters=names,
        trainable=tuple(name for name in names if weights.named[name].requires_grad),
        computed=weights.computed,
        unknown=weights.unknown_weights,
        unknown_scales=weights.unknown_scales,
        shares=weights.shares,
        scales=scale_names(module),
        channels_last=safe,
    )


def _views(weights: Weights) -> dict[str, tuple[str, Tensor]]:
    """Return, for each parameter that is a view of another, that one's name and where its entries lie in it."""
    named = weights.named
    return {name: (whole, places_in(named[name], named[whole])) for name, whole in weights.tied.items()}


def scale_names(module: nn.Module) -> tuple[str, ...]:
    """Return the names of the scales (gamma) of batch norms, in the order of the module's layers.

    Examples:
        >>> from torch import nn
        >>> scale_names(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)))
        ('1.weight',)
    """
    from torch.nn.modules.batchnorm import _BatchNorm

    norms = ((name, layer) for name, layer in module.named_modules() if isinstance(layer, _BatchNorm) and layer.affine)
    return tuple(f"{name}.weight" if name else "weight" for name, _ in norms)


def channels_last_is_safe(module: nn.Module) -> bool:
    """Tell whether the module can be trained with images and kernels channels-last on a CPU.

    A 1x1 convolution with a stride above 1 on few channels is not safe: its weight gradient is written past the end of
    a buffer, so it is wrong or the process dies.  [uxlfoundation/oneDNN issue 6035; seen with torch 2.13 on AVX2, 7
    channels or fewer, stride 2]
    """
    from torch import nn

    return not any(
        isinstance(layer, nn.Conv2d)
        and layer.kernel_size == (1, 1)
        and max(layer.stride) > 1
        and layer.in_channels // layer.groups < NARROWEST_BLOCK
        for layer in module.modules()
    )


def rows_first(tensors: Any) -> Any:
    """Return a tensor, or a tuple, list or dict of tensors, in torch's default memory layout (B, C, H, W).

    The strides are that layout's too: a 1x1 kernel is contiguous in both layouts, and torch chooses by its strides.
    """
    return each_tensor(lambda x: x.contiguous().flatten().view(x.shape) if x.dim() == 4 else x, tensors)


def _called(module: nn.Module, tensors: dict[str, Tensor], inputs: Inputs) -> Any:
    """Return the outputs of the module with these parameters and buffers, for a copy of the inputs."""
    from torch.func import functional_call

    with whole_graphs():
        return functional_call(module, tensors, *arguments(cloned(inputs)))


def _detached(buffer: Tensor) -> Tensor:
    return buffer.detach() if buffer.requires_grad else buffer


@contextmanager
def modes_kept(module: nn.Module) -> Iterator[None]:
    """Restore each layer's mode (train or eval) at the end of the block."""
    before = [(layer, layer.training) for layer in module.modules()]
    try:
        yield
    finally:
        for layer, training in before:
            layer.training = training


def state_of(module: nn.Module) -> State:
    """Return a copy of the module's parameters and all its buffers, tied tensors once.

    Examples:
        >>> from torch import nn
        >>> list(state_of(nn.Linear(2, 3)))
        ['weight', 'bias']
    """
    tensors = {name: module.get_parameter(name) for name in parameter_names(module)} | dict(module.named_buffers())
    return cast(State, {name: tensor.detach().clone() for name, tensor in tensors.items()})
