"""Scores with ties for the tests of select, and the oracle: a plain sort."""

from __future__ import annotations

import math
from typing import Any

import torch
from hypothesis import settings
from hypothesis import strategies as st

from lotterylab import masks
from lotterylab.types import Mask, Scores

quick = settings(max_examples=60, deadline=None)
finite = st.integers(-6, 6).map(float)  # few values, so many ties
levels = st.one_of(finite, st.sampled_from([math.inf, -math.inf, -0.0]))
sparsities = st.integers(0, 39).map(lambda i: i / 40)


def scores_of(*values: list[Any] | torch.Tensor) -> Scores:
    return Scores({f"t{i}": torch.as_tensor(value, dtype=torch.float32) for i, value in enumerate(values)})


def flat(tensors: dict[str, torch.Tensor]) -> list:
    return [entry for tensor in tensors.values() for entry in tensor.flatten().tolist()]


def removed(mask: Mask) -> int:
    return masks.entries(mask) - masks.kept(mask)


def lowest(values: list[float], count: int) -> list[bool]:
    """The oracle: which are kept when ``count`` go, the lowest first, and of equal ones the lowest index."""
    going = set(sorted(range(len(values)), key=lambda i: (values[i], i))[:count])
    return [i not in going for i in range(len(values))]


@st.composite
def cases(draw: st.DrawFn) -> Scores:
    """Three tensors of several shapes, with ties within and across."""
    values = [draw(st.lists(levels, min_size=n, max_size=n)) for n in (6, 4, 12)]
    shaped = [torch.tensor(v).view(shape) for v, shape in zip(values, [(2, 3), (4,), (3, 2, 2)], strict=True)]
    return scores_of(*draw(st.permutations(shaped)))
