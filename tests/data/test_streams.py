"""Orders and augmentations agree with PyTorch's own generator and DataLoader."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from lotterylab.data import Augment, NamedStream, TorchGlobalStream
from lotterylab.data.draws import EpochDraws
from lotterylab.errors import UsageError

CROP_AND_FLIP = Augment(crop_padding=4, flip=True)


class Drawing(TorchDataset):
    """Items are their draws, made by the calls of torchvision's transforms."""

    def __init__(self, n: int, augment: Augment) -> None:
        self.n, self.augment = n, augment

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> torch.Tensor:
        row = col = 0
        flip = False
        if self.augment.crop_padding:
            row = torch.randint(0, self.augment.places, size=(1,)).item()
            col = torch.randint(0, self.augment.places, size=(1,)).item()
        if self.augment.flip:
            flip = bool(torch.rand(1) < 0.5)
        return torch.tensor([index, row, col, flip])


def build_shallow_cnn() -> nn.Module:
    return nn.ModuleList(
        [nn.Conv2d(3, 32, 3, padding=1), nn.Conv2d(32, 64, 3, padding=1), nn.Linear(4096, 128), nn.Linear(128, 10)]
    )


def drawn(batches: list[torch.Tensor]) -> EpochDraws:
    order, rows, cols, flips = torch.cat(batches).T
    return EpochDraws(order=order, rows=rows, cols=cols, flips=flips.bool())


def assert_same(found: EpochDraws, expected: EpochDraws) -> None:
    for name in ("order", "rows", "cols", "flips"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=0, atol=0)


@pytest.mark.parametrize("scoring", [False, True], ids=["plain", "after a scoring batch"])
@pytest.mark.parametrize("seed", [42, 2**40 + 5])
def test_the_shared_stream_is_what_a_script_with_one_global_generator_draws(seed, scoring):
    n = 200
    torch.manual_seed(seed)
    words = sum(parameter.numel() for parameter in build_shallow_cnn().parameters())
    assert words == 545_098
    loader = DataLoader(Drawing(n, CROP_AND_FLIP), batch_size=64, shuffle=True, num_workers=0)
    evaluation = DataLoader(Drawing(30, Augment()), batch_size=64, shuffle=False, num_workers=0)
    stream = TorchGlobalStream(drawn_before=words, scoring_batch=64 if scoring else 0)
    if scoring:
        batch = drawn([next(iter(loader))])
        assert_same(stream.scoring_draws(seed, n=n, size=64, augment=CROP_AND_FLIP), batch)
    for epoch in range(3):
        expected = drawn(list(loader))
        list(evaluation)
        assert_same(stream.epoch(seed, epoch, n=n, augment=CROP_AND_FLIP), expected)


@pytest.mark.parametrize("evaluations", [0, 2])
@pytest.mark.parametrize("augment", [Augment(), Augment(flip=True), Augment(crop_padding=1)], ids=str)
def test_the_shared_stream_draws_only_what_the_augmentation_asks_for(augment, evaluations):
    torch.manual_seed(7)
    torch.rand(10)
    loader = DataLoader(Drawing(50, augment), batch_size=16, shuffle=True, num_workers=0)
    evaluation = DataLoader(Drawing(5, Augment()), shuffle=False, num_workers=0)
    stream = TorchGlobalStream(drawn_before=10, evaluations_per_epoch=evaluations)
    for epoch in range(2):
        expected = drawn(list(loader))
        for _ in range(evaluations):
            list(evaluation)
        assert_same(stream.epoch(7, epoch, n=50, augment=augment), expected)


def test_the_shared_stream_can_begin_far_into_the_generator():
    far = 3_000_001  # more words than are skipped at once
    torch.manual_seed(3)
    torch.rand(far)
    expected = drawn(list(DataLoader(Drawing(20, CROP_AND_FLIP), batch_size=20, shuffle=True, num_workers=0)))
    assert_same(TorchGlobalStream(drawn_before=far).epoch(3, 0, n=20, augment=CROP_AND_FLIP), expected)


def test_the_shared_stream_leaves_the_global_generators_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    TorchGlobalStream(scoring_batch=4).epoch(1, 2, n=10, augment=CROP_AND_FLIP)
    NamedStream().epoch(1, 2, n=10, augment=CROP_AND_FLIP)
    assert torch.equal(torch.rand(3), expected)


def test_a_scoring_batch_larger_than_the_data_is_refused():
    with pytest.raises(UsageError, match="scoring batch of 11"):
        TorchGlobalStream(scoring_batch=11).epoch(0, 0, n=10, augment=Augment())
    with pytest.raises(UsageError, match="scoring batch of 11"):
        TorchGlobalStream().scoring_draws(0, n=10, size=11, augment=Augment())


@pytest.mark.parametrize("stream", [NamedStream(), TorchGlobalStream(drawn_before=3, scoring_batch=8)], ids=str)
def test_every_stream_gives_permutations_places_inside_and_fair_flips(stream):
    draws = stream.epoch(5, 1, n=6000, augment=CROP_AND_FLIP)
    assert draws.order.dtype == draws.rows.dtype == draws.cols.dtype == torch.int64 and draws.flips.dtype == torch.bool
    assert torch.equal(draws.order.sort().values, torch.arange(6000))
    for places in (draws.rows, draws.cols):
        counts = places.bincount(minlength=9)
        assert len(counts) == 9 and int((counts - 6000 / 9).abs().max()) < 5 * (6000 / 9) ** 0.5
    assert abs(draws.flips.float().mean().item() - 0.5) < 5 * 0.5 / 6000**0.5
    assert not torch.equal(draws.rows, draws.cols)


@pytest.mark.parametrize("stream", [NamedStream(), TorchGlobalStream(drawn_before=3)], ids=str)
def test_an_epoch_does_not_depend_on_the_epochs_drawn_before_it(stream):
    forwards = [stream.epoch(5, epoch, n=40, augment=CROP_AND_FLIP) for epoch in range(3)]
    backwards = [stream.epoch(5, epoch, n=40, augment=CROP_AND_FLIP) for epoch in (2, 1, 0)]
    for one, other in zip(forwards, reversed(backwards), strict=True):
        assert_same(one, other)
    assert all(not torch.equal(one.order, other.order) for one, other in pairwise(forwards))


def test_named_order_and_crops_are_the_same_with_and_without_the_other_augmentations():
    stream, both = NamedStream(), NamedStream().epoch(9, 4, n=50, augment=CROP_AND_FLIP)
    for augment in (Augment(), Augment(flip=True), Augment(crop_padding=4)):
        draws = stream.epoch(9, 4, n=50, augment=augment)
        assert torch.equal(draws.order, both.order)
        assert torch.equal(draws.flips, both.flips & augment.flip)
        assert torch.equal(draws.rows, both.rows if augment.crop_padding else torch.zeros_like(both.rows))
        assert torch.equal(draws.cols, both.cols if augment.crop_padding else torch.zeros_like(both.cols))


def test_named_draws_are_the_ones_that_stored_results_were_made_with():
    draws = NamedStream().epoch(0, 0, n=6, augment=CROP_AND_FLIP)
    assert draws.order.tolist() == [2, 1, 4, 0, 5, 3]
    assert draws.rows.tolist() == [7, 5, 5, 5, 3, 4]
    assert draws.cols.tolist() == [0, 3, 2, 1, 6, 1]
    assert draws.flips.int().tolist() == [1, 0, 1, 1, 0, 1]
