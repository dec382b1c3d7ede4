"""The gradient that several criteria share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lotterylab.errors import UsageError
from lotterylab.types import Batch, State
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
    if view.shape is not None:
        return view.shape
    if view.batch is not None:
        return tuple(view.batch.inputs.shape[1:])
    raise UsageError(f"{type(who).__name__} needs the shape of one input: pass input_shape=(C, H, W), or a batch.")


def initial_of(view: View, who: Any) -> State:
    """The view's initial state, or an error that says which criterion needs one."""
    if view.initial is None:
        raise UsageError(
            f"{type(who).__name__} compares with the weights before training: pass initial=, a state_dict of that time."
        )
    return view.initial


def leaves(view: View) -> tuple[dict[str, Tensor], list[Tensor]]:
    """The state with the named parameters as fresh float32-or-better leaves, and those leaves."""
    state = {name: _at_least_float32(tensor.detach()) for name, tensor in view.state.items()}
    wanted = [state[name].clone().requires_grad_() for name in view.names]
    return {**state, **dict(zip(view.names, wanted, strict=True))}, wanted


def loss_at(view: View, state: dict[str, Tensor], batch: Batch, temperature: float = 1.0) -> Tensor:
    """loss(logits / T, targets) of the pruned network: where the mask removes, weights are 0 and so are gradients."""
    if view.mask is not None:
        state = {name: t.masked_fill(~view.mask[name], 0.0) if name in view.mask else t for name, t in state.items()}
    inputs = _at_least_float32(batch.inputs)
    logits, _ = view.net.forward(state, inputs, view.train)  # type: ignore[arg-type]
    return view.loss(logits / temperature, batch.targets)


def _at_least_float32(tensor: Tensor) -> Tensor:
    import torch

    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def gradients(view: View) -> dict[str, Tensor]:
    """dL/dw of the mean loss on the view's batch, for each named parameter; 0 where no path uses it."""
    import torch

    if view.batch is None:
        raise UsageError("gradients need data: pass batch=(inputs, targets).")
    state, theta = leaves(view)
    found = torch.autograd.grad(loss_at(view, state, view.batch), theta, allow_unused=True, materialize_grads=True)
    return dict(zip(view.names, found, strict=True))
