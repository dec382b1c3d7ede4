"""SGD (momentum, Nesterov, decay) and Adam / AdamW are pure updates here.

Parameters, gradients and each slot are dicts of tensors by parameter name.  In ``update`` the rate and the step are
tensors of shape ``()``, or ``(N,)`` if all tensors carry a leading axis ``N`` of stacked networks.  ``update_`` applies
the rule in place to a single network, through torch's fused kernels.  Arithmetic is in the type of the parameters.

The formulas are those of ``torch.optim``, the oracle of the tests.  ``torch.optim`` itself is not used: its rate and
step cannot be stacked, and its first optimizer imports a compiler (1.4 s a process).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from lotterylab.errors import UsageError
from lotterylab.training.optim_checks import check_not_negative, check_share, check_tensors

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    Tensors: TypeAlias = dict[str, Tensor]  # by the name of the parameter
    Slots: TypeAlias = dict[str, Tensors]  # by the name of the slot, then of the parameter

FUSED_DEVICES = ("cpu", "cuda")  # other devices use the pure update


@dataclass(frozen=True, kw_only=True)
class Sgd:
    """Stochastic gradient descent moves weight w by gradient g and the slot ``momentum`` v.

        g <- g + weight_decay * w
        v <- momentum * v + g
        w <- w - lr * (g + momentum * v  if nesterov else  v)

    A slot of zeros makes v = g in the first step, as in ``torch.optim.SGD`` without dampening.

    Args:
        lr: the base rate; in a plan also a choice among rates, which is resolved before training.
        momentum: in [0, 1); at 0 there is no slot.
        weight_decay: the L2 coefficient, at least 0.
        nesterov: Nesterov momentum.

    Raises:
        UsageError: a number is out of range, or ``nesterov`` is given without momentum.

    Examples:
        >>> Sgd(lr=0.1, momentum=0.9).slot_names
        ('momentum',)
    """

    counts: ClassVar[bool] = False
    lr: Any
    momentum: float = 0.0
    weight_decay: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        check_not_negative("lr", self.lr)
        check_not_negative("weight_decay", self.weight_decay)
        check_share("momentum", self.momentum)
        if self.nesterov and not self.momentum:
            raise UsageError("nesterov=True was asked with momentum=0. Give a momentum, or leave nesterov out.")

    @property
    def slot_names(self) -> tuple[str, ...]:
        """The slots' names: ``("momentum",)``, or ``()`` without momentum."""
        return ("momentum",) if self.momentum else ()

    def init(self, params: Tensors) -> Slots:
        """Return ``{"momentum": zeros}`` in the memory layout of the parameters, or ``{}`` without momentum."""
        return _zeros(self.slot_names, params)

    def update(
        self, params: Tensors, grads: Tensors, slots: Slots, *, lr: Tensor, step: Tensor
    ) -> tuple[Tensors, Slots]:
        """Return new parameters and slots, for ``lr`` of shape ``()`` or ``(N,)``; ``step`` is unused."""
        import torch

        check_tensors(self.slot_names, params, grads, slots)
        new_params: Tensors = {}
        new_momentum: Tensors = {}
        with torch.no_grad():
            for name, w in params.items():
                g = grads[name]
                if self.weight_decay:
                    g = g + self.weight_decay * w
                if self.momentum:
                    v = self.momentum * slots["momentum"][name] + g
                    new_momentum[name] = v
                    g = g + self.momentum * v if self.nesterov else v
                new_params[name] = w - _along(lr, w, name) * g
        return new_params, {"momentum": new_momentum} if self.momentum else {}

    def update_(self, params: Tensors, grads: Tensors, slots: Slots, *, lr: float, step: int) -> None:
        """Update a single network in place by the rule of ``update``; the gradients stay unchanged."""
        _update_in_place(self, params, grads, slots, lr, step)

    def _fused(self, w: list[Tensor], g: list[Tensor], slots: list[list[Tensor]], lr: float, step: int) -> None:
        import torch

        torch._fused_sgd_(  # pyright: ignore[reportPrivateImportUsage]
            w,
            g,
            slots[0] if self.momentum else [],
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            lr=lr,
            dampening=0.0,
            nesterov=self.nesterov,
            maximize=False,
            is_first_step=False,
        )


@dataclass(frozen=True, kw_only=True)
class Adam:
    """Adam scales each gradient by running means; by default the weight decay is decoupled (AdamW).

        t <- step + 1
        m <- beta1 * m + (1 - beta1) * g              slot exp_avg
        v <- beta2 * v + (1 - beta2) * g^2            slot exp_avg_sq
        w <- w - lr * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)

    Sources: Kingma and Ba, 2015, Algorithm 1; Loshchilov and Hutter, 2019.
    Differs from the paper: decoupled decay scales w by 1 - lr * weight_decay, as ``torch.optim.AdamW`` does; the paper
    has 1 - eta * weight_decay, where eta is the schedule's factor without the base rate.

    Args:
        lr: the base rate; in a plan also a choice among rates, which is resolved before training.
        betas: (beta1, beta2), each in [0, 1).
        eps: the term that keeps the denominator above 0.
        weight_decay: the decay coefficient, at least 0.
        decoupled: True scales w before the update; False adds weight_decay * w to g.

    Raises:
        UsageError: a number is out of range.

    Examples:
        >>> Adam(lr=0.001).slot_names
        ('exp_avg', 'exp_avg_sq')
    """

    counts: ClassVar[bool] = True  # the bias correction depends on the number of updates
    lr: Any
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    decoupled: bool = True

    def __post_init__(self) -> None:
        check_not_negative("lr", self.lr)
        check_not_negative("eps", self.eps)
        check_not_negative("weight_decay", self.weight_decay)
        check_share("betas[0]", self.betas[0])
        check_share("betas[1]", self.betas[1])

    @property
    def slot_names(self) -> tuple[str, ...]:
        """The slots' names, for the running means of the gradient and of its square."""
        return ("exp_avg", "exp_avg_sq")

    def init(self, params: Tensors) -> Slots:
        """Return ``{"exp_avg": zeros, "exp_avg_sq": zeros}`` in the memory layout of the parameters."""
        return _zeros(self.slot_names, params)

    def update(
        self, params: Tensors, grads: Tensors, slots: Slots, *, lr: Tensor, step: Tensor
    ) -> tuple[Tensors, Slots]:
        """Return new parameters and slots; ``lr`` and ``step``, the updates so far, are ``()`` or ``(N,)``."""
        import torch

        check_tensors(self.slot_names, params, grads, slots)
        beta1, beta2 = self.betas
        new_params: Tensors = {}
        new_m: Tensors = {}
        new_v: Tensors = {}
        with torch.no_grad():
            for name, w in params.items():
                g, rate = grads[name], _along(lr, w, name)
                if self.weight_decay and self.decoupled:
                    w = w * (1 - rate * self.weight_decay)
                elif self.weight_decay:
                    g = g + self.weight_decay * w
                m = beta1 * slots["exp_avg"][name] + (1 - beta1) * g
                v = beta2 * slots["exp_avg_sq"][name] + (1 - beta2) * g * g
                m_scale = _along(_bias_correction(beta1, step, w), w, name)
                v_scale = _along(_bias_correction(beta2, step, w), w, name)
                new_params[name] = w - (rate / m_scale) * m / ((v / v_scale).sqrt() + self.eps)
                new_m[name], new_v[name] = m, v
        return new_params, {"exp_avg": new_m, "exp_avg_sq": new_v}

    def update_(self, params: Tensors, grads: Tensors, slots: Slots, *, lr: float, step: int) -> None:
        """Update a single network in place by the rule of ``update``; the gradients stay unchanged."""
        _update_in_place(self, params, grads, slots, lr, step)

    def _fused(self, w: list[Tensor], g: list[Tensor], slots: list[list[Tensor]], lr: float, step: int) -> None:
        import torch

        adamw, adam = torch._fused_adamw_, torch._fused_adam_  # pyright: ignore[reportPrivateImportUsage]
        # filled on the device to avoid a copy; the kernels read the count as float32
        count = torch.full((), step + 1, dtype=torch.float32, device=w[0].device)
        (adamw if self.decoupled else adam)(
            w,
            g,
            slots[0],
            slots[1],
            [],
            [count] * len(w),
            lr=lr,
            beta1=self.betas[0],
            beta2=self.betas[1],
            weight_decay=self.weight_decay,
            eps=self.eps,
            amsgrad=False,
            maximize=False,
        )


Optimizer: TypeAlias = Sgd | Adam


def _update_in_place(optimizer: Optimizer, params: Tensors, grads: Tensors, slots: Slots, lr: float, step: int) -> None:
    """Use the fused kernel if it supports the device, type and layout; otherwise copy in the pure update."""
    import torch

    check_tensors(optimizer.slot_names, params, grads, slots)
    # no half types: on the CPU, torch 2.13's fused SGD leaves most of their entries unchanged (pytorch#191763)
    types = (torch.float32, torch.float64)
    groups: dict[Any, list[str]] = {}
    for name, w in params.items():
        layout = _layout([w, *(tensors[name] for tensors in slots.values())])
        fused = layout is not None and w.device.type in FUSED_DEVICES and w.dtype in types
        groups.setdefault((w.device, w.dtype, layout) if fused else None, []).append(name)
    with torch.no_grad():
        for group, names in groups.items():
            group_slots = {slot: {name: slots[slot][name] for name in names} for slot in optimizer.slot_names}
            if group is not None:
                w = [params[name] for name in names]
                g = [grads[name].contiguous(memory_format=group[2]) for name in names]
                optimizer._fused(w, g, [list(tensors.values()) for tensors in group_slots.values()], lr, step)
                continue
            w, g = {name: params[name] for name in names}, {name: grads[name] for name in names}
            rate = torch.tensor(lr, dtype=torch.float64)
            new_w, new_slots = optimizer.update(w, g, group_slots, lr=rate, step=torch.tensor(step))
            for old, new in [(w, new_w), *((group_slots[slot], new_slots[slot]) for slot in group_slots)]:
                for name in names:
                    old[name].copy_(new[name])


def _layout(tensors: list[Tensor]) -> torch.memory_format | None:
    """Return the dense layout that all tensors share, or None; the fused kernels ignore strides."""
    import torch

    for layout in (torch.contiguous_format, torch.channels_last):
        if all(tensor.is_contiguous(memory_format=layout) for tensor in tensors):
            return layout
    return None


def _zeros(slot_names: tuple[str, ...], params: Tensors) -> Slots:
    import torch

    return {slot: {name: torch.zeros_like(w, requires_grad=False) for name, w in params.items()} for slot in slot_names}


def _along(values: Tensor, w: Tensor, name: str) -> Tensor:
    """Reshape a value for ``w`` or for each of its N networks: ``(N,)`` -> ``(N, 1, ..., 1)``."""
    if values.dim() == 0:
        return values.to(w.dtype)
    if values.dim() != 1 or values.shape != w.shape[:1]:
        raise UsageError(
            f"a rate or step of shape {tuple(values.shape)} was given for '{name}' of shape {tuple(w.shape)}. "
            "Give (), or (N,) with N the leading axis of every tensor."
        )
    return values.to(w.dtype).view(-1, *[1] * (w.dim() - 1))


def _bias_correction(beta: float, step: Tensor, w: Tensor) -> Tensor:
    """Return 1 - beta^(step + 1) without cancellation, so float32 is precise enough for a beta near 1."""
    import torch

    if beta == 0:
        return torch.ones_like(step, dtype=w.dtype)
    exact = torch.float64 if w.dtype == torch.float64 else torch.float32
    return -torch.expm1((step.to(exact) + 1) * math.log(beta))
