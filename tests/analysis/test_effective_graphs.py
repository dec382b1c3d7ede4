"""Effective sparsity of random graphs of layers, against reachability by boolean matrices."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import lotterylab as ll
from some_paths import By


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["linear", "minus", "gate", "max", "clamp", "abs", "cat"]), *[st.integers(0, 9)] * 2),
        min_size=1,
        max_size=6,
    ),
    density=st.sampled_from([0.15, 0.4]),
    seed=st.integers(0, 999),
)
@settings(max_examples=60, deadline=None)
@example([("minus", 0, 0), ("linear", 0, 0), ("max", 0, 1), ("minus", 3, 1)], 0.15, 0)
def test_paths_through_any_graph_of_layers_are_those_of_boolean_reachability(steps, density, seed):
    """The oracle walks the graph forward (what depends on the input) and backward (what the output depends on)."""
    draw = torch.Generator().manual_seed(seed)
    size, plan, layers, mask = 4, [], {}, {}
    for number, (kind, a, b) in enumerate(steps):
        plan.append((kind, a % (number + 1), b % (number + 1)))
        for end in ("out", *("ab" if kind == "cat" else "")) if kind in ("linear", "cat") else ():
            layers[f"{number}{end}"] = nn.Linear(size, size)
    layers["last"] = nn.Linear(size, 2)
    for name, layer in layers.items():
        mask[f"layers.{name}.weight"] = torch.rand(layer.weight.shape, generator=draw) < density

    def run(s: Any, x: Tensor) -> Tensor:
        seen = [x]
        for number, (kind, a, b) in enumerate(plan):
            one, other = seen[a], seen[b]
            match kind:
                case "linear":
                    made = s.layers[f"{number}out"](one)
                case "cat":
                    halves = [
                        s.layers[f"{number}{end}"](part)[:, :2] for end, part in zip("ab", (one, other), strict=True)
                    ]
                    made = s.layers[f"{number}out"](torch.cat(halves, -1))
                case "minus":
                    made = one - 2 * other
                case "gate":
                    made = one * torch.sigmoid(other)
                case "max":
                    made = torch.maximum(one, 3 * other)
                case "clamp":
                    made = one.clamp(0, 0.1)
                case _:
                    made = one.abs()
            seen.append(made)
        return s.layers["last"](seen[-1])

    kept = {name.split(".")[1]: entries for name, entries in mask.items()}

    def through(name: str, alive: Tensor) -> Tensor:
        return (kept[name] & alive).any(1)

    alive, parts = [torch.ones(size, dtype=torch.bool)], {}
    for number, (kind, a, b) in enumerate(plan):
        one, other = alive[a], alive[b]
        if kind == "linear":
            made = through(f"{number}out", one)
        elif kind == "cat":
            parts[number] = torch.cat([through(f"{number}a", one)[:2], through(f"{number}b", other)[:2]])
            made = through(f"{number}out", parts[number])
        else:
            made = one | other if kind in ("minus", "max") else one
        alive.append(made)
    needed = [torch.zeros(size, dtype=torch.bool) for _ in alive]
    used = {}

    def back(name: str, wanted: Tensor, source: Tensor) -> Tensor:
        used[name] = used.get(name, False) | (kept[name] & wanted[:, None] & source)
        return (kept[name] & wanted[:, None]).any(0)

    needed[-1] |= back("last", torch.ones(2, dtype=torch.bool), alive[-1])
    for number, (kind, a, b) in reversed(list(enumerate(plan))):
        wanted = needed[number + 1]
        if kind == "linear":
            needed[a] |= back(f"{number}out", wanted, alive[a])
        elif kind == "cat":
            inside = back(f"{number}out", wanted, parts[number])
            for end, source, half in (("a", a, inside[:2]), ("b", b, inside[2:])):
                needed[source] |= back(
                    f"{number}{end}", torch.cat([half, torch.zeros(2, dtype=torch.bool)]), alive[source]
                )
        else:
            needed[a] |= wanted
            if kind in ("minus", "max", "gate"):
                needed[b] |= (wanted & alive[a]) if kind == "gate" else wanted
    module = By(run, layers=nn.ModuleDict(layers))
    found = ll.effective_sparsity(module, mask, (size,))  # type: ignore[arg-type]
    total = sum(entries.numel() for entries in mask.values())
    assert found["effective"] == pytest.approx(
        1 - sum(int(entries.sum()) for entries in used.values()) / total, abs=1e-12
    )


def test_a_mean_that_is_taken_from_a_maximum_does_not_hide_it():
    def run(s: Any, x: Tensor) -> Tensor:
        h = s.layers["in"](x)[:, None]
        pooled = nn.functional.max_pool1d(h, 2) - nn.functional.avg_pool1d(h, 2)
        larger = h.amax(-1) - h.mean(-1)
        return s.layers["out"](torch.cat([pooled[:, 0], larger], -1))

    module = By(run, layers=nn.ModuleDict({"in": nn.Linear(3, 4), "out": nn.Linear(3, 2)}))
    mask = {
        name: torch.ones_like(module.state_dict()[name]).bool() for name in ("layers.in.weight", "layers.out.weight")
    }
    assert ll.effective_sparsity(module, mask, (3,))["effective"] == 0.0
