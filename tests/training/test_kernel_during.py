"""Interventions in trainings by the kernels: they see and change what they do in torch's."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from torch import nn

from lotterylab import rng
from lotterylab.data import Augment
from lotterylab.gates import ALL as GATES
from lotterylab.interventions import ALL, DeepR, Dsr, EarlyBird, Gradual, RandomOut, ReDo, RigL, Set, TopK
from lotterylab.kernels.links import links_of
from lotterylab.network import state_of
from lotterylab.training.chain_step import fits
from lotterylab.training.losses import CrossEntropy, LabelSmoothing, ScalesL1
from lotterylab.training.optim import Adam
from lotterylab.types import Batch, Checkpoint, Mask, State
from lotterylab.views import Change, View
from some_chains import by_kernel, chain, largest, needs_compiler
from some_trainings import RECIPE, InFloat64, bits, checkpoints, half
from training.test_conv_step import odd

pytestmark = needs_compiler
ACTIVE: dict[str, Any] = {  # settings at which each one acts in a run of 9 steps, 3 an epoch
    "random-out": RandomOut(threshold=0.9, rule="median", reset_optimizer=True),
    "early-bird": EarlyBird(sparsity=0.5, masks=2, distance=0.3),
    "gradual": Gradual(sparsity=0.8, begin_step=1, end_step=7, every=3),
    "set": Set(every=2, fraction=0.4),
    "rigl": RigL(every=2, fraction=0.4),
    "dsr": Dsr(every=2, fraction=0.2, threshold=0.02),
    "deep-r": DeepR(alpha=0.02, temperature=1e-5),
    "top-k": TopK(sparsity=0.8, begin_step=2, end_step=7),
    "redo": ReDo(threshold=0.7, every=2),
}
NAMES = pytest.mark.parametrize("name", ACTIVE)
FLAT = pytest.mark.parametrize("name", ["gradual", "set", "rigl", "dsr", "deep-r", "top-k"])  # without filters


class Untied(InFloat64):
    """Batches without equal points, so that rounding does not decide which point of a pooling is the largest."""

    def batch(self, draws: Any) -> Batch:
        found = super().batch(draws)
        assert isinstance(found.inputs, torch.Tensor)
        place = torch.arange(found.inputs[0].numel(), dtype=torch.float64)
        return replace(found, inputs=found.inputs + 0.1 * place.sin().view(found.inputs.shape[1:]))


def drawn(module: nn.Module) -> Any:
    """The initial state drawn anew, by the names that it is given."""

    def fresh(*names: object) -> State:
        generator, state = rng.stream(0, *names), state_of(module)
        return State({name: torch.from_numpy(generator.normal(size=t.shape)).to(t.dtype) for name, t in state.items()})

    return fresh


def trained(module: nn.Module, intervention: Any, mask: Mask | None, *, kernel: bool, **options: Any) -> Any:
    recipe = replace(RECIPE, optimizer=Adam(lr=0.01, weight_decay=1e-3), during=(intervention,))
    if isinstance(module[0], nn.Flatten):
        recipe = replace(recipe, augment=Augment())
    if kernel:
        return by_kernel(module, recipe, mask, fresh=drawn(module), **options)
    return checkpoints(module, recipe, mask, fresh=drawn(module), **options)


def same(one: Checkpoint, other: Checkpoint, bound: float) -> None:
    """The same steps, events, masks and carries, and numbers as close as rounding allows."""
    assert one.step == other.step and largest(one, other) < bound
    assert one.metrics.get("events") == other.metrics.get("events")
    assert one.masks.keys() == other.masks.keys() and one.carry.keys() == other.carry.keys()
    for label, mask in one.masks.items():
        assert all(torch.equal(kept, other.masks[label][name]) for name, kept in mask.items())
    for name, carried in one.carry.items():
        assert torch.allclose(carried.double(), other.carry[name].double(), rtol=0, atol=bound), name


def goes_on(module: nn.Module, intervention: Any, mask: Mask | None) -> None:
    """Stopped at any step and resumed, the training ends with the same bits as straight through."""
    straight = trained(module, intervention, mask, kernel=True)[-1]
    for step in range(1, straight.step):
        stopped = trained(module, intervention, mask, kernel=True, until=step)[-1]
        rest = trained(module, intervention, mask, kernel=True, resume=stopped)[-1]
        assert bits(rest) == bits(straight)
        same(rest, straight, 1e-12)


def test_every_intervention_has_settings() -> None:
    assert ACTIVE.keys() == ALL.keys()


@NAMES
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("keep", [1.0, 0.5, 0.2])
def test_it_sees_and_changes_what_it_does_in_torch(name: str, norm: bool, keep: float) -> None:
    fits_mask = keep == 1 if name == "gradual" else keep < 1 or not ALL[name].needs_sparse
    if (name == "early-bird" and not norm) or not fits_mask:
        pytest.skip("it refuses such a network or mask")
    module = odd(norm=norm).double()
    mask = half(module, keep)
    torch_ = trained(module, ACTIVE[name], mask, kernel=False, kind=Untied)
    kernel = trained(module, ACTIVE[name], mask, kernel=True, real="double", kind=Untied)
    for one, other in zip(torch_, kernel, strict=True):
        same(one, other, 1e-11)


@FLAT
@pytest.mark.parametrize("keep", [1.0, 0.5, 0.2])
def test_it_does_so_in_linear_layers(name: str, keep: float) -> None:
    if keep < 1 if name == "gradual" else keep == 1 and ALL[name].needs_sparse:
        pytest.skip("it refuses such a mask")
    module = chain().double()
    mask = half(module, keep)
    torch_ = trained(module, ACTIVE[name], mask, kernel=False, kind=InFloat64)
    kernel = trained(module, ACTIVE[name], mask, kernel=True, real="double", kind=InFloat64)
    for one, other in zip(torch_, kernel, strict=True):
        same(one, other, 1e-11)


@FLAT
def test_linear_layers_stop_and_go_on_to_the_bit(name: str) -> None:
    module = chain()
    mask = half(module, 1.0 if name == "gradual" else 0.3)
    goes_on(module, ACTIVE[name], mask)


def test_to_be_looked_at_changes_no_bit_and_no_curve() -> None:
    recipe = replace(RECIPE, augment=Augment())
    for module in (chain(), odd(norm=True)):
        mask = half(module, 0.3)
        plain, seen = by_kernel(module, recipe, mask), by_kernel(module, replace(recipe, during=(Looking(),)), mask)
        for one, other in zip(plain, seen, strict=True):
            assert bits(one) == bits(other)
            for name, number in one.metrics.items():
                assert other.metrics[name] == number, name


@NAMES
def test_stopping_at_any_step_and_going_on_is_straight_through_to_the_bit(name: str) -> None:
    module = odd(norm=True)
    mask = half(module, 1.0 if name == "gradual" else 0.5)
    goes_on(module, ACTIVE[name], mask)


@NAMES
def test_pruned_weights_and_their_optimizer_state_are_positive_zero(name: str) -> None:
    module = odd(norm=True)
    mask = half(module, 1.0 if name == "gradual" else 0.2)
    for one in trained(module, ACTIVE[name], mask, kernel=True):
        slots = {key: tensor for key, tensor in one.optimizer.items() if "/" in key}
        for weight, kept in one.masks.get("", mask).items():
            for tensor in (one.state[weight], *(t for key, t in slots.items() if key.endswith(f"/{weight}"))):
                assert not bool(tensor[~kept].view(torch.int32).any())


@pytest.mark.parametrize("kernel", [False, True])
def test_one_that_acts_seldom_says_at_which_steps(kernel: bool) -> None:
    seldom = {name for name, each in ACTIVE.items() if not all(each.acts_at(step, 3) for step in range(1, 10))}
    assert seldom == {"early-bird", "gradual", "set", "rigl", "dsr", "redo"}
    module = odd(norm=True)
    for name in seldom:
        seen: list[int] = []

        def remembered(self: Any, view: View, carry: Any, seen: list[int] = seen) -> Change:
            seen.append(view.step)
            return type(self).__mro__[1].__call__(self, view, carry)

        kind = type(ACTIVE[name])
        watched = type(kind.__name__, (kind,), {"__call__": remembered})
        given = {field.name: getattr(ACTIVE[name], field.name) for field in fields(ACTIVE[name])}
        mask = half(module, 1.0 if name == "gradual" else 0.5)
        last = trained(module, watched(**given), mask, kernel=kernel)[-1]
        assert seen == [step for step in range(1, last.step + 1) if ACTIVE[name].acts_at(step, 3)]
        assert int(last.carry["density/steps"]) == last.step


def copied(tensors: Any) -> dict[str, Any]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


class Looking:
    """It remembers what it was shown, and changes nothing."""

    keeps = ()

    def __init__(self) -> None:
        self.views: list[View] = []

    def begin(self, view: View) -> dict[str, Any]:
        return {}

    def __call__(self, view: View, carry: Any) -> Change:
        parts = {part: copied(getattr(view, part)) for part in ("gradients", "state", "optimizer")}
        self.views.append(replace(view, **parts))
        return Change()

    def summary(self, carry: Any) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize("loss", [CrossEntropy(), ScalesL1(weight=0.01)])
def test_gradients_have_pruned_entries_and_the_penalty_of_the_loss(loss: Any) -> None:
    module = odd(norm=True).double()
    seen = []
    for kernel in (False, True):
        look = Looking()
        trained_ = by_kernel if kernel else checkpoints
        options: Any = {"real": "double"} if kernel else {}
        recipe = replace(RECIPE, during=(look,), loss=loss)
        (*_, last) = trained_(module, recipe, half(module, 0.2), kind=InFloat64, **options)
        seen.append((look.views, last.metrics["train_loss"]))
    (one, losses), (other, other_losses) = seen
    assert losses == pytest.approx(other_losses, abs=1e-6)
    for a, b in zip(one, other, strict=True):
        assert a.step == b.step and a.gradients.keys() == b.gradients.keys() and a.state.keys() == b.state.keys()
        for name, gradient in a.gradients.items():
            assert float((gradient - b.gradients[name]).abs().max()) < 1e-12
        for name, tensor in {**a.state, **a.optimizer}.items():
            assert float((tensor - {**b.state, **b.optimizer}[name]).abs().max()) < 1e-12


def test_the_penalty_of_a_scale_at_zero_has_no_slope() -> None:
    module = odd(norm=True).double()
    assert isinstance(module[1], nn.BatchNorm2d)
    nn.init.zeros_(module[1].weight)
    look = Looking()
    recipe = replace(RECIPE, epochs=1, during=(look,), loss=ScalesL1(weight=1e3))
    by_kernel(module, recipe, None, real="double", kind=InFloat64)
    assert look.views[0].gradients["1.weight"].abs().max() < 100 < look.views[0].gradients["5.weight"].abs().min()


def test_which_trainings_the_kernel_makes() -> None:
    plain, norms = (links_of(odd(norm=norm)) for norm in (False, True))
    flat, still = links_of(chain()), type(RECIPE.augment)()
    assert plain and norms and flat
    during, scales = replace(RECIPE, during=(RandomOut(),)), replace(RECIPE, loss=ScalesL1())
    assert fits(during, plain, frozen=False) and fits(scales, norms, frozen=False)
    assert not fits(scales, plain, frozen=False)  # refused by the loss
    assert not fits(replace(RECIPE, loss=ScalesL1(loss=LabelSmoothing())), norms, frozen=False)
    assert fits(replace(during, augment=still), flat, frozen=False) and not fits(during, flat, frozen=False)
    assert not fits(replace(RECIPE, gate=GATES["supermask"](), pick=None, watch=()), plain, frozen=False)
