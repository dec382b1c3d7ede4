"""Sharded parameters are refused by name, before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.distributed.nn.functional  # before a group stands; see test_ddp.py
from torch import distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard

import lotterylab as ll
from lotterylab.errors import UsageError

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"),
    pytest.mark.skipif(not distributed.is_gloo_available(), reason="the group of processes needs gloo"),
]


@pytest.fixture(autouse=True)
def one_process() -> Iterator[None]:
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))


NEEDS_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch's first FSDP needs an accelerator")


@pytest.mark.parametrize("form", ["fully_shard", pytest.param("FullyShardedDataParallel", marks=NEEDS_GPU)])
def test_a_sharded_module_is_refused_by_all_five_and_the_advice_holds(form):
    module = network()
    mask = ll.prune(module, ll.criteria.Magnitude(), 0.8)
    ll.apply(module, mask)  # as the error advises
    if form == "fully_shard":
        sharded = fully_shard(module, mesh=init_device_mesh("cpu", (1,)))
    else:
        sharded = FullyShardedDataParallel(module.cuda(), use_orig_params=True)
    optimizer = torch.optim.SGD(sharded.parameters(), lr=0.1, momentum=0.9)
    calls = {
        "prune": lambda: ll.prune(sharded, ll.criteria.Magnitude(), 0.5),
        "score": lambda: ll.score(sharded, ll.criteria.Snip(), batch=(torch.zeros(2, 8), torch.zeros(2).long())),
        "apply": lambda: ll.apply(sharded, mask),
        "attach": lambda: ll.attach(sharded, optimizer, mask),
        "effective_sparsity": lambda: ll.effective_sparsity(sharded, mask, (8,)),
    }
    for call in calls.values():
        with pytest.raises(UsageError, match=r"is a DTensor|is sharded by FullyShardedDataParallel"):
            call()
    assert not optimizer.state
