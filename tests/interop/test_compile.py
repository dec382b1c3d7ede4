"""torch.compile, torch.export and deepcopy before, while and after a mask is held."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn.functional import cross_entropy

import lotterylab as ll
from lotterylab import masks
from some_attached import all_positive_zero, batch, half, network

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


def train(forward, optimizer, steps):
    for step in range(steps):
        inputs, targets = batch(step)
        optimizer.zero_grad()
        cross_entropy(forward(inputs), targets).backward()
        optimizer.step()


@pytest.mark.parametrize("first", ["compile", "attach"])
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiled_before_or_after_attaching_it_gives_the_same_weights(backend, first):
    torch._dynamo.reset()
    plain, module = network(), network()
    mask = half(module)
    optimizers = [torch.optim.SGD(one.parameters(), lr=0.1, momentum=0.9) for one in (plain, module)]
    ll.attach(plain, optimizers[0], mask)
    if first == "compile":
        compiled = torch.compile(module, backend=backend)
        held = ll.attach(module, optimizers[1], mask)
    else:
        held = ll.attach(module, optimizers[1], mask)
        compiled = torch.compile(module, backend=backend)
    train(plain, optimizers[0], 6)
    train(compiled, optimizers[1], 6)
    held.verify()
    assert all_positive_zero(module, optimizers[1], mask)
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(module.state_dict()[name], value)


def test_afterwards_it_is_the_module_it_was():
    module = network()
    keys, kind, called = list(module.state_dict()), type(module), module.forward
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    mask = ll.prune(module, ll.criteria.Snip(), 0.8, batch=batch(0))
    held = ll.attach(module, optimizer, mask)
    train(module, optimizer, 5)
    held.detach()
    assert list(module.state_dict()) == keys and type(module) is kind and module.forward == called
    assert not any(parameter._post_accumulate_grad_hooks for parameter in module.parameters())
    assert not optimizer._optimizer_step_post_hooks

    inputs, _ = batch(9)
    module.eval()
    expected = module(inputs)
    twin = copy.deepcopy(module)
    torch.testing.assert_close(twin(inputs), expected, rtol=0, atol=0)
    exported = torch.export.export(module, (inputs,)).module()
    torch.testing.assert_close(exported(inputs), expected)
    torch._dynamo.reset()
    torch.testing.assert_close(torch.compile(module, backend="eager")(inputs), expected)
    assert masks.sparsity(mask) == pytest.approx(0.8, abs=0.01)


def test_a_copy_made_while_a_mask_is_held_trains_freely():
    module = network()
    optimizer, mask = torch.optim.SGD(module.parameters(), lr=0.1), half(module)
    ll.attach(module, optimizer, mask)
    twin = copy.deepcopy(module)
    train(twin, torch.optim.SGD(twin.parameters(), lr=0.1), 1)
    assert any(bool(twin.get_parameter(name)[~kept].any()) for name, kept in mask.items())
    assert all_positive_zero(module, optimizer, mask)
