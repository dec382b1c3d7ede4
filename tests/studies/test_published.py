from __future__ import annotations

import pytest

from lotterylab.reading.published import beside
from lotterylab.reading.rows import Rows
from lotterylab.studies.published import published_values
from some_results import pruned, row

PUBLISHED = "as-published"
ACCURACY, SPARSITY = "test accuracy, last epoch", "sparsity of the mask"


def test_the_published_values_are_those_of_the_figures() -> None:
    values = published_values()
    assert len(values) == 3 * 18 + 9
    assert {one.figure: one.error for one in values} == {
        "accuracy-vs-sparsity": 0.003,
        "mask-sparsity": 0.005,
        "stability-vs-sparsity": 0.04,
        "training-curves": 0.004,
    }
    assert [one.value for one in values if one.label("activation") == "sigmoid" and one.quantity == ACCURACY] == [
        0.158, 0.102, 0.1, 0.385, 0.395, 0.347,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("at_42", "others", "within", "within_at_seed"),
    [(0.439, 0.439, True, True), (0.442, 0.46, False, True), (0.46, 0.442, True, False), (0.46, 0.46, False, False)],
)
def test_a_published_value_is_compared_with_the_other_seeds_and_with_its_own(at_42, others, within, within_at_seed):
    def make(activation, method, sparsity, seed):
        prune = {"removed": 109_018, "parameters": 545_098}
        return {"train": {"test_accuracy": at_42 if seed == 42 else others}, "prune": prune}

    rows = pruned(PUBLISHED, make, activations=("relu",), methods=("magnitude",))
    found = {
        (one.published.target, one.published.quantity): one
        for one in beside(published_values(), Rows(rows))
        if one.ours is not None
    }
    accuracy = found[0.5, ACCURACY]
    assert (accuracy.published.value, accuracy.within, accuracy.within_at_seed) == (0.439, within, within_at_seed)
    assert accuracy.ours is not None and (accuracy.ours.mean, accuracy.ours.n) == (pytest.approx(others), 4)
    assert accuracy.at_seed == at_42
    sparsity = found[0.8, SPARSITY]
    assert sparsity.ours is not None and sparsity.ours.sd == 0.0
    assert (sparsity.within, sparsity.at_seed) == (True, pytest.approx(0.2, abs=1e-5))
    assert {quantity for _, quantity in found} == {ACCURACY, SPARSITY}


def test_one_seed_is_compared_by_itself_alone() -> None:
    rows = [row(PUBLISHED, "tanh", "dense", 43, train={"train_accuracy": 0.453})]
    (found,) = [one for one in beside(published_values(), Rows(rows)) if one.ours is not None]
    assert found.ours is not None and (found.ours.mean, found.ours.sd) == (0.453, None)
    assert found.published.label("method") == "dense"
    assert (found.within, found.at_seed, found.within_at_seed) == (None, None, None)
