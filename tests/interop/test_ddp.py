"""DistributedDataParallel on gloo, two processes: one mask, held on both, and the numbers of one process."""

from __future__ import annotations

import socket
import time
from datetime import timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
import torch

# Its functions keep the group that stands when it is first imported, which making an optimizer does. Imported here it
# keeps none; otherwise a destroyed group lives on, with threads that now and then abort the interpreter as it ends.
import torch.distributed.nn.functional
from torch import distributed, multiprocessing, nn
from torch.nn.functional import cross_entropy

import lotterylab as ll
from lotterylab import masks
from lotterylab.errors import UsageError

WORLD, STEPS, SECONDS = 2, 6, 120


def module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5))


def whole_batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(step)
    return torch.randn(8, 1, 6, 6, generator=draw), torch.randint(5, (8,), generator=draw)


def sgd(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-2)


def rank_of_two(rank: int, port: int, out: str, job: str, both: Barrier) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo",
        init_method=f"tcp://127.0.0.1:{port}",
        rank=rank,
        world_size=WORLD,
        timeout=timedelta(seconds=SECONDS),
    )
    try:
        JOBS[job](rank, Path(out))
        both.wait(SECONDS)  # who leaves first closes what the other may still read
    finally:
        distributed.destroy_process_group()


def trains(rank: int, out: Path) -> None:
    net = module()
    mask = ll.prune(net, ll.criteria.Snip(), 0.7, batch=whole_batch(99))
    parallel = nn.parallel.DistributedDataParallel(net)
    optimizer = sgd(net)
    held = ll.attach(net, optimizer, mask)
    norms = []
    for step in range(STEPS):
        inputs, targets = (part.chunk(WORLD)[rank] for part in whole_batch(step))
        optimizer.zero_grad()
        cross_entropy(parallel(inputs), targets).backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)))
        optimizer.step()
        held.verify()
    torch.save({"state": net.state_dict(), "mask": mask, "norms": norms}, out / f"{rank}.pt")


def disagrees(rank: int, out: Path) -> None:
    net = module()
    mask = ll.prune(net, ll.criteria.Random(), 0.5, seed=rank)
    try:
        ll.attach(net, sgd(net), mask)
    except UsageError as error:
        (out / f"{rank}.txt").write_text(str(error))


def loads_another(rank: int, out: Path) -> None:
    net = module()
    held = ll.attach(net, sgd(net), ll.prune(net, ll.criteria.Random(), 0.5, seed=0))
    try:
        held.load_state_dict(ll.prune(net, ll.criteria.Random(), 0.5, seed=rank))
    except UsageError as error:
        (out / f"{rank}.txt").write_text(str(error))


def freezes_others(rank: int, out: Path) -> None:
    net = module()
    frozen = {name: torch.full_like(parameter, float(rank)) for name, parameter in net.named_parameters()}
    try:
        ll.attach(net, sgd(net), ll.prune(net, ll.criteria.Random(), 0.5, seed=0), frozen=frozen)
    except UsageError as error:
        (out / f"{rank}.txt").write_text(str(error))


def shards(rank: int, out: Path) -> None:
    """Momentum lives on one of the ranks, inside ZeroRedundancyOptimizer, which was trained before the mask came."""
    from torch.distributed.optim import ZeroRedundancyOptimizer

    net = module()
    parallel = nn.parallel.DistributedDataParallel(net)
    optimizer = ZeroRedundancyOptimizer(net.parameters(), torch.optim.SGD, lr=0.1, momentum=0.9, weight_decay=1e-2)
    for step in range(STEPS):
        inputs, targets = (part.chunk(WORLD)[rank] for part in whole_batch(step))
        optimizer.zero_grad()
        cross_entropy(parallel(inputs), targets).backward()
        optimizer.step()
        if step == 2:
            optimizer.consolidate_state_dict(0)  # copies for a checkpoint, which nothing reads back
            mask = ll.prune(net, ll.criteria.Magnitude(), 0.7)
            held = ll.attach(net, optimizer, mask)
        if step >= 2:
            held.verify()
            state = optimizer.optim.state
            for name, kept in mask.items():
                tensors = [net.get_parameter(name), *state.get(net.get_parameter(name), {}).values()]
                assert not any(bool(tensor[~kept].any()) for tensor in tensors if tensor is not None)
    torch.save({"state": net.state_dict(), "mask": mask}, out / f"{rank}.pt")


def steps_in_the_backward_pass(rank: int, out: Path) -> None:
    from torch.distributed.optim import ZeroRedundancyOptimizer

    net = module()
    optimizer = ZeroRedundancyOptimizer(net.parameters(), torch.optim.SGD, overlap_with_ddp=True, lr=0.1)
    try:
        ll.attach(net, optimizer, ll.prune(net, ll.criteria.Magnitude(), 0.5))
    except UsageError as error:
        (out / f"{rank}.txt").write_text(str(error))


JOBS = {
    "shards": shards,
    "steps in the backward pass": steps_in_the_backward_pass,
    "trains": trains,
    "disagrees": disagrees,
    "loads another": loads_another,
    "freezes others": freezes_others,
}


def spawn(job: str, out: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    both = multiprocessing.get_context("spawn").Barrier(WORLD)
    context = multiprocessing.spawn(rank_of_two, args=(port, str(out), job, both), nprocs=WORLD, join=False)
    assert context is not None
    try:
        ends = time.monotonic() + SECONDS
        while not context.join(timeout=1):  # False, too, when one of them has ended
            assert time.monotonic() < ends, f"two processes took more than {SECONDS} s"
    finally:
        for process in context.processes:
            process.kill()


def test_both_ranks_hold_the_mask_and_give_what_one_process_gives(tmp_path):
    spawn("trains", tmp_path)
    found = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(WORLD)]
    assert masks.digest(found[0]["mask"]) == masks.digest(found[1]["mask"])
    assert masks.digest(found[0]["state"]) == masks.digest(found[1]["state"])

    net = module()
    mask = ll.prune(net, ll.criteria.Snip(), 0.7, batch=whole_batch(99))
    optimizer = sgd(net)
    ll.attach(net, optimizer, mask)
    norms = []
    for step in range(STEPS):
        inputs, targets = whole_batch(step)
        optimizer.zero_grad()
        cross_entropy(net(inputs), targets).backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)))
        optimizer.step()
    for name, value in net.state_dict().items():
        torch.testing.assert_close(found[0]["state"][name], value, rtol=1e-4, atol=1e-5)
    assert found[0]["norms"] == pytest.approx(norms, rel=1e-4), "the norm is that of what is kept"


@pytest.mark.parametrize(
    ("job", "what"), [("disagrees", "masks"), ("loads another", "masks"), ("freezes others", "frozen values")]
)
def test_ranks_with_different_masks_or_values_are_refused_on_every_rank(job, what, tmp_path):
    spawn(job, tmp_path)
    for rank in range(WORLD):
        assert f"the ranks have different {what}" in (tmp_path / f"{rank}.txt").read_text()


def test_a_mask_is_held_where_each_rank_keeps_the_momentum_of_some_weights(tmp_path):
    spawn("shards", tmp_path)
    found = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(WORLD)]
    assert masks.digest(found[0]["mask"]) == masks.digest(found[1]["mask"])
    assert masks.digest(found[0]["state"]) == masks.digest(found[1]["state"])
    assert not any(bool(found[0]["state"][name][~kept].any()) for name, kept in found[0]["mask"].items())


def test_steps_inside_the_backward_pass_are_refused(tmp_path):
    spawn("steps in the backward pass", tmp_path)
    for rank in range(WORLD):
        text = (tmp_path / f"{rank}.txt").read_text()
        assert "ZeroRedundancyOptimizer with overlap_with_ddp=True" in text and "overlap_with_ddp=False" in text
