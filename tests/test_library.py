"""The calls from Python on modules that are not ours."""

import pytest
import torch
from torch import nn

import lotterylab as ll
from lotterylab.errors import LotteryWarning, UsageError
from lotterylab.network import state_of
from lotterylab.weights import prunable_names
from some_views import view


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 8 * 8, 10)
    )


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(20, 1, 8, 8, generator=draw), torch.randint(10, (20,), generator=draw)


@pytest.mark.filterwarnings("ignore::lotterylab.errors.LotteryWarning")  # nothing has moved since the initial state
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


class Noisy(nn.Module):
    """Drops by torch's own generator while it is trained."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.Dropout(0.5), nn.Linear(12, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


def test_a_module_that_draws_draws_by_the_seed_and_the_global_generator_stays():
    module = Noisy().train()
    before = torch.get_rng_state()
    one, again, other = (ll.score(module, ll.criteria.Snip(), batch=batch(), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["body.3.weight"], other["body.3.weight"])
    with pytest.warns(LotteryWarning, match="1 of the 10 rows of 'body.3.weight'"):
        mask = ll.prune(module, ll.criteria.Snip(), 0.9, batch=batch(), rounds=3)
    assert torch.equal(torch.get_rng_state(), before) and module.training and len(mask) == 2


@pytest.mark.parametrize("criterion", ll.criteria.ALL.values(), ids=ll.criteria.ALL)
def test_scores_are_the_same_where_the_caller_switched_gradients_off_or_froze_the_weights(criterion):
    module, initial = network().eval(), network().state_dict()
    expected = ll.score(module, criterion(), batch=batch(), initial=initial)
    module.requires_grad_(False)
    with torch.no_grad():
        found = ll.score(module, criterion(), batch=batch(), initial=initial)
        assert not torch.is_grad_enabled()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in module.parameters())


@pytest.mark.parametrize("criterion", [ll.criteria.Snip(), ll.criteria.Magnitude()])
def test_a_mask_of_another_network_is_refused(criterion):
    module, kept = network(), torch.ones(2, 2, dtype=torch.bool)
    with pytest.raises(UsageError, match=r"mask names '0\.wieght'.*Did you mean '0\.weight'"):
        ll.score(module, criterion, batch=batch(), mask={"0.wieght": kept})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"mask of '0\.weight' has shape \(2, 2\)"):
        ll.prune(module, criterion, 0.5, batch=batch(), mask={"0.weight": kept})  # type: ignore[arg-type]


def test_ties_are_those_of_select():
    module = nn.Sequential(nn.Linear(8, 8, bias=False))
    nn.init.ones_(module[0].weight)
    random = [ll.prune(module, ll.criteria.Magnitude(), 0.5, ties="random", seed=seed)["0.weight"] for seed in (0, 1)]
    assert not torch.equal(*random)
    with pytest.raises(UsageError, match="64 entries share the score 1"):
        ll.prune(module, ll.criteria.Magnitude(), 0.5, ties="refuse")


class Attends(nn.Module):
    """Attention through the function that chooses a fused kernel where it can."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(8, 8) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        attended = nn.functional.scaled_dot_product_attention(*(f(x)[:, None] for f in (self.q, self.k, self.v)))
        return self.out(attended[:, 0].mean(1))


def test_grasp_scores_what_attends():
    torch.manual_seed(0)
    data = torch.randn(6, 5, 8), torch.arange(6)
    module = Attends()
    scores = ll.score(module, ll.criteria.Grasp(temperature=1.0), batch=data)
    # s . w = w' H g: by a finite difference of the gradient along g
    weights = [module.q.weight, module.k.weight, module.v.weight, module.out.weight]

    def slopes() -> list[torch.Tensor]:
        return list(torch.autograd.grad(nn.functional.cross_entropy(module(data[0]), data[1]), weights))

    g, small = slopes(), 1e-2
    for sign in (1, -2):
        with torch.no_grad():
            for weight, slope in zip(weights, g, strict=True):
                weight += sign * small * slope
        if sign == 1:
            ahead = slopes()
    behind = slopes()
    with torch.no_grad():
        for weight, slope in zip(weights, g, strict=True):
            weight += small * slope
    for weight, one, other, score in zip(weights, ahead, behind, scores.values(), strict=True):
        torch.testing.assert_close(score, weight.detach() * (one - other) / (2 * small), rtol=0.05, atol=2e-6)


def test_a_mask_and_an_initial_state_on_the_cpu_score_weights_elsewhere():
    """The meta device stands for any other one; ``score`` itself refuses a module without values."""
    module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    mask = ll.prune(module, ll.criteria.Magnitude(), 0.5)
    state = {name: tensor.to("meta") for name, tensor in state_of(module).items()}
    away = view(module, state=state, initial=state_of(module), mask=mask)
    assert {tensor.device.type for tensor in ll.criteria.Movement()(away).values()} == {"meta"}


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("criterion", ll.criteria.ALL.values(), ids=ll.criteria.ALL)
def test_scores_are_the_same_inside_autocast_and_inference_mode(criterion, kind):
    module, initial = network().eval(), network().state_dict()
    expected = ll.score(module, criterion(), batch=batch(), initial=initial)
    given = batch()
    with torch.autocast("cpu", dtype=kind):
        found = ll.score(module, criterion(), batch=given, initial=initial)
        assert torch.is_autocast_enabled("cpu")
    with torch.inference_mode():
        inferred = ll.score(module, criterion(), batch=given, initial=initial)
    for name, one in expected.items():
        assert torch.equal(one, found[name]) and torch.equal(one, inferred[name])


@pytest.mark.parametrize("criterion", ll.criteria.ALL.values(), ids=ll.criteria.ALL)
def test_what_an_earlier_mask_removed_scores_as_if_it_were_zero_already(criterion):
    """So that filters and blocks are ranked by what is left of them, also before the mask is applied."""
    module, initial = network().eval(), network().state_dict()
    mask = ll.prune(module, ll.criteria.Random(), 0.5)
    unapplied = ll.score(module, criterion(), batch=batch(), initial=initial, mask=mask)
    applied = ll.apply(module, mask)
    found = ll.score(applied, criterion(), batch=batch(), initial=initial, mask=mask)
    for name, kept in mask.items():
        assert torch.equal(unapplied[name][kept], found[name][kept])


def test_filters_are_ranked_by_what_an_earlier_mask_left_of_them():
    module = nn.Linear(4, 2, bias=False)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[100.0, 100.0, 0.1, 0.1], [1.0, 1.0, 1.0, 1.0]]))
    mask = {"weight": torch.tensor([[False, False, True, True], [True, True, True, True]])}
    with pytest.warns(LotteryWarning, match="1 of the 2 rows of 'weight'"):
        found = ll.prune(module, ll.criteria.Magnitude(), 0.5, mask=mask, granularity="filter")
    assert found["weight"].tolist() == [[False] * 4, [True] * 4]


@pytest.mark.parametrize("criterion", [ll.criteria.Magnitude, ll.criteria.Snip, ll.criteria.Grasp])
def test_a_removed_weight_that_is_no_number_does_not_matter(criterion):
    module = network().eval()
    mask = ll.prune(module, ll.criteria.Random(), 0.5)
    with torch.no_grad():
        module[0].weight[~mask["0.weight"]] = float("nan")
    assert ll.sparsity(ll.prune(module, criterion(), 0.75, batch=batch(), mask=mask)) == pytest.approx(0.75, abs=1e-3)


def test_several_inputs_in_a_list_are_cast_as_the_weights_are():
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 3)

        def forward(self, pair: list[torch.Tensor]) -> torch.Tensor:
            return self.fc(pair[0] + pair[1])

    inputs = [torch.randn(5, 4, dtype=torch.bfloat16) for _ in range(2)]
    scores = ll.score(Two().bfloat16(), ll.criteria.Snip(), batch=(inputs, torch.tensor([0, 1, 2, 0, 1])))
    assert scores["fc.weight"].dtype == torch.float32


def test_a_study_in_this_process_leaves_the_caller_s_generator_where_it_was(tmp_path):
    options = {"data": "digits", "preset": "small", "seeds": 1, "activations": ("tanh",), "sparsities": (0.5,)}
    short = {"dense_epochs": 1, "pruned_epochs": 1, "rates": (0.1,), "protocols": ("corrected",), "methods": ["random"]}
    torch.manual_seed(5)
    before = torch.get_rng_state()
    ll.run_study("activations", store=tmp_path, workers=0, **options, **short)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_study_from_python_takes_the_options_of_the_command_in_their_types(tmp_path):
    small = {"data": "digits", "preset": "small", "seeds": 1, "activations": ["tanh"], "protocols": ["corrected"]}
    words = {"methods": ["random"], "controls": ["none"], "sparsities": [0.5], "dense_epochs": 1, "pruned_epochs": 1}
    whole, decimal = (
        ll.run_study("activations", store=tmp_path, workers=0, **small, **words, rates=rates) for rates in ([1], (1.0,))
    )
    assert [row.records["train"].digest for row in whole] == [row.records["train"].digest for row in decimal]
