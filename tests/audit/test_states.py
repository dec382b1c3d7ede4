"""The audit of state dicts finds exactly the fault that is planted in a correct arm."""

import pytest
import torch
from torch import nn

from lotterylab import masks
from lotterylab.auditing import audit
from lotterylab.errors import UsageError
from lotterylab.masks.select import select
from some_arms import PRUNABLE, SHAPES, STATISTICS, codes, later, right_arm, state, with_mask


def lowest(by: dict, requested: float) -> dict:
    return select({name: by[name] for name in PRUNABLE}, requested)


@pytest.mark.parametrize("requested", [0.0, 0.3, 0.8, 0.95])
@pytest.mark.parametrize("shapes", [SHAPES, SHAPES | STATISTICS])
def test_a_right_arm_gives_no_alarm(requested, shapes):
    sparse = ["lost-classes"] * (requested == 0.95)  # some of the output layer's 10 rows are empty
    assert codes(**right_arm(requested, shapes)) == sparse


@pytest.mark.parametrize("left_out", list(right_arm()))
def test_a_right_arm_gives_no_alarm_whatever_part_of_the_evidence_is_missing(left_out):
    arm = {name: value for name, value in right_arm().items() if name != left_out}
    assert codes(**arm) == (["mask-inferred"] if left_out == "mask" else [])


@pytest.mark.parametrize(
    ("scope", "granularity"), [("layerwise", "weight"), ("global", "filter"), ("layerwise", "filter")]
)
def test_counts_by_layer_and_by_filter_are_reached_too(scope, granularity):
    shapes = {"fc1.weight": (31, 21), "fc1.bias": (31,), "fc2.weight": (11, 31), "fc2.bias": (11,)}
    arm = right_arm(0.5, shapes, scope, granularity)
    assert masks.kept(arm["mask"]) != masks.entries(arm["mask"]) // 2  # each count is of odd numbers, or of filters
    assert codes(**arm | {"scores": None}) == []


def test_a_fraction_1_minus_s_is_seen():
    arm = right_arm()
    arm = with_mask(arm, lowest(arm["scores"], 0.2))
    (alarm,) = audit(**arm)
    assert (alarm.code, alarm.severity) == ("reached-is-not-requested", "fault")
    assert "asked 80 % (720 of 900), removed 20 % (180)" in alarm.message and "reversed" in alarm.message


def test_a_threshold_that_keeps_all_ties_is_seen():
    arm = right_arm()
    scores = {name: tensor.clone() for name, tensor in arm["scores"].items()}
    scores["fc2.weight"][:] = 0.01  # 300 of 900 entries share a score that is among the lowest
    arm = with_mask(arm, select(scores, 0.2)) | {"requested": 0.2, "scores": scores}
    assert codes(**arm) == ["ties-at-cut", "lost-classes"]  # the first of the equals go, whole rows of them
    kept = select(scores, 0.2, ties="threshold")
    arm = with_mask(arm, kept) | {"scores": scores}
    found = {alarm.code: alarm.message for alarm in audit(**arm)}
    assert found.keys() == {"reached-is-not-requested", "ties-at-cut"}
    assert "all of them were kept" in found["ties-at-cut"]


def test_zero_scores_are_seen():
    arm = right_arm(0.1)
    scores = {name: tensor.clone() for name, tensor in arm["scores"].items()}
    scores["fc1.weight"][0, :15] = 0.0  # 15 of 900, all of which go: no tie is cut through
    assert codes(**with_mask(arm, lowest(scores, 0.1)) | {"scores": scores}) == ["zero-scores"]


def test_nan_scores_are_an_alarm_and_not_an_error():
    arm = right_arm()
    arm["scores"]["fc1.weight"][0, 0] = torch.nan
    assert codes(**arm) == ["nan-scores"]


def test_gradients_that_are_mostly_zero_are_seen():
    arm = right_arm()
    arm["gradients"]["fc1.weight"][:25] = 0.0
    assert codes(**arm) == ["zero-gradients"]


def test_gradients_of_what_was_no_candidate_do_not_count():
    arm = right_arm()
    every = arm["gradients"] | {"embedding": torch.zeros(10_000)}
    assert codes(**arm | {"gradients": every}) == []


def test_masks_of_one_sign_are_seen():
    arm = right_arm(0.4)
    (alarm,) = audit(**with_mask(arm, lowest(arm["dense"], 0.4)))  # the most negative go first
    assert alarm.code == "one-sign" and "by dense" in alarm.message
    (alarm,) = audit(**with_mask(arm, lowest(arm["init"], 0.4)) | {"dense": None})
    assert alarm.code == "one-sign" and "by init" in alarm.message


def test_signs_are_counted_among_the_candidates_and_zero_has_none():
    arm = right_arm(0.3) | {"dense": None, "requested": 0.5}
    earlier = lowest({name: arm["init"][name].abs() for name in PRUNABLE}, 0.3)
    most_negative = select({name: arm["init"][name] for name in PRUNABLE}, 0.5, mask=earlier)
    arm = with_mask(arm, most_negative)
    assert codes(**arm) == []  # 270 entries of both signs hide the 180 negative ones
    assert codes(**arm, earlier=earlier) == ["one-sign"]
    arm["init"]["fc1.weight"][:20] = 0.0
    arm = with_mask(arm | {"requested": 0.4}, lowest({name: arm["init"][name].abs() for name in PRUNABLE}, 0.4))
    assert codes(**arm) == []


def test_an_emptied_layer_is_seen():
    arm = right_arm(0.4)
    scores = {**arm["scores"], "fc2.weight": torch.full((10, 30), -1.0)}
    assert codes(**with_mask(arm, lowest(scores, 0.4))) == ["emptied-layer"]


def test_pruned_weights_that_grew_back_are_seen():
    arm = right_arm()
    arm["end"] = later(arm["start"], 2)
    (alarm,) = audit(**arm)
    assert (alarm.code, alarm.severity) == ("moved", "fault")
    assert "720 of 720" in alarm.message and "fc1.weight, fc2.weight" in alarm.message
    assert "0 % of 900 entries are 0 instead of 80 %" in alarm.message


def test_one_entry_that_moved_by_the_least_number_is_seen():
    arm = right_arm()
    row, column = (~arm["mask"]["fc1.weight"]).nonzero()[0]
    arm["end"]["fc1.weight"][row, column] = 1e-45
    assert codes(**arm) == ["moved"]


def test_negative_zeros_are_zeros():
    arm = right_arm()
    arm["end"] = {name: tensor * arm["mask"].get(name, 1) for name, tensor in later(arm["start"], 2).items()}
    assert bool(torch.signbit(arm["end"]["fc1.weight"][~arm["mask"]["fc1.weight"]]).any())
    assert codes(**arm) == []


def test_a_start_that_is_no_reset_is_seen():
    arm = right_arm()
    start = masks.masked(state(9), arm["mask"])
    (alarm,) = audit(**arm | {"start": start})
    assert (alarm.code, alarm.severity) == ("start-not-initial", "fault")
    (alarm,) = audit(**arm | {"start": masks.masked(arm["dense"], arm["mask"])})
    assert (alarm.code, alarm.severity) == ("start-not-initial", "caution") and "fine-tuned" in alarm.message


def test_a_start_to_which_the_mask_was_not_applied_is_seen():
    arm = right_arm()
    (alarm,) = audit(**arm | {"start": arm["init"]})
    assert (alarm.code, alarm.severity) == ("start-not-initial", "fault") and "720 of 720" in alarm.message


def test_biases_that_were_not_reset_are_a_caution_and_batch_norm_statistics_are_left_alone():
    arm = right_arm(shapes=SHAPES | STATISTICS)
    arm["start"]["bn.running_mean"] = arm["dense"]["bn.running_mean"]
    assert codes(**arm) == []
    arm["start"]["fc1.bias"] = arm["dense"]["fc1.bias"]
    (alarm,) = audit(**arm)
    assert (alarm.code, alarm.severity) == ("start-not-initial", "caution") and "fc1.bias" in alarm.message


def test_chance_divergence_and_selection_are_seen():
    arm = right_arm()
    assert codes(**arm | {"accuracy": 0.1, "train_accuracy": 0.1}) == ["never-left-chance"]
    assert codes(**arm | {"diverged_epoch": 4}) == ["diverged"]
    assert codes(**arm | {"picked": "test"}) == ["selection-on-test"]
    assert codes(**arm | {"test_reads": 20}) == ["selection-on-test"]
    arm["end"]["fc2.bias"][0] = torch.inf
    assert codes(**arm) == ["diverged"]


def test_extreme_facts_are_facts():
    assert codes(accuracy=0.0, train_accuracy=1.0, classes=2, test_images=100) == []
    assert codes(test_images=1) == []
    assert codes(accuracy=1.0, train_accuracy=0.0, classes=2, test_images=100) == []


def test_facts_alone_are_evidence_enough():
    assert codes(picked="test") == ["selection-on-test"]


def test_the_same_mask_for_another_request_is_seen():
    arm = right_arm()
    others = {"0.5": (0.5, arm["mask"]), "again": (0.8, arm["mask"])}
    (alarm,) = audit(**arm, others=others)
    assert alarm.code == "identical-masks" and "0.5 (asked 50 %)" in alarm.message
    assert codes(**arm, others={"0.5": (0.5, lowest(arm["scores"], 0.5))}) == []
    with pytest.raises(UsageError, match="requested"):
        audit(mask=arm["mask"], others=others)


def test_a_mask_that_covers_biases_is_a_caution_that_tells_both_denominators():
    arm = right_arm(0.3)
    everything = {name: arm["dense"][name].abs() for name in SHAPES}
    mask = select(everything, 0.3)
    arm = with_mask(arm, mask) | {"gradients": state(3)}
    (alarm,) = audit(**arm)
    assert (alarm.code, alarm.severity) == ("biases-pruned", "caution") and "40 entries" in alarm.message
    told, _ = (alarm.message for alarm in audit(**arm | {"requested": 0.5}))
    weights = sum(int((~mask[name]).sum()) for name in PRUNABLE)
    assert f"removed 30 % (282) (of weights alone {weights} of 900)" in told and weights < 282


def test_a_mask_that_carries_untouched_biases_is_judged_by_its_weights():
    arm = right_arm()
    mask = arm["mask"] | {name: torch.ones(SHAPES[name], dtype=torch.bool) for name in ("fc1.bias", "fc2.bias")}
    assert codes(**arm | {"mask": mask, "scores": None, "gradients": None}) == ["biases-pruned"]
    mask["fc1.bias"][:10] = False
    found = codes(**with_mask(arm, mask) | {"gradients": None})
    assert found == ["reached-is-not-requested", "biases-pruned"]  # 730 of 940 were removed


def test_a_mask_of_biases_alone_has_no_weights_to_tell_of():
    mask = {"fc1.bias": torch.tensor([True, False])}
    assert codes(mask=mask, requested=0.5) == ["biases-pruned"]
    assert codes(mask=mask, requested=0.0) == ["reached-is-not-requested", "biases-pruned"]


def test_an_iterative_round_is_judged_among_the_candidates_that_were_left():
    arm = right_arm(0.5)
    earlier = arm["mask"]
    dense = masks.masked(later(arm["start"], 4), earlier)
    scores = {name: dense[name].abs() for name in PRUNABLE}
    mask = select(scores, 0.75, mask=earlier)
    arm = with_mask(arm | {"dense": dense, "requested": 0.75}, mask) | {"scores": scores}
    assert codes(**arm) == ["zero-scores"]
    assert codes(**arm, earlier=earlier) == []
    arm["gradients"] = {name: tensor * earlier[name] for name, tensor in arm["gradients"].items()}
    assert codes(**arm, earlier=earlier) == []


def test_entries_that_came_back_are_seen():
    arm = right_arm()
    assert codes(**with_mask(arm, arm["mask"]), earlier=lowest(arm["scores"], 0.81)) == ["came-back"]


def test_without_a_request_the_zeros_of_an_end_mean_nothing():
    assert codes(end=right_arm()["end"]) == []
    assert codes(requested=0.8, picked="validation") == []


def test_a_half_precision_copy_and_parameters_that_require_gradients_are_read():
    arm = {role: right_arm()[role] for role in ("init", "start", "end", "mask")}
    halves = {role: {name: t.bfloat16() for name, t in arm[role].items()} for role in ("init", "start", "end")}
    assert codes(**halves, mask=arm["mask"], requested=0.8) == []
    arm["end"] = {name: nn.Parameter(tensor) for name, tensor in arm["end"].items()}
    assert codes(**arm, requested=0.8) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": {"fc1.wieght": torch.ones(30, 20, dtype=torch.bool)}}, "Did you mean 'fc1.weight'"),
        ({"mask": {"fc1.weight": torch.ones(20, 30, dtype=torch.bool)}}, r"shape \(20, 30\)"),
        ({"mask": {"fc1.weight": torch.ones(30, 20)}}, "a mask is bool"),
        ({"mask": {}}, "mask is an empty dict"),
        ({"mask": {"fc1.weight": torch.ones(0, 20, dtype=torch.bool)}}, "mask"),
        ({"end": {"fc1.weight": torch.ones(30, 20)}}, "end: the mask names 'fc2.weight'"),
        ({"end": nn.Linear(2, 2)}, "module.state_dict"),
        ({"end": {"layer": torch.ones(2)}}, "no tensor name in common"),
        ({"dense": state(1, {**SHAPES, "fc2.bias": (11,)})}, "states of the same network"),
        ({"mask": None, "start": {**state(0), "new.weight": torch.ones(2, 2)}}, "'new.weight' of start is not in init"),
        ({"scores": {"fc1.weight": torch.ones(30, 20)}}, "fc2.weight"),
        ({"scores": {**right_arm()["scores"], "fc1.bias": torch.ones(30)}}, "scores names 'fc1.bias'"),
        ({"earlier": {"fc1.weight": torch.ones(30, 20, dtype=torch.bool)}}, "earlier"),
        ({"earlier": {name: torch.ones(SHAPES[name]) for name in PRUNABLE}}, "a mask is bool"),
        ({"gradients": {"fc1.weight": torch.ones(30, 20)}}, "gradients: the mask names 'fc2.weight'"),
        ({"requested": 80}, "from 0 to 1"),
        ({"accuracy": 43.1}, "Divide a percentage by 100"),
        ({"classes": 1}, "classes must be at least 2"),
        ({"test_images": 0}, "test_images must be at least 1"),
        ({"picked": "tset"}, "Did you mean 'test'"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(change, message):
    with pytest.raises(UsageError, match=message):
        audit(**right_arm() | change)


def test_no_evidence_and_an_earlier_mask_alone_are_refused():
    with pytest.raises(UsageError, match="nothing to audit"):
        audit()
    with pytest.raises(UsageError, match="give mask or start"):
        audit(earlier=right_arm()["mask"])
