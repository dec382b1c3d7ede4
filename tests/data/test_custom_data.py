"""A user's own function as data."""

import pickle
import sys

import pytest

from lotterylab.data.custom import custom_data
from lotterylab.errors import UsageError

SOURCE = '''
import numpy as np


def squares(n: int = 20, size: int = 6):
    """n: of training images."""
    draw = np.random.default_rng(0)
    return draw.integers(0, 256, (n, 2, size, size), dtype=np.uint8), np.arange(n) % 3, \\
        draw.integers(0, 256, (6, 2, size, size), dtype=np.uint8), np.arange(6) % 3

def grey(): return tuple(np.zeros((4, 5, 5), np.uint8) if i % 2 == 0 else np.arange(4) for i in range(4))
def floats(): return (np.zeros((4, 1, 5, 5)), np.arange(4)) * 2
def lengths(): return (np.zeros((4, 1, 5, 5), np.uint8), np.arange(5)) * 2
def negative(): return (np.zeros((4, 1, 5, 5), np.uint8), np.arange(4) - 1) * 2
def ordered(): return (np.zeros((60, 5, 5), np.uint8), np.repeat(np.arange(3), 20)) * 2
def three(): return 1, 2, 3
def fails(): raise RuntimeError("no disk")
'''


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "data_mine.py").write_text(SOURCE)
    yield
    sys.modules.pop("data_mine", None)


def test_arrays_become_splits():
    spec = custom_data("data_mine:squares", options={"n": 30}, validation=5).sized()
    assert (spec.train, spec.validation, spec.test) == (25, 5, 6)
    assert (spec.shape, spec.classes, spec.title) == ((2, 6, 6), 3, "squares@25")
    data = spec.load(None)
    assert data.train.labels.tolist() == [number % 3 for number in range(25)]
    sent = pickle.dumps(spec)
    assert len(sent) < 500 and pickle.loads(sent).fingerprint(None) == spec.fingerprint(None)


def test_grey_images_need_no_axis_for_the_channel():
    spec = custom_data("data_mine:grey")
    assert (spec.shape, spec.classes) == ((1, 5, 5), 4)


WRONG = [
    ("floats", {}, "returned images float64 (4, 1, 5, 5)"),
    ("lengths", {}, "labels (5,)"),
    ("negative", {}, "not whole numbers from 0"),
    ("three", {}, "return (images, labels, test_images, test_labels)"),
    ("fails", {}, "failed: RuntimeError: no disk"),
    ("squares", {"train": 30}, "gives 20 images"),
    ("squares", {"test": 7}, "gives 6 test images"),
    ("squars", {}, "Did you mean 'squares'"),
]


@pytest.mark.parametrize(("name", "sizes", "says"), WRONG)
def test_what_is_wrong_is_said(name, sizes, says):
    with pytest.raises(UsageError) as refused:
        custom_data(f"data_mine:{name}", **sizes).load(None)
    assert says in str(refused.value)


def test_images_that_are_sorted_by_class_are_refused_until_a_seed_draws_the_parts():
    with pytest.raises(UsageError, match=r"the 40 training images .* lack 1 of its 3 classes .* --data.split"):
        custom_data("data_mine:ordered", train=40, validation=20).load(None)
    spec = custom_data("data_mine:ordered", train=40, validation=20, split_seed=7)
    data = spec.load(None)
    assert set(data.validation.labels.tolist()) == {0, 1, 2} and spec.title == "ordered@40 (split 7)"
    assert len(data.train) == 40 and custom_data("data_mine:ordered", validation=2).load(None)
    others = [custom_data("data_mine:ordered", split_seed=seed).fingerprint(None).content for seed in (1, 1, 2)]
    assert others[0] == others[1] != others[2]


def test_the_command_offers_a_split_seed_for_a_user_s_data():
    from lotterylab.asking.choices import data_options, data_spec

    assert [one.name for one in data_options("data_mine:squares")] == ["n", "size", "split_seed"]
    spec = data_spec("data_mine:squares", {"split_seed": 3, "n": 30}, {"validation": 5}, None)
    assert spec.split_seed == 3 and dict(spec.options) == {"n": 30}


def test_options_are_checked():
    with pytest.raises(UsageError, match="Did you mean 'size'"):
        custom_data("data_mine:squares", options={"sice": 3})
