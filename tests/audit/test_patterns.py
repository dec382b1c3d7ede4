"""Patterns N:M are found along the axis along which they hold, with a plain loop as oracle."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lotterylab.auditing import audit, audit_folder
from lotterylab.auditing.patterns import AXES, along_inputs, described, pattern_along, pattern_axis, pattern_broken
from lotterylab.masks.select import select
from lotterylab.types import Mask, Scores

CONV, LINEAR = (16, 8, 3, 3), (16, 32)


def scores(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def by_hand(values: torch.Tensor, keep: int, of: int, axis: str) -> torch.Tensor:
    """The N highest of each M along an axis, one group after the other."""
    kept = torch.zeros_like(values, dtype=torch.bool)
    positions = torch.arange(values.numel()).view(values.shape)
    rows = {"along the inputs": positions.movedim(1, -1), "in memory order": positions.flatten(1),
            "along the outputs": positions.movedim(0, -1)}[axis]  # fmt: skip
    for row in rows.reshape(-1, rows.shape[-1]):
        for start in range(0, len(row), of):
            group = row[start : start + of]
            kept.view(-1)[group[values.view(-1)[group].topk(min(keep, len(group))).indices]] = True
    return kept


@settings(deadline=None, max_examples=30)
@given(
    shape=st.sampled_from([CONV, LINEAR, (8, 16, 1, 1), (32, 16, 3)]),
    pattern=st.sampled_from([(2, 4), (1, 4), (3, 4), (4, 8), (1, 2), (2, 8)]),
    axis=st.sampled_from(sorted(AXES)),
    seed=st.integers(0, 99),
)
def test_a_pattern_is_found_along_its_axis_and_no_other_by_chance(shape, pattern, axis, seed):
    keep, of = pattern
    kept = by_hand(scores(shape, seed), keep, of, axis)
    found = pattern_along(kept, axis)
    assert found is not None and found[0] * of == found[1] * keep  # 4:8 that is 2:4 throughout is told as 2:4
    others = {other for other in AXES if other != axis and pattern_along(kept, other)}
    same = {"along the inputs", "in memory order"} if len(shape) == 2 or shape[2:] == (1, 1) else set()
    assert others <= same - {axis}


def test_the_inputs_are_the_axis_of_the_library_that_has_the_kernels():
    dense = scores((64, 64)).half()
    kept = by_hand(dense.float(), 2, 4, "along the inputs")
    groups = along_inputs(kept).view(64, 16, 4).sum(-1)  # as torch.sparse reads a matrix: rows, groups of four columns
    assert bool((groups == 2).all()) and pattern_along(kept, "along the inputs") == (2, 4)


def test_dense_and_unstructured_masks_have_no_pattern():
    assert pattern_along(torch.ones(LINEAR, dtype=torch.bool), "along the inputs") is None
    unstructured = select(Scores({"w": scores(LINEAR)}), 0.5)
    assert described(unstructured) == "" and pattern_axis(unstructured) == []
    assert pattern_along(torch.tensor([[True, False]]), "along the inputs") is None, "too few groups to tell"


def test_a_pattern_in_memory_order_of_a_convolution_is_a_caution():
    mask = select(Scores({"conv.weight": scores(CONV), "fc.weight": scores(LINEAR)}), 0.5, granularity="2:4")
    mask["conv.weight"] = by_hand(scores(CONV), 2, 4, "in memory order")
    (alarm,) = pattern_axis(mask)
    assert (alarm.code, alarm.severity) == ("pattern-axis", "caution")
    assert "2:4 in memory order, but not along the inputs, in conv.weight" in alarm.message
    assert described(mask) == "2:4 in memory order in 1 of 2 tensors; 2:4 along the inputs in 1 of 2 tensors"
    mask["conv.weight"] = by_hand(scores(CONV), 2, 4, "along the inputs")
    assert pattern_axis(mask) == [] and described(mask) == "2:4 along the inputs in 2 of 2 tensors"


@pytest.mark.parametrize("axis", ["along the inputs", "in memory order"])
def test_a_request_for_a_pattern_is_met_along_either_axis(axis):
    mask = Mask({"conv.weight": by_hand(scores(CONV), 2, 4, axis)})
    assert pattern_broken(mask, 2, 4) == []
    mask["conv.weight"][0, 0, 0, 0] = mask["conv.weight"][0, 1, 0, 0] = True
    mask["conv.weight"][0, 2, 0, 0] = mask["conv.weight"][0, 3, 0, 0] = True
    mask["conv.weight"][0].view(-1)[:4] = True
    (alarm,) = pattern_broken(mask, 2, 4)
    assert (alarm.code, alarm.severity) == ("pattern-broken", "fault") and "keep more than 2 weights" in alarm.message


def test_a_folder_that_says_2_4_is_held_to_it(tmp_path):
    end = {"fc.weight": scores(LINEAR) + 0.1}
    end["fc.weight"] *= by_hand(scores(LINEAR), 2, 4, "along the inputs")
    torch.save(end, tmp_path / "end.pt")
    (tmp_path / "run.json").write_text('{"requested": 0.5, "granularity": "2:4"}')
    (report,) = audit_folder(tmp_path)
    assert [alarm.code for alarm in report.alarms] == ["mask-inferred"]
    assert report.facts["pattern"] == "2:4 along the inputs in 1 of 1 tensors"
    end["fc.weight"][0, :4] = 1.0
    end["fc.weight"][1, :4] = 0.0
    torch.save(end, tmp_path / "end.pt")
    (report,) = audit_folder(tmp_path)
    assert "pattern-broken" in [alarm.code for alarm in report.alarms]


def test_masks_of_patterns_still_reach_what_was_asked():
    mask = select(Scores({"fc.weight": scores(LINEAR)}), 0.5, granularity="2:4")
    assert audit(mask=mask, requested=0.5, granularity="2:4") == []


@settings(deadline=None, max_examples=30)
@given(
    piece=st.sampled_from(["filter", "block:4x4", "block:3x7", "block:8x2"]),
    sparsity=st.sampled_from([0.5, 0.75, 0.25]),
    seed=st.integers(0, 99),
)
def test_whole_filters_and_blocks_are_no_pattern(piece, sparsity, seed):
    drawn = Scores({"w": scores((32, 32, 3, 3) if piece == "filter" else (32, 48), seed)})
    assert pattern_axis(select(drawn, sparsity, granularity=piece)) == []


def test_every_second_filter_is_no_pattern():
    kept = torch.ones(16, 24, dtype=torch.bool)
    kept[::2] = False
    assert pattern_along(kept, "along the outputs") is None


def test_columns_that_repeat_along_the_inputs_are_a_pattern_that_kernels_can_use():
    kept = torch.ones(16, 24, dtype=torch.bool)
    kept[:, ::2] = False
    assert pattern_along(kept, "along the inputs") == (2, 4) and pattern_axis(Mask({"w": kept})) == []


@pytest.mark.parametrize("axis", ["in memory order", "along the outputs"])
def test_the_call_and_the_folder_raise_the_same_alarm(axis):
    kept = by_hand(scores(CONV), 2, 4, axis)
    assert [alarm.code for alarm in audit(mask=Mask({"w": kept}), requested=0.5)] == ["pattern-axis"]
