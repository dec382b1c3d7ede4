"""Some classes of a data set as a task of their own: against a plain loop over the images, and what is refused."""

from __future__ import annotations

import pytest
import torch

from lotterylab.data import Digits
from lotterylab.data.classes import Classes
from lotterylab.errors import UsageError

WHOLE = Digits(train=200, validation=50, test=100)


def test_the_images_are_the_first_of_their_classes_and_the_labels_are_numbered_anew():
    kept = (7, 0, 3)
    found = Classes(spec=WHOLE, kept=kept, sizes=(40, 5, 20)).load(None)
    whole = WHOLE.load(None)
    for name, size in (("train", 40), ("validation", 5), ("test", 20)):
        split, part = getattr(whole, name), getattr(found, name)
        expected = [
            (image, kept.index(int(label)))
            for image, label in zip(split.images, split.labels, strict=True)
            if int(label) in kept
        ]
        assert (
            part.labels.tolist() == [label for _, label in expected[:size]] and part.labels.dtype == split.labels.dtype
        )
        assert torch.equal(part.images, torch.stack([image for image, _ in expected[:size]]))
    assert found.classes == 3 and (found.mean, found.std) == (whole.mean, whole.std)


def test_two_halves_have_no_image_in_common_and_names_of_their_own():
    halves = [Classes(spec=WHOLE, kept=tuple(range(k, k + 5)), sizes=(60, 10, 30)) for k in (0, 5)]
    images = [{tuple(image.flatten().tolist()) for image in half.load(None).train.images} for half in halves]
    assert not images[0] & images[1] and halves[0].title != halves[1].title
    assert halves[0].fingerprint(None) == WHOLE.fingerprint(None), "the spec tells the halves apart"


@pytest.mark.parametrize("kept", [(), (0, 0), (9, 10)])
def test_classes_that_are_not_there_are_refused(kept):
    with pytest.raises(UsageError, match="Name each class once"):
        Classes(spec=WHOLE, kept=kept, sizes=(1, 1, 1))


def test_more_images_than_there_are_are_refused():
    with pytest.raises(
        UsageError, match=r"150 images were asked for in the split 'train' of .*classes 0 1.*Ask for fewer"
    ):
        Classes(spec=WHOLE, kept=(0, 1), sizes=(150, 1, 1)).load(None)
