"""The sparsity of an update is told beside what rounding alone leaves unchanged."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lotterylab.auditing import audit_pair
from lotterylab.auditing.updates import Update, update_below_precision, update_between
from lotterylab.types import Mask


def normal(seed: int, sd: float, shape=(400, 500)) -> torch.Tensor:
    return sd * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def between(start: torch.Tensor, end: torch.Tensor, mask: torch.Tensor | None = None) -> Update:
    kept = Mask({"fc.weight": mask}) if mask is not None else None
    found = update_between({"fc.weight": start}, {"fc.weight": end}, kept)
    assert found is not None
    return found


@settings(deadline=None, max_examples=20)
@given(
    values=st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), min_size=4, max_size=4),
    others=st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), min_size=4, max_size=4),
)
def test_equal_weights_are_counted(values, others):
    a, b = torch.tensor(values).view(2, 2), torch.tensor(others).view(2, 2)
    found = between(a, b)
    assert found.unchanged == sum(x == y for x, y in zip(values, others, strict=True)) and found.entries == 4
    assert found.rounded == found.share and found.floor is None  # these numbers have few digits


@pytest.mark.parametrize("size", [1e-6, 1e-5, 1e-4, 1e-3])
@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_a_dense_update_looks_sparse_in_16_bits_and_the_floor_tells(size, kind):
    start = normal(0, 0.02).to(kind)
    end = (start.float() + normal(1, size)).to(kind)  # every weight moves before it is rounded
    found = between(start, end)
    observed = float((start == end).float().mean())
    assert found.share == pytest.approx(observed, abs=1e-6)
    assert found.floor == pytest.approx(observed, abs=0.06)
    assert found.finest is not None and found.finest <= observed + 1e-9
    alarms = update_below_precision(found)
    assert [alarm.code for alarm in alarms] == (["update-below-precision"] if observed >= 0.1 else [])


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_an_update_that_is_sparse_is_told_by_the_smallest_weights(share):
    start = normal(0, 0.02).bfloat16()
    moved = torch.rand(400, 500, generator=torch.Generator().manual_seed(2)) < share
    found = between(start, (start.float() + normal(1, 1e-3) * moved).bfloat16())
    assert found.finest == pytest.approx(1 - share, abs=0.03) and found.share >= 1 - share
    assert found.floor is not None and found.floor < 0.2 and update_below_precision(found) == []


def test_float32_is_compared_to_the_bit_and_after_rounding():
    start = normal(0, 0.02)
    end = start + normal(1, 1e-6)
    found = between(start, end)
    assert found.share < 0.01 and found.floor is None
    assert found.rounded == pytest.approx(float((start.bfloat16() == end.bfloat16()).float().mean()))
    assert found.rounded > 0.9 and "rounded to bfloat16 it would be" in found.between("start", "end")
    assert update_below_precision(found) == []


def test_removed_weights_do_not_count_and_nothing_in_common_is_none():
    start = normal(0, 1.0, (4, 4))
    kept = torch.rand(4, 4) > 0.5
    assert between(start * kept, (start + 1) * kept, kept).unchanged == 0
    assert update_between({"a.weight": start}, {"b.weight": start}, None) is None
    assert update_between({"bn.running_mean": torch.ones(9)}, {"bn.running_mean": torch.ones(9)}, None) is None


def test_two_checkpoints_of_bfloat16_raise_the_caution(tmp_path):
    start = normal(0, 0.02).bfloat16()
    torch.save({"fc.weight": start}, tmp_path / "before.pt")
    torch.save({"fc.weight": (start.float() + normal(1, 1e-6)).bfloat16()}, tmp_path / "after.pt")
    (report,) = audit_pair(tmp_path / "before.pt", tmp_path / "after.pt")
    assert [alarm.code for alarm in report.alarms] == ["update-below-precision"]
    assert "rounding to bfloat16 alone would leave about 9" in report.facts["update"]
