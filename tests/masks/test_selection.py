"""masks/select.py: what a selection says that its cut did, against plain counts."""

from __future__ import annotations

import itertools
import json
import math
import statistics
from collections.abc import Iterator
from dataclasses import asdict

import torch
from hypothesis import given
from hypothesis import strategies as st

from lotterylab import masks
from lotterylab.errors import UsageError
from lotterylab.masks.profiles import PROFILES
from lotterylab.masks.select import Cut, Rule, select, selection
from lotterylab.types import Mask, Scores
from some_scores import quick, scores_of

GRANULARITIES = {"weight": None, "filter": (1, 99), "block:2x3": (2, 3), "block:3x1": (3, 1), "2:4": None, "1:3": None}
SHARES = {"2:4": 0.5, "1:3": "2/3"}


def test_a_cut_is_described_in_numbers():
    scores = scores_of([[0.0, 0.0], [3.0, 4.0]], [0.0, 0.0, 0.0, 1.0, 2.0, 5.0])
    before = Mask({"t0": torch.tensor([[False, True], [True, True]]), "t1": torch.ones(6, dtype=torch.bool)})
    cut = selection(scores, 0.3, before, Rule()).cut
    assert (cut.entries, cut.requested, cut.requested_removed, cut.removed, cut.reached) == (10, 0.3, 3, 3, 0.3)
    assert (cut.candidates, cut.ties_at_cut, cut.exact_zero_scores) == (9, 4, 4)
    assert cut.layers == {"t0": 0.5, "t1": 5 / 6} and cut.emptied == []
    assert selection(scores, 0.5, before, Rule()).cut.ties_at_cut == 0  # all four go
    assert selection(scores, 0, None, Rule()).cut.ties_at_cut == 0
    assert json.loads(json.dumps(asdict(cut))) == asdict(cut)


def test_a_cut_that_missed_its_count_shows_both_and_the_tensors_it_emptied():
    cut = selection(scores_of([0.5] * 30, [0.5] * 9 + [1.0]), 0.5, None, Rule(ties="early-bird")).cut
    assert (cut.requested_removed, cut.removed, cut.reached, cut.ties_at_cut) == (20, 39, 0.975, 39)
    assert cut.emptied == ["t0"] and cut.layers == {"t0": 0.0, "t1": 0.1}


def test_a_cut_is_described_as_it_was_asked_by_layer_or_by_filter():
    scores = scores_of([1.0, 1.0, 1.0, 2.0], [1.0, 2.0])
    layerwise = selection(scores, 0.5, None, Rule(scope="layerwise")).cut
    assert (layerwise.requested_removed, layerwise.removed, layerwise.ties_at_cut) == (3, 3, 3)
    mapped = selection(scores, {"t0": 0.25, "t1": 0}, None, Rule()).cut
    assert (mapped.requested, mapped.requested_removed, mapped.ties_at_cut) == (1 / 6, 1, 3)
    filters = scores_of(torch.tensor([[1.0, 3.0], [2.0, 2.0], [5.0, 5.0]]))
    cut = selection(filters, "1/3", None, Rule(granularity="filter")).cut
    assert (cut.entries, cut.removed, cut.ties_at_cut, cut.layers) == (3, 1, 2, {"t0": 2 / 3})


# a plain count of everything, in lists


def pieces(shape: tuple[int, ...], granularity: str) -> list[list[int]]:
    """The flat indices of each unit of a tensor."""
    width = math.prod(shape[1:])
    size = GRANULARITIES[granularity]
    if size is None:
        return [[index] for index in range(shape[0] * width)]
    found: dict[tuple[int, int], list[int]] = {}
    for row, column in itertools.product(range(shape[0]), range(width)):
        found.setdefault((row // size[0], column // size[1]), []).append(row * width + column)
    return [found[place] for place in sorted(found)]


def rivals(names: list[str], shapes: dict[str, tuple[int, ...]], scope: str, granularity: str) -> Iterator[list]:
    """The (tensor, number of the unit) of those that compete with each other, group by group."""
    counts = {name: len(pieces(shapes[name], granularity)) for name in names}
    units = {name: [(name, number) for number in range(count)] for name, count in counts.items()}
    if ":" in granularity and granularity in SHARES:
        size = int(granularity[2:])
        for name in names:
            width = math.prod(shapes[name][1:])
            for row in range(shapes[name][0]):
                here = units[name][row * width : (row + 1) * width]
                yield from (here[first : first + size] for first in range(0, width, size))
    elif scope == "global":
        yield list(itertools.chain.from_iterable(units.values()))
    else:
        yield from units.values()


def plain(scores: Scores, before: Mask, after: Mask, sparsity: float, scope: str, granularity: str) -> Cut:
    """The cut, counted from the masks and the scores; "erk" and "balanced" take each tensor's count from ``after``."""
    shapes = {name: tuple(tensor.shape) for name, tensor in scores.items()}
    flat = {name: tensor.flatten().tolist() for name, tensor in scores.items()}
    value, alive, kept = {}, {}, {}
    for name, shape in shapes.items():
        old, new = before[name].flatten().tolist(), after[name].flatten().tolist()
        for number, places in enumerate(pieces(shape, granularity)):
            value[name, number] = statistics.fmean(flat[name][place] for place in places)
            alive[name, number] = any(old[place] for place in places)
            kept[name, number] = any(new[place] for place in places)
    n, removed, ties, asked = len(value), len(value) - sum(kept.values()), 0, 0
    for group in rivals(list(scores), shapes, scope, granularity):
        left = sorted(value[unit] for unit in group if alive[unit])
        if granularity in SHARES:
            going = max(0, len(left) - int(granularity[0]))
        elif scope in ("erk", "balanced"):
            going = len(left) - sum(kept[unit] for unit in group)
        else:
            going = math.floor(round(sparsity * 40) * len(group) / 40 + 0.5) - (len(group) - len(left))
        asked += going + len(group) - len(left)
        if 0 < going < len(left) and left[going - 1] == left[going]:
            ties += left.count(left[going])
    of_tensor = {name: [stays for (tensor, _), stays in kept.items() if tensor == name] for name in scores}
    return Cut(
        entries=n,
        requested=asked / n if granularity in SHARES else sparsity,
        requested_removed=asked,
        removed=removed,
        candidates=sum(alive.values()),
        reached=removed / n,
        ties_at_cut=ties,
        exact_zero_scores=sum(value[unit] == 0 for unit in value if alive[unit]),
        layers={name: sum(stays) / len(stays) for name, stays in of_tensor.items()},
        emptied=[name for name, stays in of_tensor.items() if not any(stays)],
    )


@st.composite
def tensors(draw: st.DrawFn) -> tuple[Scores, Mask]:
    """Scores with many ties, and an earlier mask."""
    shapes = draw(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=3))
    scores, earlier = Scores({}), Mask({})
    for number, shape in enumerate(shapes):
        n = math.prod(shape)
        values, kept = (draw(st.lists(of, min_size=n, max_size=n)) for of in (st.integers(-3, 3), st.booleans()))
        scores[f"t{number}"] = torch.tensor(values, dtype=torch.float32).view(shape)
        earlier[f"t{number}"] = torch.tensor(kept).view(shape)
    return scores, earlier if draw(st.booleans()) else masks.ones(scores)


@quick
@given(
    tensors(),
    st.integers(0, 39).map(lambda part: part / 40),
    st.sampled_from(["global", "layerwise", "erk", "balanced"]),
    st.sampled_from(sorted(GRANULARITIES)),
    st.sampled_from(["index", "random", *PROFILES]),
)
def test_what_the_cut_did_is_what_a_plain_count_finds(case, sparsity, scope, granularity, ties):
    scores, earlier = case
    if granularity in SHARES or scope in ("erk", "balanced"):
        ties = "random" if ties == "random" else "index"  # a published rule has one count, and may miss it
    asked = SHARES.get(granularity, sparsity)
    rule = {"scope": scope, "granularity": granularity, "ties": ties, "seed": 3}
    try:
        selected = selection(scores, asked, earlier, Rule(**rule))
    except UsageError as refusal:
        assert "already removes" in str(refusal) or "its code fails too" in str(refusal)
        return
    assert masks.digest(selected.mask) == masks.digest(select(scores, asked, mask=earlier, **rule))
    assert all(not bool((selected.mask[name] & ~earlier[name]).any()) for name in scores)
    assert selected.cut == plain(scores, earlier, selected.mask, sparsity, scope, granularity)
    if ties in ("index", "random"):
        assert selected.cut.removed == selected.cut.requested_removed
