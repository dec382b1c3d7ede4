"""Modules of every kind that people bring: recurrent, lazy, packed, sharded, scripted, complex."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune
from torch.utils._python_dispatch import return_and_correct_aliasing

FEATURES = 6
Make = Callable[[], nn.Module]


class Own(nn.Module):
    """A layer with a matrix under a name of its own."""

    def __init__(self, *shape: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(*shape).to(dtype), requires_grad=dtype.is_floating_point)

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(self.kernel.dtype) @ self.kernel).real.to(x)


class Experts(nn.Module):
    """Two experts in one tensor, and a router that is a Linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.router, self.up = nn.Linear(FEATURES, 2), nn.Parameter(torch.randn(2, FEATURES, FEATURES))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("be,eio,bi->bo", self.router(x).softmax(-1), self.up, x)


class Recurrent(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        out = self.layer(x)
        return out[0] if isinstance(out, tuple) else out


class Both(nn.Bilinear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x, x)


class Wrapped(Tensor):
    """A tensor with operations of its own, as sharded and quantised ones are."""

    @staticmethod
    def __new__(cls, inner: Tensor) -> Wrapped:
        return Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype, requires_grad=inner.requires_grad)

    def __init__(self, inner: Tensor) -> None:
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.ops.aten.detach.default, torch.ops.aten.clone.default):
            return return_and_correct_aliasing(func, args, kwargs or {}, Wrapped(func(args[0].inner)))
        raise NotImplementedError(f"{func} is not for codes")


def beside(layer: nn.Module) -> nn.Module:
    """The layer between two Linear layers, with names "1.*"."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(FEATURES, FEATURES), layer, nn.Linear(FEATURES, 3))


def with_weight(make: Callable[[Tensor], Any], *, grad: bool = True) -> nn.Module:
    layer = nn.Linear(FEATURES, FEATURES)
    made = make(layer.weight.detach().clone())
    layer.weight = made if isinstance(made, nn.Parameter) else nn.Parameter(made, requires_grad=grad)
    return beside(layer)


def packed_buffer() -> nn.Module:
    layer = Own(FEATURES, FEATURES)
    del layer.kernel
    layer.register_buffer("qweight", torch.ones(1, FEATURES, dtype=torch.int32))
    return beside(layer)


def tied() -> nn.Module:
    module = beside(nn.Linear(FEATURES, FEATURES))
    module[1].weight = module[0].weight
    return module


def twins(view: Callable[[Tensor], Tensor] = lambda weight: weight) -> nn.Module:
    """Two layers of two parameters in one memory."""
    module = beside(nn.Linear(FEATURES, FEATURES))
    module[1].weight = nn.Parameter(view(module[0].weight.detach()))
    return module


def flat() -> nn.Module:
    """The weights of two layers are views of one buffer, and have no entry in common."""
    module, size = beside(nn.Linear(FEATURES, FEATURES)), FEATURES * FEATURES
    buffer = torch.randn(2 * size)
    for number in (0, 1):
        module[number].weight = nn.Parameter(buffer[number * size : (number + 1) * size].view(FEATURES, FEATURES))
    return module


def overlapping() -> nn.Module:
    module = beside(nn.Linear(FEATURES, FEATURES))
    buffer = torch.randn(FEATURES + 1, FEATURES)
    module[0].weight, module[1].weight = nn.Parameter(buffer[1:]), nn.Parameter(buffer[:-1])
    return module


def scripted_part() -> nn.Module:
    return beside(torch.jit.script(nn.Linear(FEATURES, FEATURES)))


def on_meta() -> nn.Module:
    module = beside(nn.Linear(FEATURES, FEATURES))
    module[1].to("meta")
    return module


# the weights that would be left out, by the parameters that hold them

LEFT_OUT: dict[str, tuple[Make, set[str]]] = {
    "LSTM": (lambda: beside(Recurrent(nn.LSTM(FEATURES, FEATURES))), {"weight_ih_l0", "weight_hh_l0"}),
    "GRU of two directions": (
        lambda: beside(Recurrent(nn.GRU(FEATURES, FEATURES // 2, bidirectional=True))),
        {"weight_ih_l0", "weight_hh_l0", "weight_ih_l0_reverse", "weight_hh_l0_reverse"},
    ),
    "RNN": (lambda: beside(Recurrent(nn.RNN(FEATURES, FEATURES))), {"weight_ih_l0", "weight_hh_l0"}),
    "GRUCell": (lambda: beside(Recurrent(nn.GRUCell(FEATURES, FEATURES))), {"weight_ih", "weight_hh"}),
    "LSTMCell": (lambda: beside(Recurrent(nn.LSTMCell(FEATURES, FEATURES))), {"weight_ih", "weight_hh"}),
    "Bilinear": (lambda: beside(Both(FEATURES, FEATURES, FEATURES)), {"weight"}),
    "its own matrix": (lambda: beside(Own(FEATURES, FEATURES)), {"kernel"}),
    "experts": (lambda: beside(Experts()), {"up"}),
    "a list of matrices": (lambda: beside(nn.ParameterList([torch.randn(6, 6)])), {"0"}),
}

# modules that no mask can be made for: what the error says

REFUSED: dict[str, tuple[Make, str]] = {
    "lazy": (lambda: beside(nn.LazyLinear(FEATURES)), "'1.weight' has no shape yet.*Run one batch"),
    "a lazy norm": (lambda: beside(nn.LazyBatchNorm1d()), "'1.weight' has no shape yet"),
    "meta": (on_meta, "the weights of '1' are not loaded: '1.weight' is on the meta"),
    "wrapped": (lambda: with_weight(Wrapped), "'1.weight' is a Wrapped, a tensor with operations of its own"),
    "float8": (lambda: with_weight(lambda w: w.to(torch.float8_e4m3fn)), "'1.weight' is torch.float8_e4m3fn"),
    "packed": (lambda: with_weight(lambda w: w.to(torch.uint8), grad=False), "'1.weight' is torch.uint8, as packed"),
    "quantised": (
        lambda: with_weight(lambda w: torch.quantize_per_tensor(w, 0.1, 0, torch.qint8), grad=False),
        "'1.weight' is torch.qint8, as packed",
    ),
    "sparse": (lambda: with_weight(lambda w: w.to_sparse()), "'1.weight' is torch.sparse_coo"),
}
SCORED_ONLY: dict[str, tuple[Make, str]] = {  # a mask of other layers, or of these, can be applied and held
    "scripted": (lambda: torch.jit.script(beside(nn.ReLU())), "'Sequential' is compiled by torch.jit"),
    "a scripted part": (scripted_part, "'1' is compiled by torch.jit"),
    "traced": (lambda: torch.jit.trace(beside(nn.ReLU()), torch.ones(1, FEATURES)), "is compiled by torch.jit"),
    "packed buffer": (packed_buffer, r"the weights of '1' are packed.*'qweight' is torch.int32"),
    "complex": (lambda: beside(Own(FEATURES, FEATURES, dtype=torch.complex64)), "'1.kernel'"),
    "its own codes": (lambda: beside(Own(FEATURES, FEATURES, dtype=torch.int8)), "'1.kernel'"),
}

# modules that are pruned: the names in the mask

PRUNED: dict[str, tuple[Make, set[str]]] = {
    "tied": (tied, {"0.weight", "2.weight"}),
    "flat": (flat, {"0.weight", "1.weight", "2.weight"}),
    "attention": (
        lambda: beside(nn.Sequential(nn.Linear(FEATURES, FEATURES), nn.LayerNorm(FEATURES))),
        {"0.weight", "1.0.weight", "2.weight"},
    ),
    "half": (lambda: beside(nn.ReLU()).to(torch.bfloat16), {"0.weight", "2.weight"}),
    "float64": (lambda: beside(nn.ReLU()).double(), {"0.weight", "2.weight"}),
    "compiled": (
        lambda: torch.compile(beside(nn.ReLU()), backend="eager"),
        {"_orig_mod.0.weight", "_orig_mod.2.weight"},
    ),
}
TWINS: dict[str, Make] = {
    "one memory": twins,
    "a transposed view": lambda: twins(lambda weight: weight.T),
    "a part": lambda: twins(lambda weight: weight[2:4]),
}
COMPUTED: dict[str, Make] = {
    "weight_norm": lambda: beside(parametrizations.weight_norm(nn.Linear(FEATURES, FEATURES))),
    "pruned by torch": lambda: beside(prune.l1_unstructured(nn.Linear(FEATURES, FEATURES), "weight", 0.5)),
    "weight_norm of an LSTM": lambda: beside(
        Recurrent(parametrizations.weight_norm(nn.LSTM(FEATURES, FEATURES), "weight_hh_l0"))
    ),
}
