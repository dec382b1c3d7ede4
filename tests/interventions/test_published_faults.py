"""Known faults of the published codes of Early-Bird and RandomOut: each code's rule beside ours, which does otherwise.

Weights that were never copied into the small network, and a layer that loses all its channels, are in
tests/structure/test_shrink.py and tests/engine/test_channels.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy
import pytest
import torch
from torch.nn.functional import cross_entropy

from interventions.test_early_bird import run as early_bird
from lotterylab import attach
from lotterylab.data import Digits
from lotterylab.engine.store import Store
from lotterylab.interventions import EarlyBird, RandomOut
from lotterylab.models import ConvN, Vgg
from lotterylab.plan.nodes import Data, Dense, Init, Train
from lotterylab.training.optim import Adam
from some_plans import DATA, RECIPE, SPEC, compute

VGG = Vgg(depth=11, width=0.05, shape=(1, 8, 8))
BIRD = EarlyBird(sparsity=0.5, masks=2, distance=0.3)


def published_mask(scales: numpy.ndarray, sparsity: float) -> numpy.ndarray:
    """Early-Bird's code: the scale at place ``int(C p)`` of the sorted ones is the threshold, and ``>`` keeps."""
    threshold = numpy.sort(scales)[int(len(scales) * sparsity)]
    return scales > threshold


@pytest.mark.parametrize("sparsity", [0.3, 0.5, 0.7])
def test_at_the_equal_scales_of_the_beginning_the_mask_is_not_all_zero(sparsity):
    scales = numpy.full(40, 0.5)
    assert published_mask(scales, sparsity).sum() == 0
    changes, _ = early_bird(EarlyBird(sparsity=sparsity), [scales])
    kept = changes[0].found[f"early-bird-{sparsity:g}"]["norm.weight"]
    assert int((~kept).sum()) == round(40 * sparsity)


@pytest.mark.parametrize("sparsity", [0.1, 0.3, 0.5, 0.7])
def test_k_channels_leave_and_not_k_plus_1(sparsity):
    scales = numpy.random.default_rng(0).random(40)
    k = round(40 * sparsity)
    assert int((~published_mask(scales, sparsity)).sum()) == k + 1
    changes, _ = early_bird(EarlyBird(sparsity=sparsity), [scales])
    kept = changes[0].found[f"early-bird-{sparsity:g}"]["norm.weight"].numpy()
    assert int((~kept).sum()) == k
    assert (scales[~kept] < scales[kept].min()).all()


def test_no_test_image_decides_when_a_ticket_emerges_or_which_state_it_has(tmp_path):
    """The published code reports the epoch that is best on the test set; ours reads the test set once, at the end."""
    other = Data(spec=replace(SPEC, test=19), content=replace(SPEC, test=19).fingerprint(None).content)
    assert isinstance(SPEC, Digits) and other.content != DATA.content
    recipe = replace(RECIPE, watch=(), pick=None, during=(BIRD,))
    run = Train(start=Init(model=VGG, seed=0), mask=Dense(model=VGG), data=DATA, recipe=recipe, order_seed=0)
    elsewhere, store = replace(run, data=other), Store(tmp_path)
    compute([run, elsewhere], store)
    one, two = (store.record(node.digest) for node in (run, elsewhere))
    assert one and two and one.blobs == two.blobs and BIRD.name in one.blobs
    assert one.metrics[BIRD.name] == two.metrics[BIRD.name] and one.metrics[BIRD.name]["step"]
    assert one.metrics["test_reads"] == 1 and one.metrics["picked"] == ""
    assert (
        one.metrics["test_accuracy_exact"] != two.metrics["test_accuracy_exact"]
        or one.metrics["test_loss"] != (two.metrics["test_loss"])
    )


# RandomOut under Adam: its code leaves the moments of the old filter to the new one

DRAWING = RandomOut(rule="median", threshold=0.9)
CONV = ConvN(depth=2, width=0.1, shape=(1, 8, 8))


def drawn_at(carry: Any, step: int) -> dict[str, torch.Tensor]:
    """The filters of each layer that were drawn anew at a step."""
    logs = {name.partition("log/")[2]: log for name, log in carry.items() if "log/" in name}
    return {name: log[log[:, 0] == step][:, 1] for name, log in logs.items()}


@pytest.mark.parametrize("reset", [False, True])
def test_no_stale_moment_moves_a_drawn_filter_if_asked(reset, tmp_path):
    store = Store(tmp_path)
    recipe = replace(RECIPE, optimizer=Adam(lr=0.003), during=(replace(DRAWING, reset_optimizer=reset),))
    run = Train(start=Init(model=CONV, seed=0), mask=Dense(model=CONV), data=DATA, recipe=recipe, order_seed=0)
    step = 6
    compute([run.at(step)], store)
    blobs = store.record(run.at(step).digest).blobs
    optimizer, drawn = store.get(blobs["optimizer"]), drawn_at(store.get(blobs["carry"]), step)
    assert sum(map(len, drawn.values())) > 1
    for slot in ("exp_avg", "exp_avg_sq"):
        for name, filters in drawn.items():
            moments = optimizer[f"{slot}/{name}"].flatten(1)
            others = torch.ones(len(moments), dtype=torch.bool).index_fill(0, filters, False)
            assert bool(moments[others].any(1).all()), "those of the other filters stay"
            assert bool(moments[filters].any()) == (not reset)


@pytest.mark.parametrize("reset", [False, True])
def test_nor_in_ones_own_loop_with_torchs_adam(reset):
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(6 * 36, 3)
    )
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    mask = {name: torch.ones_like(module.get_parameter(name), dtype=torch.bool) for name in ("0.weight", "3.weight")}
    held = attach(module, optimizer, mask, during=[replace(DRAWING, threshold=1.2, reset_optimizer=reset)])
    for step in range(1, 6):
        optimizer.zero_grad()
        draw = torch.Generator().manual_seed(step)
        inputs, targets = torch.randn(8, 1, 8, 8, generator=draw), torch.randint(3, (8,), generator=draw)
        cross_entropy(module(inputs), targets).backward()
        optimizer.step()
        filters = drawn_at({name: log for name, log in held.state_dict().items() if "carry" in name}, step)["0.weight"]
        assert len(filters)
        for slot in ("exp_avg", "exp_avg_sq"):
            assert bool(optimizer.state[module[0].weight][slot][filters].any()) == (not reset)
