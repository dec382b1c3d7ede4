"""Modules of strangers: they write into their inputs, count, cache, cast, draw, checkpoint, and return objects."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential


class Small(nn.Module):
    """Two layers; ``before`` and ``after`` are done to the input and to the output."""

    def __init__(self, before: Callable[..., Tensor] | None = None, after: Callable[..., Any] | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.hidden, self.norm, self.out = nn.Linear(6, 16), nn.BatchNorm1d(16), nn.Linear(16, 4)
        self.before, self.after = before, after

    def forward(self, x: Any) -> Any:
        x = self.before(self, x) if self.before else x
        x = self.out(torch.tanh(self.norm(self.hidden(x))))
        return self.after(self, x) if self.after else x


def batch(size: int = 12) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    return torch.rand(size, 6, generator=draw), torch.randint(4, (size,), generator=draw)


class Meter:
    """Counts what it is given."""

    def __init__(self) -> None:
        self.count, self.values = 0, []


def counts(module: Any, x: Tensor) -> Tensor:
    """Write into everything that a module may hold."""
    module.calls = getattr(module, "calls", 0) + 1
    module.cache = x
    module.log.append(x.sum())
    module.nested["list"].append(1)
    module.nested["tensor"].add_(1)
    module.plain.add_(1)
    module.array += 1
    module.seen.add(module.calls)
    module.meter.count += 1
    module.meter.values.append(x)
    module.hidden.extra = module.calls
    module.register_buffer(f"late {module.calls}", torch.ones(2))
    setattr(module, f"added {module.calls}", nn.Linear(2, 2))
    module.register_forward_hook(lambda *_: None)
    return x


def counting() -> Small:
    module: Any = Small(counts)
    module.log, module.nested, module.plain = [], {"list": [], "tensor": torch.zeros(2)}, torch.zeros(3)
    module.array, module.seen, module.meter = numpy.zeros(2), {0}, Meter()
    return module


def draws(module: Any, x: Tensor) -> Tensor:
    """Draw from every generator."""
    noise = torch.rand(6) + random.random() + torch.from_numpy(numpy.random.rand(6)).float()
    own = torch.rand(6, generator=module.torch_own) + module.python_own.random() + module.numpy_own.random()
    return x + 0.1 * noise + 0.1 * own + 0.1 * float(module.numpy_old.rand())


def drawing() -> Small:
    module: Any = Small(draws)
    module.torch_own, module.python_own = torch.Generator().manual_seed(3), random.Random(3)
    module.numpy_own, module.numpy_old = numpy.random.default_rng(3), numpy.random.RandomState(3)
    return module


class Checkpointed(nn.Module):
    """A chain whose blocks are computed ``how``: plainly, or by one of torch's ways to save memory."""

    def __init__(self, how: str = "plain", *, first: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.how, self.first = how, first
        self.a = nn.Sequential(nn.Linear(6, 16), nn.Tanh())
        self.b = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Dropout(0.2), nn.Linear(16, 16), nn.Tanh())
        self.c = nn.Linear(16, 4)
        if how == "composable":
            from torch.distributed._composable.checkpoint_activation import checkpoint as mark

            mark(self.b)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block(self.a, x) if self.first else self.a(x)
        return self.c(self.block(self.b, x))

    def block(self, layers: nn.Sequential, x: Tensor) -> Tensor:
        if self.how == "sequential":
            return checkpoint_sequential(layers, 2, x, use_reentrant=False)  # type: ignore[return-value]
        if self.how in ("reentrant", "not reentrant"):
            return checkpoint(layers, x, use_reentrant=self.how == "reentrant")  # type: ignore[return-value]
        return layers(x)


class Again(torch.autograd.Function):
    """Checkpointing of a stranger's own: the function runs again in the backward pass."""

    @staticmethod
    def forward(ctx: Any, run: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:  # type: ignore[override]
        ctx.run = run
        ctx.save_for_backward(x)
        with torch.no_grad():
            return run(x)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Any:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            y = ctx.run(x)
        torch.autograd.backward(y, slope)
        return None, x.grad


class Reversible(Checkpointed):
    """Blocks run again by ``Again``."""

    def block(self, layers: nn.Sequential, x: Tensor) -> Tensor:
        return Again.apply(layers, x)  # type: ignore[return-value]


class Output(NamedTuple):
    logits: Tensor
    aux: Tensor


@dataclass
class Result:
    loss: Tensor | None
    logits: Tensor


OUTPUTS: dict[str, Callable[[Any, Tensor], Any]] = {
    "(logits, scalar)": lambda _, x: (x, x.mean()),
    "(scalar, logits)": lambda _, x: (x.mean(), x),
    "(logits, logits of a second head)": lambda _, x: (x, x * 2),
    "(logits, hidden states)": lambda _, x: (x, x[:, None].repeat(1, 3, 2)),
    "[logits]": lambda _, x: [x],
    "namedtuple": lambda _, x: Output(logits=x, aux=x[:, :2]),
    "dataclass": lambda _, x: Result(loss=None, logits=x),
    "dict": lambda _, x: {"loss": x.mean(), "logits": x, "hidden": x[:, :3]},
    "dict of one": lambda _, x: {"prediction": x},
    "dict of torchvision's segmentation": lambda _, x: {"out": x, "aux": x[:, :2]},
}
UNKNOWN: dict[str, Callable[[Any, Tensor], Any]] = {
    "(features, logits)": lambda _, x: (x.repeat(1, 2), x),
    "dict of two": lambda _, x: {"a": x, "b": x},
    "object": lambda _, x: Meter(),
    "nothing": lambda _, x: None,
    "empty": lambda _, x: (),
    "one number for each input": lambda _, x: x[:, :1],
    "no axis of classes": lambda _, x: x[:, 0],
    "one logit for each token": lambda _, x: x[:, :, None].repeat(1, 1, 7),
}


HALF: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "plain": lambda _, x: x,
    "casts to its weights' type": lambda module, x: x.to(module.hidden.weight.dtype),
    "casts to bfloat16": lambda _, x: x.bfloat16(),
    "casts to float16": lambda _, x: x.to(torch.float16),
    "casts to float32": lambda _, x: x.float() * 2,
    "makes a tensor of half precision": lambda _, x: x @ torch.eye(6, dtype=torch.float16).to(x.dtype),
    "multiplies by a plain tensor": lambda module, x: x @ module.plain + torch.zeros(6, dtype=torch.bfloat16),
}


def half(way: str) -> Small:
    module: Any = Small(HALF[way])
    module.plain = torch.eye(6)
    return module
