"""The calls from Python on modules that are not ours."""

import pytest
import torch
from torch import nn

import lotterylab as ll
from lotterylab.errors import UsageError
from lotterylab.network import prunable_names


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 8 * 8, 10)
    )


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(20, 1, 8, 8, generator=draw), torch.randint(10, (20,), generator=draw)


@pytest.mark.parametrize("criterion", ll.criteria.ALL.values(), ids=ll.criteria.ALL)
@pytest.mark.parametrize("scope", ["global", "layerwise"])
def test_prune_removes_by_count_and_changes_nothing(criterion, scope):
    module = network().eval()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    mask = ll.prune(module, criterion(), 0.9, batch=batch(), scope=scope, initial=network().state_dict())
    assert tuple(mask) == prunable_names(module)
    removed = sum(int((~kept).sum()) for kept in mask.values())
    assert removed == {"global": 2336, "layerwise": 32 + 2304}[scope]  # of 36 + 2560
    assert not module.training
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())


def test_each_layer_is_scored_in_the_mode_it_has():
    module = network().train()
    module[1].eval()  # a frozen batch norm
    frozen = ll.score(module, ll.criteria.Grasp(), batch=batch())
    assert [layer.training for layer in module] == [True, False, True, True, True]
    assert not torch.equal(frozen["0.weight"], ll.score(module.train(), ll.criteria.Grasp(), batch=batch())["0.weight"])


def test_pruning_twice_only_removes_more():
    module = network()
    once = ll.prune(module, ll.criteria.Magnitude(), 0.5)
    twice = ll.prune(module, ll.criteria.Magnitude(), 0.8, mask=once)
    assert all(bool((~once[name] <= ~twice[name]).all()) for name in once)
    with pytest.raises(UsageError, match="already removes"):
        ll.prune(module, ll.criteria.Magnitude(), 0.3, mask=once)


def test_a_criterion_that_needs_data_says_so():
    with pytest.raises(UsageError, match="batch=\\(inputs, targets\\)"):
        ll.prune(network(), ll.criteria.Grasp(), 0.5)


def test_a_loss_of_ones_own_is_used():
    module, (inputs, targets) = network(), batch()
    own = ll.score(
        module, ll.criteria.WeightSquaredGradient(), batch=(inputs, targets), loss=lambda z, t: z.square().mean()
    )
    usual = ll.score(module, ll.criteria.WeightSquaredGradient(), batch=(inputs, targets))
    assert not torch.equal(own["0.weight"], usual["0.weight"])


def test_a_mask_goes_to_disk_and_back(tmp_path):
    module = network()
    mask = ll.prune(module, ll.criteria.Random(), 0.5, seed=3)
    ll.save_mask(mask, tmp_path / "mask.safetensors")
    back = ll.load_mask(tmp_path / "mask.safetensors")
    assert all(torch.equal(mask[name], back[name]) for name in mask)
    ll.apply(module, back)
    state = dict(module.named_parameters())
    assert all(bool((state[name][~kept] == 0).all()) for name, kept in mask.items())


def test_a_study_runs_from_python(tmp_path):
    options = {"data": "digits", "preset": "small", "seeds": 1, "activations": ("tanh",), "sparsities": (0.5,)}
    short = {"dense_epochs": 1, "pruned_epochs": 1, "rates": (0.1,), "protocols": ("corrected",)}
    found = ll.run_study("activations", store=tmp_path, workers=1, **options, **short)
    assert all(result.complete for result in found)
    assert {result.labels["method"] for result in found} == {"dense", "magnitude", "grasp", "first-order"}
    with pytest.raises(UsageError, match="activations"):
        ll.run_study("activation", store=tmp_path)


def test_a_batch_is_a_pair_as_data_loaders_give_it():
    module, (inputs, targets) = network(), batch()
    pair, listed = (ll.score(module, ll.criteria.Snip(), batch=one) for one in ((inputs, targets), [inputs, targets]))
    assert all(torch.equal(pair[name], listed[name]) for name in pair)
    for wrong in (inputs, {"inputs": inputs}, (inputs, targets, targets)):
        with pytest.raises(UsageError, match=r"give \(inputs, targets\)"):
            ll.score(module, ll.criteria.Snip(), batch=wrong)  # type: ignore[arg-type]
