"""A worker holds few data sets, and what they share once; freed memory goes back to the system."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lotterylab.data import Digits
from lotterylab.data.subset import Subset
from lotterylab.engine.datasets import Datasets
from lotterylab.engine.worker import ENVIRONMENT
from lotterylab.errors import UsageError
from lotterylab.plan.nodes import Data

POOL = Digits(train=200, validation=30, test=40)


def own(seed: int) -> Data:
    spec = Subset(spec=POOL, train=50, seed=seed)
    return Data(spec=spec, content=spec.fingerprint(None).content)


def test_each_seed_has_its_own_images_and_all_share_the_others():
    held = Datasets(None)
    first, second = held.of(own(0)), held.of(own(1))
    assert not torch.equal(first.train.images, second.train.images)
    assert first.test is second.test and first.validation is second.validation
    for seed, dataset in enumerate((first, second)):
        alone = own(seed).spec.load(None)
        for name in ("train", "validation", "test"):
            one, other = getattr(dataset, name), getattr(alone, name)
            assert torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)


def test_other_images_are_not_shared():
    held = Datasets(None)
    other = Digits(train=200, validation=30, test=40, split_seed=7)
    first = held.of(own(0))
    assert held.of(Data(spec=other, content=other.fingerprint(None).content)).test is not first.test


def test_those_that_were_used_last_are_held():
    held = Datasets(None, most=2)
    first, _ = held.of(own(0)), held.of(own(1))
    assert held.of(own(0)) is first
    held.of(own(2))  # in the place of 1
    assert held.of(own(0)) is first
    held.of(own(1)), held.of(own(2))
    again = held.of(own(0))
    assert again is not first and torch.equal(again.train.images, first.train.images)


def test_other_content_is_refused_each_time():
    held = Datasets(None)
    for _ in range(2):
        with pytest.raises(UsageError, match="have the content"):
            held.of(replace(own(0), content="0" * 64))


SCRIPT = """
import numpy
from lotterylab.engine.memory import Spare
def anonymous():
    return next(int(line.split()[1]) / 1024 for line in open("/proc/self/smaps_rollup") if line.startswith("Anonymous"))
spare = Spare()
kept = [numpy.ones(20 * 2**20, dtype="uint8") for _ in range(9)][-1]  # eight holes below one block
before = anonymous()
spare.give_back()
print(before - anonymous())
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux alone tells a process's pages")
def test_holes_in_a_worker_s_memory_are_given_back():
    said = subprocess.run(
        [sys.executable, "-c", SCRIPT], env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, check=True
    )
    assert float(said.stdout) > 140  # MiB, of 160
