"""The same interventions in a plain loop of torch: the same bits as the engine, and exact resumption."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from lotterylab import attach, masks
from lotterylab.criteria import Random
from lotterylab.data.loader import Loader
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.interventions import DeepR, Dsr, EarlyBird, Gradual, RandomOut, ReDo, RigL, Set, TopK
from lotterylab.models import Vgg
from lotterylab.plan.nodes import Init, Prune, Train
from lotterylab.training.optim import Sgd
from lotterylab.training.schedules import Constant
from some_plans import DATA, RECIPE, SPEC, compute

MODEL = Vgg(depth=11, width=0.05, shape=(1, 8, 8))
SGD = {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-3}
CASES: dict[str, Any] = {
    "random-out": RandomOut(threshold=0.9, rule="median", reset_optimizer=True),
    "rigl": RigL(every=3, fraction=0.4),
    "set": Set(every=3, fraction=0.4),
    "gradual": Gradual(sparsity=0.9, begin_step=2, end_step=12, every=5),
    "early-bird": EarlyBird(sparsity=0.5, masks=2, distance=0.3, stop=False),
    "dsr": Dsr(every=3, fraction=0.2, threshold=0.02),
    "deep-r": DeepR(alpha=0.02, temperature=1e-5),
    "top-k": TopK(sparsity=0.8, begin_step=2, end_step=9, per_unit=2),
}


def loader() -> Loader:
    return Loader(SPEC.load(None), augment=RECIPE.augment, stream=RECIPE.stream, seed=0, batch_size=RECIPE.batch_size)


def fresh(*names: object):
    return MODEL.initial(0, " ".join(map(str, names)), "named")


def beginning():
    module = MODEL.build()
    module.load_state_dict(MODEL.initial(0, "init", "named"), strict=False)
    return module, torch.optim.SGD(module.parameters(), fused=True, **SGD)


def held_by(module, optimizer, mask, intervention):
    return attach(
        module, optimizer, mask, during=[intervention], seed=0, steps_per_epoch=4, total_steps=16, fresh=fresh
    )


def train(module, optimizer, held, steps: range) -> None:
    """A plain loop."""
    batches = [batch for epoch in range(4) for batch in loader().batches(epoch)]
    module.train()
    for step in steps:
        optimizer.zero_grad()
        loss = cross_entropy(module(batches[step].inputs), batches[step].targets)
        loss.backward()
        optimizer.step()
        held.verify()


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize("name", CASES)
def test_a_plain_loop_gives_the_hashes_of_the_engine(name, store):
    start = Init(model=MODEL, seed=0)
    mask_node = Prune(criterion=Random(), of=start, sparsity=0.5, seed=0, scope="erk")
    plain = replace(RECIPE, optimizer=Sgd(**SGD), schedule=Constant(), watch=(), pick=None)
    recipe = replace(plain, during=(CASES[name],))
    run = Train(start=start, mask=mask_node, data=DATA, recipe=recipe, order_seed=0)
    compute([run], store, fast=False)
    blobs = store.record(run.digest).blobs
    mask = store.get(store.record(mask_node.digest).blobs["mask"])
    module, optimizer = beginning()
    held = held_by(module, optimizer, mask, CASES[name])
    train(module, optimizer, held, range(16))
    final = store.get(blobs["final"])
    for tensor_name, tensor in module.state_dict().items():
        if tensor_name in final:
            assert torch.equal(tensor, final[tensor_name]), tensor_name
    if "mask" in blobs:
        assert masks.digest(held.mask) == masks.digest(store.get(blobs["mask"]))
    for point, state in held.kept.items():
        assert all(
            torch.equal(state[name], tensor) for name, tensor in store.get(blobs[point]).items() if name in state
        )
    for point, found in held.found.items():
        assert masks.digest(found) == masks.digest(store.get(blobs[f"mask:{point}"]))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("stop", [1, 6, 11])
def test_it_goes_on_from_its_state_dicts_with_the_same_bits(name, stop, tmp_path):
    start = MODEL.initial(0, "init", "named")
    mask = {key: torch.rand(start[key].shape, generator=torch.Generator().manual_seed(1)) < 0.5 for key in _prunable()}
    module, optimizer = beginning()
    held = held_by(module, optimizer, mask, CASES[name])
    train(module, optimizer, held, range(stop))
    file = tmp_path / "checkpoint.pt"
    torch.save({"module": module.state_dict(), "optimizer": optimizer.state_dict(), "held": held.state_dict()}, file)
    train(module, optimizer, held, range(stop, 16))

    loaded = torch.load(file)
    other, its_optimizer = beginning()
    again = held_by(other, its_optimizer, mask, CASES[name])
    other.load_state_dict(loaded["module"])
    its_optimizer.load_state_dict(loaded["optimizer"])
    again.load_state_dict(loaded["held"])
    train(other, its_optimizer, again, range(stop, 16))
    assert all(torch.equal(tensor, other.state_dict()[key]) for key, tensor in module.state_dict().items())
    assert masks.digest(held.mask) == masks.digest(again.mask)
    assert held.state_dict().keys() == again.state_dict().keys()
    assert all(torch.equal(tensor, again.state_dict()[key]) for key, tensor in held.state_dict().items())


def _prunable():
    from lotterylab.weights import prunable_names

    return prunable_names(MODEL.build())


def test_the_held_mask_can_be_changed_by_hand():
    module = torch.nn.Linear(3, 1, bias=False)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    held = attach(module, optimizer, {"weight": torch.tensor([[True, True, False]])})
    held.change({"weight": torch.tensor([[False, True, True]])})
    module(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    held.verify()
    assert module.weight[0, 0] == 0 and module.weight[0, 2] != 0
    with pytest.raises(UsageError, match="differ in"):
        held.change({"bias": torch.tensor([True])})


def test_weights_are_drawn_anew_by_the_layers_own_rule_where_nothing_else_is_given():
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(16, 2))
    with torch.no_grad():
        module[0].bias[1] = -1e3
    before = torch.get_rng_state()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.0)
    old = module[0].weight.detach().clone()
    held = attach(
        module, optimizer, {"0.weight": torch.ones(4, 1, 3, 3, dtype=torch.bool)}, during=[RandomOut(rule="dead")]
    )
    module(torch.randn(64, 1, 4, 4, generator=torch.Generator().manual_seed(0))).sum().backward()
    optimizer.step()
    changed = (module[0].weight != old).flatten(1).any(1)
    assert changed.tolist() == [False, True, False, False]
    assert torch.equal(torch.get_rng_state(), before), "torch's generator is as it was"
    assert not held.stopped


def test_settings_without_interventions_and_interventions_that_do_not_fit_are_refused():
    module = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    mask = {"weight": torch.ones(1, 3, dtype=torch.bool)}
    with pytest.raises(UsageError, match="total_steps was given without during"):
        attach(module, optimizer, mask, total_steps=5)
    with pytest.raises(UsageError, match="RandomOut: the network has no convolution"):
        attach(module, optimizer, mask, during=[RandomOut()])
    with pytest.raises(UsageError, match="Give total_steps"):
        attach(module, optimizer, mask, during=[RigL()])
    with pytest.raises(UsageError, match="ReDo: it needs the batch of each step, which attach"):
        attach(module, optimizer, mask, during=[ReDo()])
    mask["weight"][0, 0], groups = False, [{"params": module.weight, "lr": 0.1}, {"params": module.bias, "lr": 0.2}]
    with pytest.raises(UsageError, match="DeepR: it needs the learning rate"):
        attach(module, torch.optim.SGD(groups), mask, during=[DeepR()], total_steps=5)
    module(torch.ones(2, 3)).sum().backward()
    optimizer.step()  # no hook of a refused call is left
    assert not optimizer._optimizer_step_post_hooks
