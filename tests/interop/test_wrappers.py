"""Public optimizers that wrap others or keep state in few bits: held, or refused by name."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import lotterylab as ll
from lotterylab.errors import LotteryError, UsageError

pytestmark = pytest.mark.filterwarnings(
    *("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
)


def network(hidden=16):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, hidden), nn.ReLU(), nn.Linear(hidden, 3))


def batch():
    draw = torch.Generator().manual_seed(1)
    return torch.randn(12, 8, generator=draw), torch.randint(3, (12,), generator=draw)


def step(net, optimizer, backward=torch.Tensor.backward):
    inputs, targets = batch()
    optimizer.zero_grad()
    backward(cross_entropy(net(inputs), targets))
    optimizer.step()


def count(net, mask, tensor_of=lambda parameter: parameter):
    """Pruned entries that are not 0."""
    return sum(int((tensor_of(net.get_parameter(name)).detach()[~kept] != 0).sum()) for name, kept in mask.items())


def fresh_accelerator(**options):
    """One that knows nothing of an earlier test: its state is global."""
    accelerate = pytest.importorskip("accelerate", reason="needs the extra: pip install 'lotterylab[huggingface]'")
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
    accelerate.state.GradientState._reset_state()
    return accelerate.Accelerator(cpu=True, **options)


@pytest.mark.parametrize("order", ["attach to the wrapper", "attach before it is wrapped"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_accelerate_s_optimizer_is_held(accumulate, order):
    accelerator = fresh_accelerator(gradient_accumulation_steps=accumulate)
    net = network()
    inner = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-2)
    step(net, inner)
    mask = ll.prune(net, ll.criteria.Magnitude(), 0.8)
    if order == "attach to the wrapper":
        prepared, optimizer = accelerator.prepare(net, inner)
        held = ll.attach(net, optimizer, mask)
    else:
        held = ll.attach(net, inner, mask)
        prepared, optimizer = accelerator.prepare(net, inner)
    for _ in range(5):
        with accelerator.accumulate(prepared):
            step(prepared, optimizer, accelerator.backward)
        held.verify()
    assert count(net, mask) == count(net, mask, lambda p: inner.state[p]["momentum_buffer"]) == 0
    with torch.no_grad():
        inner.state[net[0].weight]["momentum_buffer"].fill_(1.0)
    with pytest.raises(LotteryError, match=r"state \['momentum_buffer'\] of '0.weight'"):
        held.verify()


def test_a_schedule_of_accelerate_s_optimizer_may_be_held_in_a_user_s_loop(tmp_path):
    pytest.importorskip("accelerate", reason="needs the extra: pip install 'lotterylab[huggingface]'")
    found = ll.tickets(
        made, trained_by_accelerate, judged, steps=8, sparsities=[0.5], rewind_to=3, seeds=1, store=tmp_path
    )
    assert not found.failed and [alarm for alarm in found.alarms if alarm.severity == "fault"] == []


def made(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))


def trained_by_accelerate(module, run):
    accelerator = fresh_accelerator()
    sgd = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=8)
    optimizer = accelerator.prepare(sgd)
    with run.hold(optimizer, schedule):
        for number in run.steps:
            draw = torch.Generator().manual_seed(100 * run.seed + number)
            inputs = torch.randn(12, 8, generator=draw)
            optimizer.zero_grad()
            accelerator.backward(cross_entropy(module(inputs), (inputs[:, 0] > 0).long()))
            optimizer.step()
            schedule.step()


def judged(module):
    inputs = torch.randn(100, 8, generator=torch.Generator().manual_seed(9))
    return (module(inputs).argmax(1) == (inputs[:, 0] > 0)).double().mean()


@pytest.mark.parametrize("name", ["AdamW8bit", "AdamW4bit", "AdamWFp8"])
def test_torchao_s_low_bit_optimizers_are_held_or_refused(name, monkeypatch):
    optim = pytest.importorskip("torchao.optim", reason="needs torchao")
    monkeypatch.setattr(torch, "compile", lambda function=None, **_: function)  # its step compiles itself
    net = network(512)  # smaller weights have plain state
    optimizer = getattr(optim, name)(net.parameters(), lr=1e-2, weight_decay=0.1)
    for _ in range(3):
        step(net, optimizer)
    mask = ll.prune(net, ll.criteria.Magnitude(), 0.7)
    if name == "AdamW4bit":
        with pytest.raises(UsageError, match=r"state \['exp_avg_sq'\] of '0.weight' is a OptimState4bit, whose codes"):
            ll.attach(net, optimizer, mask)
        return
    held = ll.attach(net, optimizer, mask)
    for _ in range(3):
        step(net, optimizer)
        held.verify()
        assert count(net, mask) == count(net, mask, lambda p: optimizer.state[p]["exp_avg"].dequantize()) == 0
    assert type(optimizer.state[net[0].weight]["exp_avg"]) is not torch.Tensor


@pytest.mark.parametrize("bits", [8, 32])
def test_bitsandbytes_with_8_bits_is_refused_before_its_first_step(bits):
    bnb = pytest.importorskip("bitsandbytes", reason="needs bitsandbytes")
    net = network()
    optimizer = bnb.optim.AdamW(net.parameters(), lr=1e-2, optim_bits=bits)
    mask = ll.prune(net, ll.criteria.Magnitude(), 0.7)
    if bits == 8:
        with pytest.raises(UsageError, match=r"AdamW keeps its state in codes of 8 bits.*optim_bits=32"):
            ll.attach(net, optimizer, mask)
    else:
        held = ll.attach(net, optimizer, mask)
        step(net, optimizer)
        held.verify()


def test_wrappers_of_pytorch_optimizer_are_held():
    published = pytest.importorskip("pytorch_optimizer", reason="needs pytorch-optimizer")

    def looking_ahead(net):
        return published.Lookahead(torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9), k=2)

    def sharp(net):
        return published.SAM(net.parameters(), torch.optim.SGD, lr=0.1, momentum=0.9)

    for make in (looking_ahead, sharp, lambda net: published.ScheduleFreeSGD(net.parameters(), lr=0.1)):
        net = network()
        optimizer = make(net)
        inputs, targets = batch()

        def closure(net=net, inputs=inputs, targets=targets, optimizer=optimizer):
            optimizer.zero_grad()
            loss = cross_entropy(net(inputs), targets)
            loss.backward()
            return loss

        def one_step(optimizer=optimizer, closure=closure):
            closure()
            optimizer.step(closure) if isinstance(optimizer, published.SAM) else optimizer.step()

        for _ in range(3):
            one_step()
        mask = ll.prune(net, ll.criteria.Magnitude(), 0.7)
        held = ll.attach(net, optimizer, mask)
        for _ in range(5):
            one_step()
            held.verify()
            assert count(net, mask) == 0
