"""Modules through which paths are counted: gates, attention, differences, limits, norms of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lotterylab import masks
from lotterylab.weights import prunable_names


class By(nn.Module):
    """A module whose forward pass is a function of its layers."""

    def __init__(self, run: Callable[[Any, Tensor], Any], /, **parts: Any) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: Tensor) -> Any:
        return self.run(self, x)


def linear(inputs: int, outputs: int) -> nn.Linear:
    return nn.Linear(inputs, outputs)


def two(run: Callable[[Any, Tensor], Any], **parts: Any) -> By:
    return By(run, a=linear(6, 8), b=linear(6, 8), o=linear(8, 3), **parts)


def between(run: Callable[[Tensor], Tensor], outputs: int = 8) -> By:
    return By(lambda s, x: s.o(run(s.a(x))), a=linear(6, 8), o=linear(outputs, 3))


def layer_norm(x: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + 1e-6)


def attention(s: Any, x: Tensor) -> Tensor:
    scores = torch.softmax(s.q(x) @ s.k(x).transpose(-1, -2) / 2, -1)
    return s.o((scores @ s.v(x)).mean(1))


def heads() -> dict[str, nn.Linear]:
    return {"q": linear(6, 4), "k": linear(6, 4), "v": linear(6, 4), "o": linear(4, 3)}


def scale(size: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(size))


FLAT: dict[str, Callable[[], nn.Module]] = {
    "layer norm by hand": lambda: between(layer_norm),
    "rms norm by hand": lambda: between(lambda x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)),
    "batch norm by hand": lambda: between(lambda x: (x - x.mean(0)) / (x.var(0, unbiased=False) + 1).sqrt() + x),
    "unit length": lambda: between(lambda x: functional.normalize(x, dim=-1)),
    "highway": lambda: two(lambda s, x: s.o(torch.sigmoid(s.b(x)) * s.a(x) + (1 - torch.sigmoid(s.b(x))) * s.a(x * 2))),
    "difference": lambda: two(lambda s, x: s.o(s.a(x) - s.b(x))),
    "difference with itself turned": lambda: two(lambda s, x: s.o(s.a(x) - s.b(x.flip(-1)))),
    "distance": lambda: two(lambda s, x: s.o((s.a(x) - s.b(x)).abs())),
    "squared distance": lambda: two(lambda s, x: s.o((s.a(x) - s.b(x)).square())),
    "product": lambda: two(lambda s, x: s.o(s.a(x) * s.b(x))),
    "ratio": lambda: two(lambda s, x: s.o(s.a(x) / (s.b(x).exp() + 1))),
    "larger of two": lambda: two(lambda s, x: s.o(torch.maximum(s.a(x), s.b(x)))),
    "max of two": lambda: two(lambda s, x: s.o(torch.max(s.a(x), s.b(x)))),
    "min of two": lambda: two(lambda s, x: s.o(s.a(x).min(s.b(x)))),
    "one of two": lambda: two(lambda s, x: s.o(torch.where(s.a(x) > 0.5, s.a(x), s.b(x)))),
    "gated linear unit": lambda: By(lambda s, x: s.o(functional.glu(s.a(x))), a=linear(6, 16), o=linear(8, 3)),
    "SwiGLU": lambda: two(lambda s, x: s.o(functional.silu(s.a(x)) * s.b(x))),
    "squeeze and excite": lambda: By(
        lambda s, x: s.o(s.a(x) * torch.sigmoid(s.g(torch.relu(s.s(s.a(x)))))),
        a=linear(6, 8),
        s=linear(8, 2),
        g=linear(2, 8),
        o=linear(8, 3),
    ),
    "hard gate": lambda: two(lambda s, x: s.o(s.a(x) * functional.hardsigmoid(s.b(x)))),
    "concatenation": lambda: By(
        lambda s, x: s.o(torch.cat([s.a(x), s.b(x)], -1)), a=linear(6, 4), b=linear(6, 4), o=linear(8, 3)
    ),
    "clamp": lambda: between(lambda x: x.clamp(min=0, max=0.5)),
    "clamp in place": lambda: between(lambda x: x.clamp_(0, 0.5)),
    "torch.clip": lambda: between(lambda x: torch.clip(x, 0, 0.5)),
    "relu6 in place": lambda: between(lambda x: functional.relu6(x, inplace=True)),
    "relu by clamp": lambda: between(lambda x: torch.clamp_min(x, 0.0)),
    "relu by a condition": lambda: between(lambda x: x * (x > 0)),
    "leaky by where": lambda: between(lambda x: torch.where(x > 0, x, 0.01 * x)),
    "hardtanh": lambda: between(lambda x: functional.hardtanh(x, -0.1, 0.1)),
    "swish by hand": lambda: between(lambda x: x * torch.sigmoid(1.7 * x)),
    "exp of minus": lambda: between(lambda x: torch.exp(-x)),
    "log1p": lambda: between(lambda x: torch.log1p(x.abs())),
    "largest of groups": lambda: between(lambda x: x.view(-1, 4, 2).amax(-1), 4),
    "max over an axis": lambda: between(lambda x: x.view(-1, 4, 2).max(-1).values, 4),
    "logsumexp": lambda: between(lambda x: x.view(-1, 4, 2).logsumexp(-1), 4),
    "dropout that is never off": lambda: between(lambda x: functional.dropout(x, 0.9, training=True)),
    "scale of zeros": lambda: By(
        lambda s, x: s.o(x + s.gamma * s.a(x)), a=linear(6, 6), o=linear(6, 3), gamma=scale(6)
    ),
    "softmax at the end": lambda: By(lambda s, x: torch.softmax(s.a(x), -1), a=linear(6, 4)),
    "log-softmax at the end": lambda: By(lambda s, x: functional.log_softmax(s.a(x), -1), a=linear(6, 4)),
    "linear": lambda: linear(6, 4),
    "LSTM": lambda: By(
        lambda s, x: s.o(s.a(x[:, None].repeat(1, 3, 1))[0][:, -1]), a=nn.LSTM(6, 8, batch_first=True), o=linear(8, 3)
    ),
    "GRU": lambda: By(
        lambda s, x: s.o(s.a(x[:, None].repeat(1, 3, 1))[0][:, -1]), a=nn.GRU(6, 8, batch_first=True), o=linear(8, 3)
    ),
    "bilinear": lambda: By(lambda s, x: s.o(s.a(x, x)), a=nn.Bilinear(6, 6, 8), o=linear(8, 3)),
    "weights of unit length": lambda: By(
        lambda s, x: functional.linear(x, functional.normalize(s.w, dim=1)), w=nn.Parameter(torch.randn(4, 6))
    ),
}
TOKENS: dict[str, Callable[[], nn.Module]] = {
    "attention by hand": lambda: By(attention, **heads()),
    "attention by torch": lambda: By(
        lambda s, x: s.o(functional.scaled_dot_product_attention(s.q(x), s.k(x), s.v(x)).mean(1)), **heads()
    ),
    "causal attention": lambda: By(
        lambda s, x: s.o(functional.scaled_dot_product_attention(s.q(x), s.k(x), s.v(x), is_causal=True)[:, -1]),
        **heads(),
    ),
    "linear attention": lambda: By(
        lambda s, x: s.o((torch.relu(s.q(x)) @ (torch.relu(s.k(x)).transpose(-1, -2) @ s.v(x))).mean(1)), **heads()
    ),
    "multi-head attention": lambda: By(
        lambda s, x: s.o(s.a(x, x, x)[0].mean(1)), a=nn.MultiheadAttention(6, 2, batch_first=True), o=linear(6, 3)
    ),
    "encoder": lambda: By(
        lambda s, x: s.o(s.e(x).mean(1)),
        e=nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 12, batch_first=True), 12, enable_nested_tensor=False),
        o=linear(6, 3),
    ),
    "learned positions": lambda: By(
        lambda s, x: s.o(torch.relu(x + s.p).mean(1)), p=nn.Parameter(torch.zeros(1, 5, 6)), o=linear(6, 3)
    ),
    "mixer": lambda: By(
        lambda s, x: s.o((x + s.t(x.transpose(1, 2)).transpose(1, 2)).mean(1)), t=linear(5, 5), o=linear(6, 3)
    ),
}
IMAGES: dict[str, Callable[[], nn.Module]] = {
    "squeeze and excite": lambda: By(
        lambda s, x: s.o((s.c(x) * torch.sigmoid(s.g(s.c(x).mean((2, 3))))[:, :, None, None]).mean((2, 3))),
        c=nn.Conv2d(2, 4, 3, padding=1),
        g=linear(4, 4),
        o=linear(4, 3),
    ),
    "resize": lambda: By(
        lambda s, x: s.o(functional.interpolate(s.c(x), scale_factor=2.0, mode="bilinear").mean((2, 3))),
        c=nn.Conv2d(2, 4, 3, padding=1),
        o=linear(4, 3),
    ),
    "transposed": lambda: nn.Sequential(nn.ConvTranspose2d(2, 4, 2, stride=2), nn.ReLU(), nn.Conv2d(4, 3, 1)),
    "depthwise": lambda: nn.Sequential(
        nn.Conv2d(2, 4, 1),
        nn.BatchNorm2d(4),
        nn.ReLU6(True),
        nn.Conv2d(4, 4, 3, padding=1, groups=4),
        nn.Conv2d(4, 3, 1),
    ),
    "instance norm": lambda: nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.InstanceNorm2d(4, affine=True), nn.Hardswish(), nn.Conv2d(4, 3, 3)
    ),
}
NETWORKS = [
    *((name, make, (6,)) for name, make in FLAT.items()),
    *((name, make, (5, 6)) for name, make in TOKENS.items()),
    *((name, make, (2, 6, 6)) for name, make in IMAGES.items()),
]


def whole(module: nn.Module, names: Any = None) -> Any:
    return masks.ones(dict(module.named_parameters()), names or prunable_names(module))
