"""Several criteria share this gradient and its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any, cast

from lotterylab.calling.failures import outputs_on, refusing, shapes_of
from lotterylab.calling.logits import GIVE_LOSS, cross_entropy_of, logits_of
from lotterylab.calling.nested import each_tensor
from lotterylab.calling.precision import at_least_float32
from lotterylab.errors import UsageError, a_type, suggestion
from lotterylab.types import Batch, State
from lotterylab.views import View

if TYPE_CHECKING:
    from torch import Tensor


def batch_of(view: View, who: Any) -> Batch:
    """Return the view's batch; refuse a view without one in the criterion's name."""
    if view.batch is None:
        raise UsageError(f"{type(who).__name__} scores by gradients and needs data: pass batch=(inputs, targets).")
    return view.batch


def shape_of(view: View, who: Any) -> tuple[int, ...]:
    """Return the shape of one input, from the view or its batch; refuse a view without either."""
    import torch

    if view.shape is not None:
        if not all(isinstance(size, Integral) and size > 0 for size in view.shape):
            raise UsageError(f"input_shape is {view.shape}; give whole numbers, such as (3, 32, 32).")
        return view.shape
    if view.batch is not None:
        inputs = view.batch.inputs
        if isinstance(inputs, torch.Tensor) and inputs.is_floating_point():
            return tuple(inputs.shape[1:])
        kind = f"of {inputs.dtype}" if isinstance(inputs, torch.Tensor) else f"{a_type(inputs)}"
        raise UsageError(
            f"{type(who).__name__} scores by a floating-point input of ones, but this batch's input is {kind}. Pass "
            "input_shape=(C, H, W)."
        )
    raise UsageError(f"{type(who).__name__} needs the shape of one input: pass input_shape=(C, H, W), or a batch.")


def initial_of(view: View, who: Any) -> State:
    """Return the view's initial state; refuse a view without one, or with other names or shapes."""
    if view.initial is None:
        raise UsageError(
            f"{type(who).__name__} compares with the weights before training: pass initial=, a copy of the state_dict "
            "from then (copy.deepcopy(module.state_dict()))."
        )
    for name in view.names:
        if name not in view.initial:
            raise UsageError(f"the initial state has no '{name}'.{suggestion(name, view.initial)}")
        if (before := view.initial[name].shape) != (now := view.state[name].shape):
            raise UsageError(f"'{name}' has shape {tuple(before)} in the initial state, and now {tuple(now)}.")
    return view.initial


def final_and_initial(view: View, who: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the final and the initial weights, in float32 or better, with 0 where the view's mask removes them."""
    final, initial = (
        pruned(view, {name: at_least_float32(state[name].detach()) for name in view.names})
        for state in (view.state, initial_of(view, who))
    )
    return final, {name: initial[name].to(final[name].device) for name in final}


def leaves(view: View) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Return a copy of the state with the named parameters as leaves in float32 or better, and the leaves."""
    state = {name: at_least_float32(tensor.detach()).clone() for name, tensor in view.state.items()}
    theta = [state[name].requires_grad_() for name in view.names]
    return {**state, **dict(zip(view.names, theta, strict=True))}, theta


def loss_at(view: View, state: dict[str, Tensor], batch: Batch, temperature: float = 1.0) -> Tensor:
    """Return loss(logits / T, targets) of the pruned network; removed weights and their gradients are 0.

    At T = 1, the outputs may be anything that the loss takes.
    """
    import torch

    inputs = each_tensor(at_least_float32, batch.inputs)
    give = "Give batch=(inputs, targets) with inputs as the module takes them."
    outputs = outputs_on(view.net.forward, pruned(view, state), inputs, view.train, give)
    if temperature == 1.0:
        return _loss(view, outputs, batch.targets)
    if view.loss is cross_entropy_of:
        outputs = logits_of(outputs, GIVE_LOSS)
    if not isinstance(outputs, torch.Tensor):
        raise UsageError(
            f"the logits are divided by a temperature of {temperature:g}, but the module returns a "
            f"{type(outputs).__name__}. Wrap it in a module that returns the logits, or set temperature=1."
        )
    return _loss(view, outputs / temperature, batch.targets)


def _loss(view: View, outputs: Any, targets: Any) -> Tensor:
    """Return the loss of a batch.

    Raises:
        UsageError: the loss fails, or is not one number.
    """
    import torch

    with refusing(lambda: f"the loss fails on outputs {shapes_of(outputs)}, targets {shapes_of(targets)}", GIVE_LOSS):
        loss = view.loss(outputs, targets)
    if isinstance(loss, torch.Tensor) and loss.numel() == 1:
        return loss
    kind = f"of shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else f"{a_type(loss)}"
    raise UsageError(
        f"the loss of the batch is {kind}; it must be a tensor of one number. Take the mean: a loss of torch.nn with "
        "reduction='mean'."
    )


def pruned(view: View, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return ``tensors`` with 0 at the entries that the view's mask removes."""
    if view.mask is None:
        return dict(tensors)
    removed = {name: ~kept.to(tensors[name].device) for name, kept in view.mask.items() if name in tensors}
    return {name: t.masked_fill(removed[name], 0.0) if name in removed else t for name, t in tensors.items()}


def slopes(value: Tensor, theta: list[Tensor], *, create_graph: bool = False) -> list[Tensor]:
    """Return d value / d theta, with 0 for parameters that no path uses.

    Raises:
        UsageError: the value depends on no parameter.
    """
    import torch

    if not value.requires_grad:
        raise UsageError(
            "the loss has no gradient: it depends on none of the scored parameters. Does the module or the loss detach "
            "its values, or were gradients switched off?"
        )
    grads = torch.autograd.grad(value, theta, create_graph=create_graph, allow_unused=True, materialize_grads=True)
    return list(grads)


def hessian_times(
    g: list[Tensor], theta: list[Tensor], vectors: list[Tensor], *, retain_graph: bool = False
) -> list[Tensor]:
    """Return H v exactly, from gradients that were made with ``create_graph``; 0 where they do not depend on theta."""
    import torch

    value = cast(torch.Tensor, sum((a * v).sum() for a, v in zip(g, vectors, strict=True)))
    if not value.requires_grad:  # a loss that is linear in all parameters has a constant gradient
        return [torch.zeros_like(t) for t in theta]
    found = torch.autograd.grad(value, theta, retain_graph=retain_graph, allow_unused=True, materialize_grads=True)
    return list(found)


def gradients(view: View) -> dict[str, Tensor]:
    """Return dL/dw of the mean loss on the view's batch for each named parameter, 0 if no path uses it."""
    if view.batch is None:
        raise UsageError("gradients need data: pass batch=(inputs, targets).")
    state, theta = leaves(view)
    return dict(zip(view.names, slopes(loss_at(view, state, view.batch), theta), strict=True))
