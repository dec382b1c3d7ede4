"""Any ``nn.Module`` as pure functions of its state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from lotterylab.errors import UsageError, suggestion, unknown
from lotterylab.types import Inputs, State

if TYPE_CHECKING:
    from torch import Tensor, nn

    LookAtCall: TypeAlias = Callable[[str, nn.Module, tuple, Tensor], None]

NARROWEST_BLOCK = 16  # channels in one block of a convolution's kernel under AVX-512; 8 under AVX2
PRUNABLE_LAYERS = ("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Linear")


@dataclass(frozen=True, kw_only=True)
class Network:
    """A module without its state.

    ``forward(state, inputs, train) -> (logits (B, K), state)``: the returned state holds new buffers (batch-norm
    statistics) and the same parameters; the state that is passed in is never changed.  ``train=None`` leaves each layer
    in the mode it has.  Inputs that are a tuple are the module's arguments, a dict its arguments by name.
    ``layer_outputs(state, inputs, names, look)``: a forward pass in evaluation mode that calls ``look(name, output)``
    for each layer whose weight is among ``names``, each time it is called; a tied weight under its one name.
    ``layer_calls``: the same with ``look(name, layer, arguments, output)``; those given by name are no arguments.
    ``prunable``: names of the weights of Conv and Linear layers, tied ones once; ``parameters``: all of them;
    ``trainable``: those that the module has not frozen (``requires_grad``).
    ``computed``: the layers of these kinds whose weight is no parameter.
    ``unknown``: weights of two dimensions or more in layers that are not torch's.
    ``channels_last``: whether that layout is safe; where it is not, ``forward`` lays its tensors out otherwise.
    """

    forward: Callable[[State, Inputs, bool | None], tuple[Tensor, State]]
    layer_outputs: Callable[[State, Tensor, tuple[str, ...], Callable[[str, Tensor], None]], None]
    layer_calls: Callable[[State, Tensor, tuple[str, ...], LookAtCall], None]
    prunable: tuple[str, ...]
    parameters: tuple[str, ...]
    trainable: tuple[str, ...]
    computed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    channels_last: bool = True


def prunable_kinds() -> tuple[type[nn.Module], ...]:
    """The classes of ``PRUNABLE_LAYERS``."""
    from torch import nn

    return tuple(getattr(nn, name) for name in PRUNABLE_LAYERS)


def prunable_names(module: nn.Module) -> tuple[str, ...]:
    """Weights of Conv* and Linear layers in the module's order, a tied weight once, under its first name.

    Never biases, never norms, never embeddings: design of the field's denominators.
    """
    return tuple(layers_of_weights(module))


def layers_of_weights(module: nn.Module) -> dict[str, list[nn.Module]]:
    """The Conv and Linear layers that use each prunable weight: more than one where it is tied."""
    kinds = prunable_kinds()
    layers: dict[int, list[nn.Module]] = {}
    for layer in module.modules():
        if isinstance(layer, kinds):
            layers.setdefault(id(layer.weight), []).append(layer)
    return {name: layers[id(weight)] for name, weight in module.named_parameters() if id(weight) in layers}


def computed_weights(module: nn.Module) -> tuple[str, ...]:
    """The Conv and Linear layers whose weight is no parameter: a parametrization, weight_norm, torch.nn.utils.prune."""
    kinds = prunable_kinds()
    layers = ((name, layer) for name, layer in module.named_modules() if isinstance(layer, kinds))
    return tuple(name or type(layer).__name__ for name, layer in layers if "weight" not in layer._parameters)


def unknown_weights(module: nn.Module) -> tuple[str, ...]:
    """Parameters called ``weight``, of two dimensions or more, in layers that are neither torch's nor built on one that
    has a weight: GPT-2's ``Conv1D`` is a linear layer that nothing but its code tells from an embedding.

    One that is tied to a Conv or Linear layer is that layer's.
    """
    from torch import nn

    known = {id(layer.weight) for layer in module.modules() if isinstance(layer, prunable_kinds())}
    embeddings = (nn.Embedding, nn.EmbeddingBag)
    found = []
    for name, layer in module.named_modules():
        weight = layer._parameters.get("weight")
        own = not type(layer).__module__.startswith("torch.") and not isinstance(layer, embeddings)
        if weight is not None and own and weight.dim() >= 2 and id(weight) not in known:
            found.append(f"{name}.weight" if name else "weight")
    return tuple(found)


def network(module: nn.Module) -> Network:
    """The pure functions of ``module``.  Its mode is set by each call; its own tensors are not read."""
    from torch.func import functional_call

    buffers = tuple(name for name, _ in module.named_buffers())
    safe = channels_last_is_safe(module)

    def forward(state: State, inputs: Inputs, train: bool | None) -> tuple[Tensor, State]:
        if train is not None:
            module.train(train)
        laid_out = cast(dict, state)
        if not safe:
            laid_out, inputs = rows_first(state), rows_first(inputs)
        if not buffers:
            return functional_call(module, laid_out, *_arguments(inputs)), state
        given = {**laid_out, **{name: state[name].clone() for name in buffers}}
        logits = functional_call(module, given, *_arguments(inputs))  # writes buffers that were assigned into ``given``
        return logits, cast(State, {**state, **{name: _apart(given[name]) for name in buffers}})

    def layer_outputs(
        state: State, inputs: Tensor, names: tuple[str, ...], look: Callable[[str, Tensor], None]
    ) -> None:
        layer_calls(state, inputs, names, lambda name, _, __, output: look(name, output))

    def layer_calls(state: State, inputs: Tensor, names: tuple[str, ...], look: LookAtCall) -> None:
        layers = layers_of_weights(module)

        def tell(name: str) -> Callable[[nn.Module, tuple, Tensor], None]:
            return lambda layer, given, output: look(name, layer, given, output)

        hooks = [layer.register_forward_hook(tell(name)) for name in names for layer in layers[name]]
        try:
            forward(state, inputs, False)
        finally:
            for hook in hooks:
                hook.remove()

    return Network(
        forward=forward,
        layer_outputs=layer_outputs,
        layer_calls=layer_calls,
        prunable=prunable_names(module),
        parameters=tuple(name for name, _ in module.named_parameters()),
        trainable=tuple(name for name, one in module.named_parameters() if one.requires_grad),
        computed=computed_weights(module),
        unknown=unknown_weights(module),
        channels_last=safe,
    )


def channels_last_is_safe(module: nn.Module) -> bool:
    """Whether the module may be trained with its images and kernels channels-last on a CPU.

    Not with a convolution 1x1 of a stride above 1 on few channels: the gradient of its weights is written past the end
    of a buffer, so that it is wrong or the process dies.  [uxlfoundation/oneDNN issue 6035; seen with torch 2.13 on
    AVX2, 7 channels or fewer, stride 2]
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
    """A tensor, or those in a tuple or a dict, in torch's default layout, (B, C, H, W) in that order in memory.

    With that layout's strides: a kernel 1x1 is contiguous in both layouts, and its strides say which one is taken.
    """
    from torch import Tensor

    if isinstance(tensors, Mapping):
        return {name: rows_first(one) for name, one in tensors.items()}
    if isinstance(tensors, tuple):
        return tuple(map(rows_first, tensors))
    if not isinstance(tensors, Tensor) or tensors.dim() != 4:
        return tensors
    return tensors.contiguous().flatten().view(tensors.shape)


def _apart(buffer: Tensor) -> Tensor:
    """A buffer without the graph that an assignment may have given it."""
    return buffer.detach() if buffer.requires_grad else buffer


def _arguments(inputs: Inputs) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    return (inputs if isinstance(inputs, tuple) else (inputs,)), {}


@contextmanager
def modes_kept(module: nn.Module) -> Iterator[None]:
    """Give each layer back the mode (train or eval) that it had."""
    before = [(layer, layer.training) for layer in module.modules()]
    try:
        yield
    finally:
        for layer, training in before:
            layer.training = training


def state_of(module: nn.Module) -> State:
    """A copy of the module's parameters and then its buffers, tied ones once, those it does not save too."""
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return cast(State, {name: tensor.detach().clone() for name, tensor in tensors.items()})


def candidates(net: Network, params: str | Iterable[str]) -> tuple[str, ...]:
    """The names of the parameters that may be pruned: "weights" of Conv and Linear layers, "all", or those named.

    Raises:
        UsageError: a word or a name that is not one of these; there is nothing to prune, or a layer whose weight is
            computed from other tensors.
    """
    words = {"weights": net.prunable, "all": net.parameters}
    if isinstance(params, str):
        if params not in words:
            raise unknown("set of parameters", params, words)
        if params == "weights":
            _check_weights(net)
        return words[params]
    if not isinstance(params, Iterable):
        raise UsageError(f"params is {params!r}; it is 'weights', 'all', or the names of parameters.")
    chosen = tuple(params)
    if not chosen:
        raise UsageError("params names nothing: there is nothing to prune.")
    for name in chosen:
        if name not in net.parameters:
            raise UsageError(
                f"params names '{name}', which is no parameter of the module (a tied one has its first name)."
                f"{suggestion(name, net.parameters)}"
            )
    return tuple(name for name in net.parameters if name in chosen)


def _check_weights(net: Network) -> None:
    if net.computed:
        raise UsageError(
            f"the weight of '{net.computed[0]}' is no parameter but computed from others (a parametrization, "
            "weight_norm, torch.nn.utils.prune), so it would be left out. Make it one first (parametrize."
            "remove_parametrizations, prune.remove), or name the parameters to prune: params=[...]."
        )
    if net.unknown:
        raise UsageError(
            f"'{net.unknown[0]}' is a weight of two dimensions or more in a layer that is neither a Conv nor a Linear "
            "layer of torch, so it would be left out. If that is right, say so by naming the parameters to prune: "
            "params=lotterylab.network.prunable_names(module); else name it too."
        )
    if not net.prunable:
        raise UsageError(
            "there is nothing to prune: the module has no Conv or Linear layer. Name its parameters: params=[...]."
        )
