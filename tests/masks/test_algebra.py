"""masks/algebra.py: what holds for every mask, against SciPy, NumPy and bit patterns."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import hamming as scipy_hamming
from torch import nn

from lotterylab import masks
from lotterylab.errors import UsageError
from lotterylab.masks.select import select
from lotterylab.types import Mask, Scores

SHAPES = {"conv.weight": (3, 2, 2, 2), "linear.weight": (5, 4), "scale": (7,)}


def a_mask(seed: int, density: float = 0.5) -> Mask:
    rng = numpy.random.default_rng(seed)
    return Mask({name: torch.from_numpy(rng.random(shape) < density) for name, shape in SHAPES.items()})


def some_weights(seed: int) -> dict[str, torch.Tensor]:
    rng = numpy.random.default_rng(seed)
    odd = numpy.array([-1.0, -0.0, 0.0, 2.5, numpy.inf, -numpy.inf, numpy.nan], dtype=numpy.float32)
    return {name: torch.from_numpy(rng.choice(odd, shape)) for name, shape in SHAPES.items()}


def flat(mask: Mask) -> numpy.ndarray:
    return numpy.concatenate([mask[name].numpy().ravel() for name in SHAPES])


seeds = st.integers(0, 2**31)
quick = settings(max_examples=40, deadline=None)


@quick
@given(seeds, seeds)
def test_hold_leaves_the_bits_of_plus_zero_where_pruned_and_touches_nothing_else(seed, mask_seed):
    weights, mask = some_weights(seed), a_mask(mask_seed)
    held = {name: tensor.clone() for name, tensor in weights.items()}
    masks.hold(held, mask)
    for name in SHAPES:
        bits, before = held[name].view(torch.int32), weights[name].view(torch.int32)
        assert bool((bits[~mask[name]] == 0).all())
        assert torch.equal(bits[mask[name]], before[mask[name]])


def test_hold_fills_with_another_value_where_asked_and_works_on_parameters():
    layer = nn.Linear(2, 2, bias=False)
    before = layer.weight.detach().clone()
    masks.hold(dict(layer.named_parameters()), Mask({"weight": torch.tensor([[True, False], [False, True]])}), fill=3.0)
    assert layer.weight.tolist() == [[before[0, 0].item(), 3.0], [3.0, before[1, 1].item()]]


def test_masked_copies_every_tensor_and_leaves_the_state_as_it_was():
    state = {**some_weights(0), "running_mean": torch.ones(2)}
    before = masks.digest(state)
    result = masks.masked(state, a_mask(1))
    assert masks.digest(state) == before
    assert list(result) == list(state)
    assert all(result[name].data_ptr() != state[name].data_ptr() for name in state)
    assert torch.equal(result["running_mean"], state["running_mean"])


def test_apply_masks_the_parameters_once_and_returns_the_module():
    layer = nn.Linear(3, 2)
    mask = Mask({"weight": torch.tensor([[True, False, True], [False, False, True]])})
    assert masks.apply(layer, mask) is layer
    assert torch.equal(layer.weight != 0, mask["weight"])
    assert bool((layer.bias != 0).all())


def test_ones_keeps_everything_of_the_named_tensors():
    weights = some_weights(0)
    assert masks.kept(masks.ones(weights)) == masks.entries(masks.ones(weights)) == 24 + 20 + 7
    assert list(masks.ones(weights, ["scale"])) == ["scale"]
    with pytest.raises(UsageError, match=r"no tensor is named 'scales'\. Did you mean 'scale'\?"):
        masks.ones(weights, ["scales"])


@quick
@given(seeds, st.floats(0, 1))
def test_sparsity_is_the_share_of_all_entries_that_is_false(seed, density):
    mask = a_mask(seed, density)
    assert masks.sparsity(mask) == pytest.approx(1 - flat(mask).mean(), abs=1e-15)


@quick
@given(seeds, seeds)
def test_hamming_is_scipys_over_all_entries(a, b):
    assert masks.hamming(a_mask(a), a_mask(b)) == pytest.approx(scipy_hamming(flat(a_mask(a)), flat(a_mask(b))))


@quick
@given(seeds, seeds, st.floats(0, 1))
def test_iou_is_the_jaccard_index_of_the_kept_sets(a, b, density):
    first, second = a_mask(a, density), a_mask(b, density)
    kept, others = set(numpy.flatnonzero(flat(first))), set(numpy.flatnonzero(flat(second)))
    expected = len(kept & others) / len(kept | others) if kept | others else 1.0
    assert masks.iou(first, second) == pytest.approx(expected)


def test_two_masks_of_other_tensors_or_shapes_are_refused_and_not_stretched():
    one = Mask({"a": torch.ones(1, dtype=torch.bool)})
    for function in (masks.hamming, masks.iou):
        with pytest.raises(UsageError, match=r"\['a', 'b'\] are in one of them only"):
            function(one, Mask({"b": one["a"]}))
        with pytest.raises(UsageError, match=r"shape \(1,\), the tensor \(5,\)"):
            function(one, Mask({"a": torch.ones(5, dtype=torch.bool)}))


def test_a_mask_without_entries_has_no_sparsity_and_no_distance():
    with pytest.raises(UsageError, match="no entries"):
        masks.sparsity(Mask({}))
    with pytest.raises(UsageError, match="no entries"):
        masks.hamming(Mask({}), Mask({}))


@quick
@given(seeds, seeds, st.floats(0, 1))
def test_shuffle_keeps_the_count_of_each_tensor_and_depends_on_its_seed_alone(seed, mask_seed, density):
    mask = a_mask(mask_seed, density)
    shuffled = masks.shuffle(mask, seed)
    assert {name: int(kept.sum()) for name, kept in shuffled.items()} == {n: int(k.sum()) for n, k in mask.items()}
    assert masks.digest(masks.shuffle(mask, seed)) == masks.digest(shuffled)


@quick
@given(seeds, seeds)
def test_shuffle_within_an_earlier_mask_stays_there(seed, mask_seed):
    earlier = a_mask(mask_seed, 0.6)
    mask = Mask({name: kept & earlier[name] for name, kept in a_mask(seed, 0.4).items()})
    shuffled = masks.shuffle(mask, seed, within=earlier)
    for name, kept in shuffled.items():
        assert int(kept.sum()) == int(mask[name].sum()) and not bool((kept & ~earlier[name]).any())
    everywhere = masks.ones(earlier)
    assert masks.digest(masks.shuffle(mask, seed, within=everywhere)) == masks.digest(masks.shuffle(mask, seed))


@quick
@given(seeds, st.sampled_from(["filter", "block:2x3", "2:4", "1:3"]), st.booleans())
def test_shuffle_moves_whole_pieces(seed, granularity, within):
    scores = Scores({"w": torch.rand(6, 3, 2, 2, generator=torch.Generator().manual_seed(seed))})
    pattern = granularity in ("2:4", "1:3")
    earlier = Mask({"w": torch.rand(6, 3, 2, 2) < 0.8}) if within and pattern else None
    mask = select(scores, 2 / 3 if granularity == "1:3" else 0.5, granularity=granularity, mask=earlier)
    shuffled = masks.shuffle(mask, seed, granularity=granularity, within=earlier)
    assert int(shuffled["w"].sum()) == int(mask["w"].sum())
    if pattern:
        n = int(granularity[2:])
        assert torch.equal(shuffled["w"].reshape(-1, n).sum(1), mask["w"].reshape(-1, n).sum(1))
    else:
        rows, columns = (1, 12) if granularity == "filter" else (2, 3)
        pieces = shuffled["w"].reshape(6 // rows, rows, 12 // columns, columns).float().mean((1, 3))
        assert set(pieces.flatten().tolist()) <= {0.0, 1.0}, "a piece is there or not"
    assert earlier is None or not bool((shuffled["w"] & ~earlier["w"]).any())


def test_shuffle_moves_the_entries_of_a_tensor_of_one_dimension():
    mask = Mask({"bias": torch.arange(50) < 20})
    assert masks.digest(masks.shuffle(mask, 0, granularity="filter")) == masks.digest(masks.shuffle(mask, 0))


def test_shuffle_gives_another_mask_for_another_seed_another_name_and_another_tensor():
    half = torch.arange(64) < 32
    mask = Mask({"a": half, "b": half})
    draws = [masks.shuffle(mask, 0), masks.shuffle(mask, 1), masks.shuffle(mask, 0, "again")]
    assert len({masks.digest({"x": draw[name]}) for draw in draws for name in draw}) == 6


def test_shuffle_draws_every_place_equally_often():
    mask = Mask({"a": torch.arange(8) < 2})
    draws = 2000
    counts = sum(masks.shuffle(mask, seed)["a"].double() for seed in range(draws))
    assert isinstance(counts, torch.Tensor)
    chi2 = float(((counts - draws / 4) ** 2 / (draws / 4)).sum())
    assert chi2 < 24.3  # the 0.1 % quantile of chi^2 with 7 degrees of freedom; seeds are fixed


def test_digest_does_not_depend_on_the_order_of_the_dict_nor_on_the_memory_layout():
    weights = {name: torch.randn(shape) for name, shape in SHAPES.items()}
    turned = dict(reversed(weights.items()))
    turned["conv.weight"] = turned["conv.weight"].to(memory_format=torch.channels_last)
    turned["linear.weight"] = turned["linear.weight"].t().contiguous().t()
    assert turned["conv.weight"].stride() != weights["conv.weight"].stride()
    assert masks.digest(turned) == masks.digest(weights)


@quick
@given(seeds, st.integers(0, 50))
def test_digest_changes_with_one_flipped_entry(seed, place):
    mask = a_mask(seed)
    flipped = Mask({name: kept.clone() for name, kept in mask.items()})
    name, index = [(name, i) for name in SHAPES for i in range(mask[name].numel())][place]
    flipped[name].view(-1)[index].logical_not_()
    assert masks.digest(flipped) != masks.digest(mask)


def test_digest_tells_names_types_and_shapes_apart():
    x = torch.zeros(2, 3)
    variants = [{"a": x}, {"b": x}, {"a": x.t()}, {"a": x.to(torch.int32)}, {"a": x.flatten()}, {"a": x, "b": x}, {}]
    variants += [{"a": torch.zeros(())}, {"a": torch.zeros(0)}, {"a": torch.zeros(0, 4)}, {"a": x.to(torch.bfloat16)}]
    variants += [{"a": -x}]  # -0.0 has other bits
    assert len({masks.digest(variant) for variant in variants}) == len(variants)


@quick
@given(seeds)
def test_save_and_load_give_the_same_mask(tmp_path_factory, seed):
    path = tmp_path_factory.mktemp("masks") / "mask.safetensors"
    masks.save_mask(a_mask(seed), path)
    loaded = masks.load_mask(path)
    assert masks.digest(loaded) == masks.digest(a_mask(seed))
    assert all(kept.dtype == torch.bool for kept in loaded.values())


def test_load_mask_reads_a_state_dict_of_zeros_and_ones_of_any_type(tmp_path: Path):
    for dtype in (torch.float32, torch.uint8, torch.int64, torch.bfloat16):
        torch.save({"w": torch.tensor([0, 1, 1]).to(dtype)}, tmp_path / "mask.pt")
        assert masks.load_mask(tmp_path / "mask.pt")["w"].tolist() == [False, True, True]


@pytest.mark.parametrize("value", [0.5, 2.0, -1.0, float("nan")])
def test_load_mask_refuses_anything_but_zeros_and_ones(tmp_path: Path, value):
    torch.save({"w": torch.tensor([0.0, value])}, tmp_path / "mask.pt")
    with pytest.raises(UsageError, match="'w' has values other than 0 and 1"):
        masks.load_mask(tmp_path / "mask.pt")


def test_check_names_the_tensor_that_is_not_there_and_the_nearest_one():
    with pytest.raises(UsageError, match=r"names 'scal', which is not there\. Did you mean 'scale'\?"):
        masks.check(Mask({"scal": torch.ones(7, dtype=torch.bool)}), some_weights(0))


def test_check_refuses_masks_that_are_not_bool():
    with pytest.raises(UsageError, match=r"'scale' is torch\.float32; a mask is bool"):
        masks.check(Mask({"scale": torch.ones(7)}), some_weights(0))


def test_check_refuses_another_shape():
    with pytest.raises(UsageError, match=r"'scale' has shape \(6,\), the tensor \(7,\)"):
        masks.check(Mask({"scale": torch.ones(6, dtype=torch.bool)}), some_weights(0))


def test_a_digest_reads_the_numbers_of_a_conjugated_view():
    one = torch.tensor([1 + 2j, 3 - 1j])
    assert masks.digest({"a": one.conj()}) == masks.digest({"a": one.conj().resolve_conj()}) != masks.digest({"a": one})
