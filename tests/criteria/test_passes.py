"""The arithmetic of a score, in forward passes of each image, against the operations that torch counts."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import lotterylab as ll
from lotterylab.analysis.macs import macs
from lotterylab.criteria import ALL, Grasp, Obd, Snip, SynFlow, WeightSquaredGradient
from lotterylab.data.scoring import FirstOfStream, PerClass
from lotterylab.data.streams import TorchGlobalStream
from lotterylab.models import Vgg

VGG = Vgg(depth=16, width=0.1)
IMAGES = 4


def passes(criterion) -> float:
    """Two operations are one multiply-accumulate."""
    module = VGG.build()
    seen = {"batch": (torch.randn(IMAGES, *VGG.shape), torch.arange(IMAGES))}
    given = seen if criterion.needs_batch else {"input_shape": VGG.shape}
    with FlopCounterMode(display=False) as counted:
        ll.score(module, criterion, **given)
    images = IMAGES if criterion.needs_batch else 1
    return counted.get_total_flops() / 2 / images / sum(macs(module, VGG.shape).values())


@pytest.mark.parametrize("criterion", [Snip(), Grasp(), SynFlow(), WeightSquaredGradient(), Obd(draws=2), Obd(draws=3)])
def test_a_criterion_says_what_its_scores_cost(criterion):
    """The first layer needs no gradient of its inputs, so the count is a little lower."""
    assert 0.9 * criterion.passes < passes(criterion) <= criterion.passes


def test_every_criterion_that_computes_with_the_network_says_it():
    computing = {name for name, kind in ALL.items() if kind.needs_batch or kind.needs_shape}
    assert computing == {name for name, kind in ALL.items() if hasattr(kind, "passes")}


def test_a_batch_says_how_many_images_it_has():
    data = ll.data.Digits().load(None)
    for batch in (PerClass(count=3), FirstOfStream(size=7, stream=TorchGlobalStream(), augment=ll.data.Augment())):
        assert batch.images(data.classes) == len(batch.draw(data, 0).targets)
