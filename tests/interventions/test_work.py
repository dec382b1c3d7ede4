"""The work of showing a training to interventions: masks are counted and copied when they change, and not before."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.profiler import ProfilerActivity, profile

from lotterylab import attach
from lotterylab.interventions import RigL
from lotterylab.interventions.base import Intervening
from lotterylab.network import network
from lotterylab.training.loop import train
from lotterylab.types import State
from lotterylab.views import Change
from some_attached import batch, half
from some_attached import network as module_of
from some_loop import loader
from some_plans import INIT, MODEL, RECIPE


@dataclass(frozen=True, kw_only=True)
class Looks(Intervening):
    """Looks at the mask, and changes nothing."""

    def __call__(self, view, carry):
        assert view.mask
        return Change()


def operations(during: list[Any], steps: int = 5) -> Counter[str]:
    """The number of calls of each of torch's operations in some steps of a plain loop."""
    module = module_of()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    mask = half(module)
    attach(module, optimizer, mask, during=during, total_steps=20) if during else attach(module, optimizer, mask)
    for step in range(2):
        one_step(module, optimizer, step)
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        for step in range(2, 2 + steps):
            one_step(module, optimizer, step)
    return Counter({event.key: event.count for event in seen.key_averages()})


def one_step(module, optimizer, step):
    inputs, targets = batch(step)
    optimizer.zero_grad()
    cross_entropy(module(inputs), targets).backward()
    optimizer.step()


def test_an_attached_mask_is_neither_copied_nor_counted_at_each_step():
    plain, looked = operations([]), operations([Looks()])
    for operation in ("aten::bitwise_not", "aten::sum"):
        assert looked[operation] == plain[operation], operation
    moved = operations([RigL(every=4)])
    assert moved["aten::bitwise_not"] > plain["aten::bitwise_not"], "a mask that changes is"


def test_what_a_view_shows_is_the_mask_that_is_held_after_each_kind_of_change():
    module = module_of()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    held = attach(module, optimizer, half(module), during=[Looks()])
    first = held.shared
    one_step(module, optimizer, 0)
    assert held.shared is first
    held.change(half(module, seed=1))
    second = held.shared
    assert second is not first and all(torch.equal(second[name], kept) for name, kept in half(module, seed=1).items())
    module.to(memory_format=torch.channels_last)  # the mask follows the layout of its weights
    one_step(module, optimizer, 1)
    assert all(torch.equal(kept, held.mask[name]) for name, kept in held.shared.items())
    held.mask["0.weight"].fill_(True)
    assert torch.equal(held.mask["0.weight"], held.shared["0.weight"]), "held.mask is a copy"


def calls(work: Callable[[], object], *names: str) -> Counter[str]:
    """The number of calls of functions of these names."""
    counted: Counter[str] = Counter()

    def look(frame: Any, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_name in names:
            counted[frame.f_code.co_name] += 1

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted


def test_the_engine_s_loop_lists_state_and_optimizer_once_for_each_look():
    recipe = replace(RECIPE, during=(Looks(),), watch=(), pick=None)
    state = State(MODEL.initial(0, "init", "named"))
    mask = {name: torch.ones_like(state[name], dtype=torch.bool) for name in network(INIT.model.build()).prunable}

    def work() -> None:
        for _ in train(network(MODEL.build()), state, mask, loader(0), recipe):  # type: ignore[arg-type]
            pass

    steps, epochs, begin, first = 16, 4, 1, 1
    counted = calls(work, "flat", "detached")
    assert counted == {"flat": first + begin + steps + epochs, "detached": begin + steps + epochs}
