"""The kernel of convolutions agrees with torch's steps, stops and goes on, and holds masks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from lotterylab.data import Augment
from lotterylab.errors import UsageError
from lotterylab.kernels.build import library
from lotterylab.kernels.links import links_of
from lotterylab.models import ConvN, ImageNetResNet18, ResNet, ShallowCnn, Vgg
from lotterylab.models.base import ModelSpec
from lotterylab.models.shortcuts import SHORTCUTS
from lotterylab.network import network, state_of
from lotterylab.training.chain_step import ACTIVATIONS
from lotterylab.training.loop import train
from lotterylab.training.optim import Adam, Sgd
from lotterylab.training.slots import by_slot
from lotterylab.types import Mask, State
from some_chains import BETWEEN, by_kernel, chain, largest, needs_compiler
from some_trainings import RECIPE, InFloat64, bits, checkpoints, half, loader, normed

OPTIMIZERS = {
    "momentum and decay": RECIPE.optimizer,
    "adam": Adam(lr=0.01),
    "adamw": Adam(lr=0.01, weight_decay=0.1),
}


def odd(activation: str = "tanh", *, norm: bool = False, bias: bool | None = None) -> nn.Sequential:
    """Rows that are no multiple of a strip, an odd size under a pooling, pooling on both sides of an activation."""
    torch.manual_seed(1)
    act = BETWEEN[activation]
    bias = not norm if bias is None else bias
    layers: list[nn.Module] = [nn.Conv2d(1, 5, 3, padding=2, bias=bias)]
    layers += [nn.BatchNorm2d(5, eps=0.02, momentum=0.3)] if norm else []
    layers += [act(), nn.MaxPool2d(2), nn.Conv2d(5, 7, 2, padding=1, bias=bias)]
    layers += [nn.BatchNorm2d(7)] if norm else []
    layers += [nn.MaxPool2d(2), act(), nn.Conv2d(7, 4, 1, bias=bias), nn.Conv2d(4, 3, 3, padding=1)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(27, 6), act(), nn.Linear(6, 10))


def strided(*, norm: bool = False, kernel: int = 3, pad: int = 1, channels: int = 9, stride: int = 2) -> nn.Sequential:
    """Convolutions with strides, and the mean of each channel at the end."""
    torch.manual_seed(1)
    layers: list[nn.Module] = [nn.Conv2d(1, channels, kernel, stride, padding=pad, bias=not norm)]
    layers += [nn.BatchNorm2d(channels)] if norm else []
    layers += [nn.Tanh(), nn.Conv2d(channels, 8, kernel, padding=kernel - 1), nn.Tanh()]
    layers += [nn.Conv2d(8, 7, kernel, stride, padding=pad, bias=not norm), *([nn.BatchNorm2d(7)] if norm else [])]
    layers += [nn.Tanh(), nn.Conv2d(7, 4, 1, stride), nn.AdaptiveAvgPool2d(1)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4, 10))


def agree(module: nn.Module, recipe: Any, mask: Mask | None, bound: float = 1e-12) -> None:
    module = module.double()
    torch_ = checkpoints(module, recipe, mask, kind=InFloat64)
    kernel = by_kernel(module, recipe, mask, real="double", kind=InFloat64)
    for one, other in zip(torch_, kernel, strict=True):
        assert one.step == other.step and largest(one, other) < bound
        for name in ("train_accuracy", "validation_accuracy", "best_epoch"):
            assert one.metrics[name] == other.metrics[name]
        assert one.metrics["train_loss"] == pytest.approx(other.metrics["train_loss"], abs=1e-5)


# agreement with torch, images augmented, the last batch of an epoch smaller than the others


@needs_compiler
@pytest.mark.parametrize("keep", [1.0, 0.7, 0.3, 0.02])
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_nine_steps_agree_with_torch_in_float64(optimizer: Any, norm: bool, keep: float) -> None:
    module = odd(norm=norm)
    agree(module, replace(RECIPE, optimizer=optimizer), None if keep == 1 else half(module, keep))


@needs_compiler
def test_a_bias_under_a_norm_agrees_with_torch() -> None:
    # not with Adam, which makes whole steps of its gradient, rounding alone
    agree(odd(norm=True, bias=True), RECIPE, None)


@needs_compiler
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("batch_size", [1, 9, 34])
def test_any_activation_and_batch_agrees_with_torch(activation: str, batch_size: int) -> None:
    for module in (odd(activation), odd(activation, bias=False, norm=True)):
        for mask in (None, half(module, 0.2)):
            agree(module, replace(RECIPE, batch_size=batch_size, epochs=1), mask)


@needs_compiler
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_strides_and_means_agree_with_torch(kernel: int, norm: bool) -> None:
    for pad in range(kernel):
        for channels, stride in ((3, 2), (9, 2), (8, 1)):
            if stride == 1 and kernel == 4 and pad == 0:
                continue  # no image is left
            module = strided(norm=norm, kernel=kernel, pad=pad, channels=channels, stride=stride)
            for keep in (1.0, 0.6, 0.2):
                agree(module, replace(RECIPE, epochs=1, batch_size=17), half(module, keep), 1e-10)


MODELS: dict[str, ModelSpec] = {
    "shallow CNN": ShallowCnn(shape=(1, 8, 8), widths=(4, 5, 6)),
    "with norms": ShallowCnn(activation="relu", shape=(1, 8, 8), widths=(4, 5, 6), batch_norm=True),
    "Conv-2": ConvN(depth=2, shape=(1, 8, 8), width=0.1),
    "VGG-11": Vgg(depth=11, shape=(1, 8, 8), width=0.1),
    **{
        f"ResNet-{depth}, {shortcut}, width {width}": ResNet(
            depth=depth, shape=(1, 8, 8), width=width, shortcut=shortcut, activation=activation
        )
        for depth, width, activation in ((8, 0.25, "tanh"), (8, 0.75, "sigmoid"), (20, 0.2, "relu"))
        for shortcut in SHORTCUTS
    },
    "ResNet-18": ImageNetResNet18(shape=(1, 8, 8), width=0.1),
}


@needs_compiler
@pytest.mark.parametrize("spec", MODELS.values(), ids=MODELS)
def test_the_networks_of_the_package_agree_with_torch(spec: ModelSpec) -> None:
    module = spec.build()
    module.load_state_dict(spec.initial(1, "init", "named"))
    for mask in (None, half(module, 0.3)):
        # many norms, of few points each at the end, magnify rounding
        deep = isinstance(spec, Vgg | ResNet | ImageNetResNet18)
        agree(module, replace(RECIPE, batch_size=17), mask, 1e-7 if deep else 1e-12)


@needs_compiler
def test_in_float32_it_agrees_with_torch_as_far_as_rounding_goes() -> None:
    for activation in ACTIVATIONS:
        module, mask = odd(activation), half(odd(activation), 0.3)
        (*_, one) = checkpoints(module, RECIPE, mask)
        (*_, other) = by_kernel(module, RECIPE, mask)
        assert largest(one, other) < 2e-6


@needs_compiler
def test_a_loss_that_is_not_finite_ends_the_training_in_the_same_epoch() -> None:
    for norm in (False, True):
        module, recipe = odd("relu", norm=norm), replace(RECIPE, optimizer=Sgd(lr=1e30))
        (*_, one) = checkpoints(module, recipe)
        (*_, other) = by_kernel(module, recipe, None)
        assert one.metrics.get("diverged_epoch") == other.metrics.get("diverged_epoch")


@needs_compiler
def test_a_channel_without_a_weight_learns_its_bias_alone() -> None:
    module = odd()
    mask = half(module)
    mask["0.weight"][2] = False
    mask["3.weight"][:, 1] = False
    agree(module, RECIPE, mask)
    (*_, last) = by_kernel(module, RECIPE, mask)
    assert not bool(last.state["0.weight"][2].any()) and last.state["0.bias"][2] != module[0].bias[2]


@needs_compiler
def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(UsageError, match=r"reads 160 values; on images of shape \(1, 8, 8\) the convolutions give 40"):
        by_kernel(nn.Sequential(nn.Conv2d(1, 10, 7), nn.Flatten(), nn.Linear(160, 10)), RECIPE, None)


VECTORS = {"adam with decay": Adam(lr=0.01, weight_decay=0.1), "momentum and decay": RECIPE.optimizer}


@needs_compiler
@pytest.mark.parametrize("optimizer", VECTORS.values(), ids=VECTORS)
def test_entries_of_biases_scales_and_shifts_that_a_mask_removes_are_held(optimizer: Any) -> None:
    for module in (odd(norm=True), odd(), chain()):
        recipe = replace(RECIPE, optimizer=optimizer, augment=Augment())
        draw, mask = torch.Generator().manual_seed(4), half(module, 0.5)
        vectors = {name: one for name, one in module.named_parameters() if one.dim() == 1}
        mask |= {name: torch.rand(one.shape, generator=draw) < 0.6 for name, one in vectors.items()}
        (*_, last) = by_kernel(module, recipe, mask)
        for name in vectors:
            for tensors in (last.state, *by_slot(last.optimizer).values()):
                assert not bool(tensors[name][~mask[name]].view(torch.int32).any())
            assert bool((last.state[name][mask[name]] != vectors[name][mask[name]]).any())
        agree(module, recipe, mask)


# bits


@needs_compiler
@pytest.mark.parametrize("keep", [1.0, 0.2])
@pytest.mark.parametrize("norm", [False, True])
def test_stopping_at_any_step_and_going_on_is_straight_through_to_the_bit(norm: bool, keep: float) -> None:
    module, recipe = odd(norm=norm), replace(RECIPE, optimizer=Adam(lr=0.01))
    mask = half(module, keep)
    straight = by_kernel(module, recipe, mask)[-1]
    for step in range(1, 9):
        stopped = by_kernel(module, recipe, mask, until=step)[-1]
        assert stopped.step == step
        rest = by_kernel(module, recipe, mask, resume=stopped)[-1]
        assert bits(rest) == bits(straight)
        for name in ("train_accuracy", "train_loss", "validation_accuracy", "best_epoch"):
            assert rest.metrics[name] == straight.metrics[name]


@needs_compiler
def test_evaluating_by_steps_changes_no_bit() -> None:
    module = odd(norm=True)
    mask, by_steps = half(module), replace(RECIPE, watch_every=2)
    one, other = by_kernel(module, RECIPE, mask)[-1], by_kernel(module, by_steps, mask)[-1]
    assert all(torch.equal(one.state[name], other.state[name]) for name in one.state)
    assert other.metrics["watched_steps"] == [2, 4, 6, 8, 9]


@needs_compiler
@pytest.mark.parametrize("keep", [0.7, 0.1])
def test_pruned_weights_and_their_optimizer_state_are_positive_zero(keep: float) -> None:
    module = odd(norm=True)
    mask = half(module, keep)
    for one in by_kernel(module, replace(RECIPE, optimizer=Adam(lr=0.01, weight_decay=0.1)), mask):
        for tensors in (one.state, *one.kept.values(), *by_slot(one.optimizer).values()):
            for name, kept in mask.items():
                assert not bool(tensors[name][~kept].view(torch.int32).any())
                assert bool((tensors[name][kept] != 0).any())


@needs_compiler
def test_it_evaluates_as_torch_does() -> None:
    from lotterylab.training.kernel_during import stepper
    from lotterylab.training.loop import first
    from lotterylab.training.watch import evaluate

    for module in (odd(), normed()):
        recipe, net, batches = replace(RECIPE, batch_size=3), network(module), loader()
        links, kernel = links_of(module), library()
        assert links and kernel
        (*_, last) = train(net, state_of(module), None, batches, recipe)
        begin = replace(first(net, state_of(module), None, recipe), state=State(dict(last.state)))
        score = stepper(kernel, links, recipe, begin, Mask({}), batches, net).score("test")
        expected = evaluate(net, last.state, batches, "test")
        assert (score.accuracy, score.exact) == (expected.accuracy, expected.exact)
        assert score.loss == pytest.approx(expected.loss, rel=1e-6)
