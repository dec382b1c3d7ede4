"""The audit handles masks that remove filters, blocks and patterns."""

import pytest
import torch

from lotterylab.auditing import audit
from lotterylab.errors import UsageError
from lotterylab.masks.select import select
from some_arms import codes, right_arm


@pytest.mark.parametrize("granularity", ["2:4", "block:4x4", "block:3x7"])
def test_patterns_and_blocks_are_counted_in_their_own_pieces(granularity):
    requested = 0.5
    arm = right_arm(requested, granularity=granularity) | {"scores": None}
    assert codes(**arm, granularity=granularity) == []
    other = right_arm(0.3) | {"requested": requested, "scores": None}
    assert "reached-is-not-requested" in codes(**other, granularity=granularity)


def test_requests_for_the_same_number_of_pieces_have_one_mask():
    """18 of 22 filters for 0.80 and for 0.82."""
    scores = {"conv.weight": torch.rand(22, 3, 3, 3, generator=torch.Generator().manual_seed(0))}
    a, b = (select(scores, share, granularity="filter") for share in (0.80, 0.82))
    assert audit(mask=a, requested=0.80, others={"b": (0.82, b)}) == []
    (alarm,) = audit(mask=a, requested=0.80, others={"b": (0.70, a)})
    assert alarm.code == "identical-masks"
    with pytest.raises(UsageError, match="a mask is bool"):
        audit(mask=a, requested=0.80, others={"b": (0.5, {name: one.to(torch.uint8) for name, one in a.items()})})


def test_classes_that_lost_their_row_are_seen():
    mask = {"fc1.weight": torch.ones(30, 20, dtype=torch.bool), "fc2.weight": torch.ones(10, 30, dtype=torch.bool)}
    assert audit(mask=mask, classes=10) == []
    mask["fc1.weight"][:10] = False  # a hidden layer may lose units
    mask["fc2.weight"][3] = mask["fc2.weight"][7] = False
    (alarm,) = audit(mask=mask, classes=10)
    assert (alarm.code, alarm.severity) == ("lost-classes", "caution")
    assert "2 of the 10 rows of 'fc2.weight'" in alarm.message
    assert audit(mask=mask) == [], "without the number of classes nothing tells an output layer"
    mask["fc2.weight"][:] = False
    assert [one.code for one in audit(mask=mask, classes=10)] == ["emptied-layer"]
