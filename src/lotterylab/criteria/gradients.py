"""The gradient that several criteria share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from lotterylab.errors import UsageError, suggestion
from lotterylab.types import Batch, Inputs, State
from lotterylab.views import View

if TYPE_CHECKING:
    from torch import Tensor


def batch_of(view: View, who: Any) -> Batch:
    """The view's batch, or an error that says which criterion needs one."""
    if view.batch is None:
        raise UsageError(f"{type(who).__name__} scores by gradients and needs data: pass batch=(inputs, targets).")
    return view.batch


def shape_of(view: View, who: Any) -> tuple[int, ...]:
    """The shape of one input: the view's, else that of its batch; or an error that says what needs it."""
    import torch

    if view.shape is not None:
        return view.shape
    if view.batch is not None:
        inputs = view.batch.inputs
        if isinstance(inputs, torch.Tensor) and inputs.is_floating_point():
            return tuple(inputs.shape[1:])
        what = f"of {inputs.dtype}" if isinstance(inputs, torch.Tensor) else f"a {type(inputs).__name__}"
        raise UsageError(f"{type(who).__name__} scores by one floating-point input of ones; this batch's is {what}.")
    raise UsageError(f"{type(who).__name__} needs the shape of one input: pass input_shape=(C, H, W), or a batch.")


def initial_of(view: View, who: Any) -> State:
    """The view's initial state, or an error that says which criterion needs one or what it does not fit."""
    if view.initial is None:
        raise UsageError(
            f"{type(who).__name__} compares with the weights before training: pass initial=, a "
            "copy of the state_dict of that time (copy.deepcopy(module.state_dict()))."
        )
    for name in view.names:
        if name not in view.initial:
            raise UsageError(f"the initial state has no '{name}'.{suggestion(name, view.initial)}")
        if (before := view.initial[name].shape) != (now := view.state[name].shape):
            raise UsageError(f"'{name}' has shape {tuple(before)} in the initial state, and now {tuple(now)}.")
    return view.initial


def leaves(view: View) -> tuple[dict[str, Tensor], list[Tensor]]:
    """The state with the named parameters as fresh float32-or-better leaves, and those leaves."""
    state = {name: at_least_float32(tensor.detach()) for name, tensor in view.state.items()}
    wanted = [state[name].clone().requires_grad_() for name in view.names]
    return {**state, **dict(zip(view.names, wanted, strict=True))}, wanted


def loss_at(view: View, state: dict[str, Tensor], batch: Batch, temperature: float = 1.0) -> Tensor:
    """loss(logits / T, targets) of the pruned network: where the mask removes, weights are 0 and so are gradients.

    At T = 1 the outputs need not be a tensor, if the loss takes what they are.
    """
    import torch

    outputs, _ = view.net.forward(cast(State, pruned(view, state)), _inputs(batch.inputs), view.train)
    if temperature == 1.0:
        return view.loss(outputs, batch.targets)
    if not isinstance(outputs, torch.Tensor):
        raise UsageError(
            f"the logits are divided by a temperature of {temperature:g}, but the module returns a "
            f"{type(outputs).__name__}. Wrap it in one that returns the logits, or set temperature=1."
        )
    return view.loss(outputs / temperature, batch.targets)


def pruned(view: View, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``tensors`` with the entries that the view's mask removes at 0."""
    if view.mask is None:
        return dict(tensors)
    removed = {name: ~kept.to(tensors[name].device) for name, kept in view.mask.items() if name in tensors}
    return {name: t.masked_fill(removed[name], 0.0) if name in removed else t for name, t in tensors.items()}


def slopes(value: Tensor, theta: list[Tensor], *, create_graph: bool = False) -> list[Tensor]:
    """d value / d theta; 0 for those that no path uses.

    Raises:
        UsageError: the value depends on no parameter at all.
    """
    import torch

    if not value.requires_grad:
        raise UsageError(
            "the loss has no gradient: it depends on none of the scored parameters. Does the module or the loss detach "
            "its values, or were gradients switched off?"
        )
    found = torch.autograd.grad(value, theta, create_graph=create_graph, allow_unused=True, materialize_grads=True)
    return list(found)


def at_least_float32(tensor: Tensor) -> Tensor:
    """The tensor; in float32 if it is float16 or bfloat16."""
    import torch

    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def _inputs(inputs: Inputs) -> Inputs:
    """With its floating-point tensors in float32 or better, as the weights are."""
    import torch

    if isinstance(inputs, Mapping):
        return {name: cast(Any, _inputs(one)) for name, one in inputs.items()}
    if isinstance(inputs, tuple | list):
        return cast(Inputs, type(inputs)(_inputs(one) for one in inputs))
    return at_least_float32(inputs) if isinstance(inputs, torch.Tensor) else inputs


def gradients(view: View) -> dict[str, Tensor]:
    """dL/dw of the mean loss on the view's batch, for each named parameter; 0 where no path uses it."""
    if view.batch is None:
        raise UsageError("gradients need data: pass batch=(inputs, targets).")
    state, theta = leaves(view)
    return dict(zip(view.names, slopes(loss_at(view, state, view.batch), theta), strict=True))
