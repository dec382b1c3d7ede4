"""Optimizers that wrap others, small and with the interfaces of public ones, and where each keeps its memories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from some_attached import BASES, backward


def sgd(params: Any, **options: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(params, **{"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-2, **options})


class Shell(torch.optim.Optimizer):
    """As accelerate's: an Optimizer by its class, without torch's ``__init__``, that shows the state inside."""

    def __init__(self, inner: torch.optim.Optimizer) -> None:
        self.optimizer = inner

    @property
    def state(self) -> Any:
        return self.optimizer.state

    @property
    def param_groups(self) -> Any:
        return self.optimizer.param_groups

    @property
    def defaults(self) -> Any:
        return self.optimizer.defaults

    def step(self, closure: Any = None) -> Any:
        return self.optimizer.step(closure)

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.optimizer.zero_grad(set_to_none)


class Lookahead(torch.optim.Optimizer):
    """As torch_optimizer's: without torch's ``__init__``, slow weights in a state of its own."""

    def __init__(self, inner: torch.optim.Optimizer, k: int = 3) -> None:
        self.optimizer, self.k, self.count = inner, k, 0
        self.param_groups, self.defaults = inner.param_groups, inner.defaults
        self.state = defaultdict(dict)

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.optimizer.zero_grad(set_to_none)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        self.optimizer.step(closure)
        self.count += 1
        for group in self.param_groups:
            for p in group["params"]:
                slow = self.state[p].setdefault("slow_param", p.clone())
                if self.count % self.k == 0:
                    slow.add_(p - slow, alpha=0.5)
                    p.copy_(slow)


class Slow(torch.optim.Optimizer):
    """Lookahead with torch's ``__init__`` and slow weights in attributes: ``form`` of lists or dicts."""

    def __init__(self, module: nn.Module, form: str, k: int = 3) -> None:
        params = list(module.parameters())
        groups: list[dict[str, Any]] = [{"params": params[:2]}, {"params": params[2:]}]
        super().__init__(groups, {"lr": 0.1})
        self.inner, self.k, self.count = sgd(groups), k, 0
        flat = [p.detach().clone() for p in params]
        names = [name for name, _ in module.named_parameters()]
        forms = {
            "flat": lambda: flat,
            "grouped": lambda: [flat[:2], flat[2:]],
            "by parameter": lambda: dict(zip(params, flat, strict=True)),
            "by id": lambda: dict(zip(map(id, params), flat, strict=True)),
            "by name": lambda: dict(zip(names, flat, strict=True)),
            "of states": lambda: [{"slow": tensor, "t": torch.ones(())} for tensor in flat],
            "in a state": lambda: None,
            "in groups": lambda: None,
        }
        self.slow = forms[form]()
        if form == "in a state":
            self.state["slow"] = flat  # type: ignore[index]
        if form == "in groups":
            self.param_groups[0]["slow"], self.param_groups[1]["slow"] = flat[:2], flat[2:]
        self.pairs = lambda: zip(params, flat, strict=True)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        self.inner.step()
        self.count += 1
        if self.count % self.k == 0:
            for p, slow in self.pairs():
                p.copy_(slow.add_(p - slow, alpha=0.5))


class Sharp(torch.optim.Optimizer):
    """Sharpness-aware minimization in two calls, or in one with a closure."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__(params, {"rho": 0.05})
        self.base_optimizer = sgd(self.param_groups, **options)
        self.param_groups = self.base_optimizer.param_groups

    @torch.no_grad()
    def first_step(self) -> None:
        for p in self.param_groups[0]["params"]:
            self.state[p]["old_p"] = p.clone()
            p.add_(p.grad, alpha=0.05)
        self.zero_grad()

    @torch.no_grad()
    def second_step(self) -> None:
        for p in self.param_groups[0]["params"]:
            p.copy_(self.state[p]["old_p"])
        self.base_optimizer.step()

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        self.first_step()
        with torch.enable_grad():
            closure()
        self.second_step()


class Masters(torch.optim.Optimizer):
    """Mixed precision as of old: the optimizer inside trains copies, which are then copied into the weights."""

    def __init__(self, params: Any, keep: bool = True) -> None:
        params = list(params)
        super().__init__(params, {"lr": 0.1})
        copies = [nn.Parameter(p.detach().clone()) for p in params]
        self.inner = sgd(copies)
        if keep:
            self.fp32 = copies

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        copies = self.inner.param_groups[0]["params"]
        for p, copy in zip(self.param_groups[0]["params"], copies, strict=True):
            copy.grad = p.grad
        self.inner.step()
        for p, copy in zip(self.param_groups[0]["params"], copies, strict=True):
            p.copy_(copy)


class Several:
    """No Optimizer at all: one optimizer for the first layer and another for the rest, or one for each parameter."""

    def __init__(self, params: Any, each: bool = False) -> None:
        params = list(params)
        first, rest = sgd(params[:2]), torch.optim.AdamW(params[2:], lr=0.01, weight_decay=0.1)
        self.optimizers: Any = {p: sgd([p]) for p in params} if each else [first, rest]

    def _all(self) -> list[torch.optim.Optimizer]:
        return list(self.optimizers.values() if isinstance(self.optimizers, dict) else self.optimizers)

    def step(self) -> None:
        for optimizer in self._all():
            optimizer.step()

    def zero_grad(self) -> None:
        for optimizer in self._all():
            optimizer.zero_grad()


FORMS = ("flat", "grouped", "by parameter", "by id", "by name", "of states", "in a state", "in groups")
WRAPPERS: dict[str, Callable[[nn.Module], Any]] = {
    "shell": lambda m: Shell(sgd(m.parameters())),
    "shell of AdamW": lambda m: Shell(BASES["AdamW"](m.parameters())),
    "shell of a shell": lambda m: Shell(Shell(sgd(m.parameters()))),
    "lookahead": lambda m: Lookahead(sgd(m.parameters())),
    "shell of lookahead": lambda m: Shell(Lookahead(BASES["AdamW"](m.parameters()))),
    **{f"slow weights {form}": lambda m, form=form: Slow(m, form) for form in FORMS},
    "sharp": lambda m: Sharp(m.parameters()),
    "masters in a list": lambda m: Masters(m.parameters()),
    "masters only inside": lambda m: Masters(m.parameters(), keep=False),
    "several": lambda m: Several(m.parameters()),
    "one for each parameter": lambda m: Several(m.parameters(), each=True),
}


def take_step(module: nn.Module, optimizer: Any, step: int, calls: str = "step") -> None:
    optimizer.zero_grad()
    backward(module, step)
    if calls == "two":
        optimizer.first_step()
        backward(module, step)
        optimizer.second_step()
    elif isinstance(optimizer, Sharp):
        optimizer.step(lambda: backward(module, step))
    else:
        optimizer.step()


def memories(value: Any, seen: set[int] | None = None) -> Iterator[Tensor]:
    """Every tensor that can be reached from an object, found without our code."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from memories(key, seen)
            yield from memories(inner, seen)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from memories(inner, seen)
    elif isinstance(value, torch.optim.Optimizer | Several):
        yield from memories(vars(value), seen)
