"""The audit infers a missing mask from exact zeros."""

import torch

from lotterylab import masks
from lotterylab.auditing import audit
from some_arms import SHAPES, STATISTICS, codes, later, right_arm, state, with_mask


def test_the_inferred_mask_is_the_mask():
    arm = right_arm(0.5)
    arm["init"]["fc2.weight"][0] = 0.0  # an output that starts at 0 was not pruned
    arm["mask"]["fc2.weight"][0] = True
    arm = with_mask(arm | {"requested": masks.sparsity(arm["mask"])}, arm["mask"])
    (alarm,) = audit(**arm | {"mask": None})
    removed = masks.entries(arm["mask"]) - masks.kept(arm["mask"])
    assert alarm.code == "mask-inferred" and f"{removed} zeros of 900 weights in 'start'" in alarm.message
    assert "cannot check" not in alarm.message


def test_batch_norm_statistics_are_no_part_of_an_inferred_mask():
    arm = right_arm(shapes=SHAPES | STATISTICS) | {"mask": None}
    arm["start"]["bn.running_mean"] = torch.zeros(30)
    (alarm,) = audit(**arm)
    assert alarm.code == "mask-inferred" and "720 zeros of 900" in alarm.message


def test_faults_are_seen_through_an_inferred_mask():
    arm = right_arm()
    moved = arm | {"mask": None, "end": later(arm["start"], 2)}
    assert codes(**moved) == ["moved", "mask-inferred"]
    assert codes(**arm | {"mask": None, "requested": 0.2}) == ["reached-is-not-requested", "mask-inferred"]


def test_pruned_biases_are_found_in_an_inferred_mask():
    arm = right_arm()
    arm["start"]["fc1.bias"][:5] = 0.0
    arm["end"]["fc1.bias"][:5] = 0.0
    assert "biases-pruned" in codes(init=arm["init"], start=arm["start"], end=arm["end"])


def test_with_an_end_alone_and_a_request_its_zeros_are_the_mask():
    end = right_arm()["end"]
    (alarm,) = audit(end=end, requested=0.8)
    assert alarm.code == "mask-inferred" and "cannot check" in alarm.message
    assert codes(end=later(end, 2), requested=0.8) == ["reached-is-not-requested", "mask-inferred"]


def test_a_dense_run_has_no_mask_and_no_alarm():
    init = state(0)
    assert codes(init=init, start=init, end=later(init, 1)) == []
    assert codes(init=init, end=later(init, 1), requested=0.0) == []


def tied(arm: dict) -> dict:
    """Return the arm with a decoder that shares fc1's weight, which a state dict lists under both names."""
    roles = {role: {**arm[role], "tied.weight": arm[role]["fc1.weight"].clone()} for role in ("init", "start", "end")}
    return {**arm, **roles, "dense": None, "scores": None, "gradients": None}


def test_a_tied_weight_counts_once():
    arm = tied(right_arm())
    assert codes(**arm | {"mask": None}) == ["mask-inferred"]
    assert codes(**arm) == [], "the tied weight was reset under both names"


def test_a_tensor_that_nobody_prunes_is_not_held_against_an_inferred_mask():
    arm = right_arm()
    words = {"embedding.weight": torch.randn(50, 20)}
    roles = {role: {**arm[role], **words} for role in ("init", "start", "end")}
    arm = {**arm, **roles, "dense": None, "scores": None, "gradients": None, "mask": None}
    assert codes(**arm) == ["mask-inferred"]
    assert codes(**arm | {"requested": 0.3}) == ["reached-is-not-requested", "mask-inferred"]
