"""Random streams depend on their names and the seed alone."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from lotterylab import rng

names = st.lists(st.text(max_size=6) | st.integers(-(10**6), 10**6), max_size=4)


def test_keys_are_the_ones_that_stored_results_were_made_with():
    assert rng.key(0) == 0xB8B94DA9C51F9CBA0503CF371FB3ABF4
    assert rng.key(42, "order", 0) == 0x37C2FF0678C0C63CCA9056CD6116732
    assert rng.key(42, "init", "conv1.weight") == 0x36C012AE45DB1A32BD4A82D75D4E42F7
    assert rng.key(-1, "") == 0xFC537CE7B083E06E648DB87C842AD238


def test_draws_are_the_ones_that_stored_results_were_made_with():
    assert rng.stream(42, "order", 0).permutation(8).tolist() == [3, 6, 1, 5, 4, 0, 7, 2]
    assert rng.stream(42, "init").integers(0, 1000, 5).tolist() == [406, 137, 267, 801, 178]


def test_where_one_name_ends_and_the_next_begins_matters():
    assert rng.key(0, "a", "bc") != rng.key(0, "ab", "c") != rng.key(0, "abc")
    assert rng.key(0, "a") != rng.key(0, "a", "")


def test_a_number_and_its_digits_are_different_names():
    assert rng.key(0, 1) != rng.key(0, "1")
    assert rng.key(1, "x") != rng.key(11, "x") != rng.key(1, 1, "x")


@given(st.integers(-(2**70), 2**70), names, st.integers(-(2**70), 2**70), names)
def test_two_streams_share_a_key_only_when_seed_and_names_are_equal(seed, path, other_seed, other_path):
    assert (rng.key(seed, *path) == rng.key(other_seed, *other_path)) == ((seed, path) == (other_seed, other_path))


@given(st.integers(0, 2**64), names)
def test_a_key_fits_into_philox(seed, path):
    assert 0 <= rng.key(seed, *path) < 2**128


def test_what_is_drawn_does_not_depend_on_what_was_drawn_before_or_in_between():
    alone = rng.stream(7, "flip", 3).random(10)
    other, again = rng.stream(7, "crop", 3), rng.stream(7, "flip", 3)
    np.random.default_rng(7).random(100)
    interleaved = []
    for _ in range(10):
        other.random(5)
        interleaved.append(again.random())
    np.testing.assert_array_equal(alone, interleaved)


def test_streams_of_neighbouring_seeds_and_epochs_are_uncorrelated():
    draws = np.stack([rng.stream(seed, "order", epoch).random(4000) for seed in range(4) for epoch in range(4)])
    correlations = np.atleast_2d(np.corrcoef(draws))[np.triu_indices(16, k=1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(4000)  # 120 pairs of standard error 1/sqrt(4000)


def test_torchs_own_generator_draws_by_name_within_the_block_and_is_given_back():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    drawn = []
    for names in (("a",), ("a",), ("b",)):
        with rng.draws(1, *names, devices=[torch.device("cpu")]):
            drawn.append(torch.rand(3))
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    assert torch.equal(torch.rand(3), expected)


def test_only_the_generators_that_are_given_back_are_seeded(monkeypatch):
    def of_all_devices(seed: int) -> None:
        raise AssertionError("every device was seeded, and only some are put back")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", of_all_devices)
    monkeypatch.setattr(torch, "manual_seed", of_all_devices)
    with rng.draws(1, "a"):
        torch.rand(1)
