"""Layers that act as in training while a network is judged: dropout that drops, batch norm that uses the batch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

DROPOUTS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")


@contextmanager
def noticing(module: nn.Module) -> Iterator[dict[str, None]]:
    """Notice layers that act as in training inside the block, and yield a mapping that fills with their names.

    A name is that of the layer with the operation in brackets, such as "features.1 (batch_norm)".

    Args:
        module: the network; a layer outside it has the name of the operation alone.

    Examples:
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
        >>> with noticing(net) as noticed:
        ...     _ = net(torch.ones(1, 2))
        >>> list(noticed)
        ['1 (dropout)']
    """
    noticed: dict[str, None] = {}
    running: list[str] = []

    def leave(*given: Any) -> None:  # a hook that returns something changes the output
        running.pop()

    with ExitStack() as stack:
        for name, layer in module.named_modules():
            before = layer.register_forward_pre_hook(lambda _, given, name=name: running.append(name))
            after = layer.register_forward_hook(leave, always_call=True)
            stack.callback(before.remove)
            stack.callback(after.remove)
            if isinstance(layer, nn.RNNBase) and layer.dropout and layer.num_layers > 1:  # inside one kernel
                hook = layer.register_forward_pre_hook(
                    lambda rnn, given, name=name: noticed.update({f"{name} (dropout)": None}) if rnn.training else None
                )
                stack.callback(hook.remove)
        stack.enter_context(_Watch(running, noticed))
        yield noticed


class _Watch(TorchFunctionMode):
    """A ``_Watch`` sees the functions of torch that differ between training and judging."""

    def __init__(self, running: list[str], noticed: dict[str, None]) -> None:
        super().__init__()
        self._running, self._noticed = running, noticed

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if func in WATCHED and _acts_as_in_training(func, args, given):
            layer = self._running[-1] if self._running else ""
            self._noticed[f"{layer} ({func.__name__})" if layer else func.__name__] = None
        return func(*args, **given)


def _acts_as_in_training(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    if func is F.scaled_dot_product_attention:  # written in C: no signature
        return bool(args[4] if len(args) > 4 else kwargs.get("dropout_p", 0.0))
    bound = inspect.signature(func).bind(*args, **kwargs)
    bound.apply_defaults()
    return WATCHED[func](bound.arguments)


def _of_statistics(given: Mapping[str, Any]) -> bool:
    """Tell whether statistics of the batch are used where there are running ones."""
    return given["running_mean"] is not None and bool(given.get("training", given.get("use_input_stats")))


WATCHED: dict[Callable[..., Any], Callable[[Mapping[str, Any]], bool]] = {
    **{getattr(F, name): lambda given: bool(given["training"] and given["p"]) for name in DROPOUTS},
    F.batch_norm: _of_statistics,
    F.instance_norm: _of_statistics,
    F.rrelu: lambda given: bool(given["training"]),
    F.multi_head_attention_forward: lambda given: bool(given["training"] and given["dropout_p"]),
    F.scaled_dot_product_attention: lambda given: bool(given["dropout_p"]),
}
